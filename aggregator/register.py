"""`Register`: which connection speaks for which agent, and who may take a name over. No socket, no clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from common.errors import WireError
from common.messages import Hello
from common.spool_id import file_of

_FORGET_S = 60.0
_REMIND_S = 1.0
_MOST_DISPLACED = 16


@dataclass(slots=True, kw_only=True)
class Route:
    """One connection that said hello.

    Attributes:
        heard: when it last said anything, seconds of the monotonic clock.
        heard_utc: the same, UTC seconds, for people.
        displaced: starts that lost the name to this one.
    """

    address: bytes
    agent: str
    run: str
    spool: str
    software: str
    heard: float
    heard_utc: float = 0.0
    displaced: tuple[str, ...] = ()


class Register:
    """Who is who.

    A name belongs to the connection that said hello with it. Another connection gets it when the first is gone, silent
    for `stale_after_s`, or the same agent again: same start (`run`), or same spool file, which two living processes
    cannot share. A copy of a disk can: so a start that was displaced does not get the name back from a living one.
    """

    def __init__(self, stale_after_s: float, most_agents: int = 10_000) -> None:
        self.stale_after_s = stale_after_s
        self.most_agents = most_agents
        self._by_address: dict[bytes, Route] = {}
        self._by_agent: dict[str, Route] = {}
        self._reminded: dict[bytes, float] = {}

    def greet(self, address: bytes, hello: Hello, now: float, is_there: Callable[[Route], bool]) -> Route:
        """Note who speaks at `address`.

        Args:
            is_there: tells whether a route still has a connection.

        Raises:
            WireError: `agent_taken`.
        """
        holder = self._by_agent.get(hello.agent)
        displaced: tuple[str, ...] = ()
        if holder is not None and holder.address != address:
            alive = now - holder.heard < self.stale_after_s and is_there(holder)
            same = hello.run == holder.run or (
                file_of(hello.spool) == file_of(holder.spool) and hello.run not in holder.displaced
            )
            if alive and not same:
                raise WireError(
                    "agent_taken",
                    f"another agent named '{hello.agent}' is connected (start {holder.run})",
                    "give each agent a name of its own",
                )
            displaced = holder.displaced
            if holder.run != hello.run:
                displaced = (*displaced, holder.run)[-_MOST_DISPLACED:]
            self._by_address.pop(holder.address, None)
        elif holder is not None:
            displaced = holder.displaced
        elif len(self._by_agent) >= self.most_agents:
            raise WireError("too_many_agents", f"{self.most_agents} agents are connected, and no more are taken")
        previous = self._by_address.get(address)
        if previous is not None and previous.agent != hello.agent:
            self._by_agent.pop(previous.agent, None)
        route = Route(
            address=address, agent=hello.agent, run=hello.run, spool=hello.spool, software=hello.software,
            heard=now, displaced=displaced,
        )
        self._by_address[address] = self._by_agent[hello.agent] = route
        return route

    def route(self, address: bytes, now: float) -> Route:
        """Who speaks at `address`.

        Raises:
            WireError: `hello_first`, nobody said hello there, or another took the name over.
        """
        route = self._by_address.get(address)
        if route is None:
            raise WireError("hello_first", "this connection has not said who it is")
        route.heard = now
        return route

    def forget(self, address: bytes) -> None:
        """Whoever speaks at `address` has to say hello again."""
        route = self._by_address.pop(address, None)
        if route is not None and self._by_agent.get(route.agent) is route:
            del self._by_agent[route.agent]

    def routes(self) -> list[Route]:
        """All of them; may be called from another thread."""
        return list(self._by_agent.copy().values())

    def route_of(self, agent: str) -> Route | None:
        """The connection that speaks for `agent`."""
        return self._by_agent.get(agent)

    def name_at(self, address: bytes) -> str:
        """Who speaks at `address`, for a log line."""
        route = self._by_address.get(address)
        return f"'{route.agent}'" if route else "a connection that has not said hello"

    def may_remind(self, address: bytes, now: float) -> bool:
        """Whether a connection may be told to say hello: once a second, not for every message of its backlog."""
        if now - self._reminded.get(address, float("-inf")) < _REMIND_S:
            return False
        self._reminded[address] = now
        return True

    def forgive(self, seconds: float) -> None:
        """Nobody was listened to for so long: it counts as silence for none."""
        for route in self._by_address.values():
            route.heard += seconds

    def forget_silent(self, now: float) -> None:
        """Forget connections that have long said nothing, so that those of years do not add up."""
        for route in [r for r in self._by_address.values() if now - r.heard > max(_FORGET_S, self.stale_after_s)]:
            self.forget(route.address)
        self._reminded = {a: t for a, t in self._reminded.items() if now - t < _REMIND_S}
