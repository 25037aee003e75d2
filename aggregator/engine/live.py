"""`Live`: how things stand at this moment, from heartbeats and counters. Nothing of it is needed after a restart."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Collection, Iterable
from typing import Any

from aggregator.visit import global_id
from common.messages import Hello, Stats

_RATE_WINDOW_S = 10.0
_OPEN_FOR_S = 60.0
_RECENT = 20


class Live:
    """Written by the engine's thread, read by any.

    Args:
        agent_timeout_s: seconds of silence after which an agent counts as gone.
        now: UTC seconds of the start.
    """

    def __init__(self, agent_timeout_s: float, now: float) -> None:
        self._lock = threading.Lock()
        self._timeout_s = agent_timeout_s
        self._started = now
        self._heard: dict[str, float] = {}
        self._skew: dict[str, float] = {}
        self._spool: dict[str, dict[str, float]] = {}
        self._cameras: dict[str, tuple[str, dict[str, float]]] = {}
        self._open: dict[int, tuple[int | None, float]] = {}
        self._rate: deque[tuple[float, int]] = deque()
        self._recent: deque[dict[str, Any]] = deque(maxlen=_RECENT)
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._problem = ""

    def heard(self, agent: str, message: object, now: float) -> None:
        """An agent spoke."""
        with self._lock:
            self._heard[agent] = now
            if isinstance(message, Hello | Stats):
                self._skew[agent] = message.clock - now
            if isinstance(message, Stats):
                self._spool[agent] = dict(message.spool)
                self._cameras = {camera: row for camera, row in self._cameras.items()
                                 if row[0] != agent or camera in message.cameras}
                for camera, numbers in message.cameras.items():
                    self._cameras[camera] = (agent, dict(numbers))

    def assume_heard(self, agent: str, when: float) -> None:
        """As the store remembers it."""
        with self._lock:
            self._heard.setdefault(agent, when)

    def forgive(self, seconds: float) -> None:
        """Nobody was listened to for so long: it counts as silence for none."""
        with self._lock:
            self._heard = {agent: when + seconds for agent, when in self._heard.items()}

    def is_there(self, agent: str, now: float) -> bool:
        """Whether an agent was heard of lately."""
        with self._lock:
            return self._is_there(agent, now)

    def _is_there(self, agent: str, now: float) -> bool:
        return abs(now - self._heard.get(agent, float("-inf"))) <= self._timeout_s

    def visit(self, visit: int, identity: int | None, final: bool, now: float) -> None:
        """A visit goes on, or has ended."""
        with self._lock:
            if final:
                self._open.pop(visit, None)
            else:
                self._open[visit] = (identity, now)

    def identified(self, visit: int, identity: int | None) -> None:
        """A visit's identity was decided or has changed."""
        with self._lock:
            if visit in self._open:
                self._open[visit] = (identity, self._open[visit][1])

    def forget(self, visits: Collection[int], identities: Collection[int]) -> None:
        """Visits and identities that are no more."""
        names = {global_id(identity) for identity in identities}
        with self._lock:
            self._open = {visit: state for visit, state in self._open.items() if visit not in visits}
            kept = [link for link in self._recent if link["visit"] not in visits and link["global_id"] not in names]
            self._recent.clear()
            self._recent.extend(kept)

    def linked(self, links: Iterable[dict[str, Any]]) -> None:
        """The latest decisions, in their order."""
        with self._lock:
            self._recent.extendleft(links)

    def count(self, counts: Counter[str], refused: Counter[str], now: float) -> None:
        """Add up."""
        with self._lock:
            self._counts += counts
            self._refused += refused
            self._rate.append((now, counts["messages"]))
            self._forget(now)

    def trouble(self, problem: str) -> None:
        """What keeps the engine from storing; empty when nothing does."""
        with self._lock:
            self._problem = problem

    def _forget(self, now: float) -> None:
        while self._rate and self._rate[0][0] < now - _RATE_WINDOW_S:
            self._rate.popleft()
        if len(self._open) > 100:
            self._open = {v: state for v, state in self._open.items() if state[1] >= now - _OPEN_FOR_S}

    def snapshot(self, now: float) -> dict[str, Any]:
        """Everything, ready for JSON. Times in UTC seconds.

        `agents` and `cameras` by name. A camera's numbers are those of its agent's latest heartbeat, left out when
        the agent is gone.
        """
        with self._lock:
            self._forget(now)
            cameras = {camera: numbers for camera, (agent, numbers) in sorted(self._cameras.items())
                       if self._is_there(agent, now)}
            fresh = {identity for identity, when in self._open.values()
                     if identity is not None and when >= now - _OPEN_FOR_S}
            return {
                "uptime_s": now - self._started,
                "problem": self._problem or None,
                "agents": {
                    agent: {"last_seen": when, "connected": self._is_there(agent, now),
                            "clock_skew_s": self._skew.get(agent), "spool": self._spool.get(agent, {})}
                    for agent, when in sorted(self._heard.items())},
                "cameras": cameras,
                "people_now": int(sum(numbers.get("people", 0) for numbers in cameras.values())),
                "identities_active": len(fresh),
                "messages_per_s": sum(n for _, n in self._rate) / min(_RATE_WINDOW_S, max(1.0, now - self._started)),
                "counts": dict(self._counts),
                "refused": dict(self._refused),
                "recent": list(self._recent),
            }
