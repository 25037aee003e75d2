"""`Inbox`: the one thread of the aggregator that speaks with agents.

It takes frames off the wire, checks that they are messages of an agent that said hello, and puts (agent, message) on a
bounded queue. While the queue is full it reads nothing, so that the agents' credit and TCP hold the rest back. It never
looks into an upload's body and never stops for what somebody sends. Repeats and order are the engine's.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

import zmq

from aggregator.gatekeeper import DOMAIN, Gatekeeper
from aggregator.mailbox import Mailbox
from aggregator.register import Register, Route
from common.bursts import Bursts
from common.clock import Clock, SystemClock
from common.endpoints import parse, require_encryption, wants_ipv6
from common.errors import ConfigError, PassageError, WireError
from common.keys import AuthorisedKeys, ServerKeys
from common.messages import (
    MAX_MESSAGE_BYTES,
    Ack,
    Hello,
    Message,
    Picture,
    Refusal,
    Stats,
    Taken,
    Upload,
    decode,
    encode,
)
from common.wakeup import WakeUp

log = logging.getLogger("inbox")

_MAX_READ = 256
_MAX_OUTGOING = 100_000
_REFRESH_S = 1.0
_ALIVE_S = 2.0
_OF_KNOWN = (Upload, Stats, Picture)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """An agent that said hello: its latest greeting's words and when it was last heard, UTC seconds."""

    agent: str
    run: str
    spool: str
    software: str
    last_heard: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxCounters:
    """Since the start: messages taken; refusals by code; messages to agents that were not there or did not read."""

    received: int
    refused: dict[str, int]
    undelivered: int
    waited_s: float


class Inbox:
    """Listens for agents.

    Args:
        endpoint: where; port 0 takes a free one.
        bus: that messages are put on; while it has no room, nothing is read.
        keys: for CURVE; without them only loopback is allowed.
        allowed: names of agents that may say hello; None allows all (with keys: all whose key speaks for their name).
        clock: UTC, for `last_heard`.
        stale_after_s: an agent silent for so long no longer holds its name against another with the same name.
        on_picture: takes an agent's pictures, in the inbox's thread; must return at once. They are not put on the bus.

    Raises:
        ConfigError: `endpoint` is none, or not on loopback and there are no keys.
    """

    def __init__(
        self,
        endpoint: str,
        bus: Mailbox[tuple[str, Message]],
        keys: ServerKeys | None = None,
        allowed: Collection[str] | None = None,
        *,
        clock: Clock | None = None,
        stale_after_s: float = 6.0,
        on_picture: Callable[[str, Picture], None] | None = None,
    ) -> None:
        require_encryption(endpoint, keys is not None, "listen")
        self.endpoint = endpoint
        self._bus = bus
        self._on_picture = on_picture
        self._keys = keys
        self._authorised = AuthorisedKeys(keys.agents) if keys else None
        self._allowed = None if allowed is None else frozenset(allowed)
        self._clock = clock or SystemClock()
        self._register = Register(stale_after_s)
        self._refused: Counter[str] = Counter()
        self._received = 0
        self._undelivered = 0
        self._waited_s = 0.0
        self._outgoing: deque[tuple[str, bytes]] = deque()
        self._bursts = Bursts()
        self._wake = WakeUp()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def start(self) -> Inbox:
        """Listen, and begin to read. `endpoint` then says the real port.

        Raises:
            ConfigError: the port is in use, or this machine has no such address.
        """
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            # Before the socket is bound: who connects first must find somebody to ask.
            self._gatekeeper = (
                Gatekeeper(self._context, self._authorised, self._refused) if self._authorised is not None else None
            )
            self._socket = self._bind()
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self._wake.open()
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread and close the socket; what was read and not yet on the bus is sent again by the agents."""
        self._stopping = True
        self._wake.rouse()
        if self._thread.ident is not None:
            self._thread.join(timeout=5.0)
        self._wake.close()

    def __enter__(self) -> Inbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def send(self, agent: str, message: Message) -> None:
        """Send to an agent, from any thread. What is sent to an agent that is away is counted and forgotten."""
        if len(self._outgoing) >= _MAX_OUTGOING:
            self._undelivered += 1
            return
        self._outgoing.append((agent, encode(message)))
        self._wake.rouse()

    def counters(self) -> InboxCounters:
        """What happened since the start."""
        return InboxCounters(
            received=self._received,
            refused=dict(self._refused.copy()),
            undelivered=self._undelivered,
            waited_s=self._waited_s,
        )

    def agents(self) -> list[AgentStatus]:
        """The agents that are there, or were a minute ago, by name."""
        routes = sorted(self._register.routes(), key=lambda route: route.agent)
        return [
            AgentStatus(agent=r.agent, run=r.run, spool=r.spool, software=r.software, last_heard=r.heard_utc)
            for r in routes
        ]

    def _bind(self) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.ROUTER)
        socket.linger = 0
        # Routes are ROUTER's own numbers, one for each connection: no agent can take another's over by naming it.
        socket.router_mandatory = True
        # Twice what is taken: a message somewhat too large gets an answer; beyond it ZeroMQ closes the connection.
        socket.maxmsgsize = 2 * MAX_MESSAGE_BYTES
        socket.rcvhwm = 128
        socket.sndhwm = 10_000
        socket.ipv6 = wants_ipv6(self.endpoint)
        # Not ZeroMQ's heartbeats: they break a connection that is not read from because the bus is full. The kernel
        # tells who is gone; see `_say_alive` for the other side.
        socket.tcp_keepalive, socket.tcp_keepalive_idle = 1, 10
        socket.tcp_keepalive_intvl, socket.tcp_keepalive_cnt = 5, 3
        if self._keys is not None:
            socket.zap_domain = DOMAIN.encode()
            socket.curve_server = True
            socket.curve_publickey = self._keys.public.encode()
            socket.curve_secretkey = self._keys.secret.encode()
        try:
            if parse(self.endpoint).scheme == "tcp" and parse(self.endpoint).port == 0:
                socket.bind(self.endpoint.rpartition(":")[0] + ":*")
            else:
                socket.bind(self.endpoint)
        except zmq.ZMQError as error:
            raise _explain(error, self.endpoint) from error
        self.endpoint = str(socket.get_string(zmq.LAST_ENDPOINT))
        return socket

    def _run(self) -> None:
        try:
            with contextlib.closing(self._wake):
                self._serve()
        finally:
            self._context.destroy(linger=0)

    def _serve(self) -> None:
        waiting, listening = zmq.Poller(), zmq.Poller()
        for poller in (waiting, listening):
            poller.register(self._wake.fileno(), zmq.POLLIN)
            if self._gatekeeper is not None:
                poller.register(self._gatekeeper.socket, zmq.POLLIN)
        listening.register(self._socket, zmq.POLLIN)
        refresh_at = 0.0
        began = time.monotonic()
        alive_at = began + _ALIVE_S
        while not self._stopping:
            full = self._bus.room <= 0
            if full:
                waiting.poll(10)
            else:
                listening.poll(500)
            self._wake.clear()
            now = time.monotonic()
            if full:
                # Nobody is silent because nobody was listened to.
                self._register.forgive(now - began)
                self._waited_s += now - began
                if now >= alive_at:
                    alive_at = now + _ALIVE_S
                    self._say_alive()
            began = now
            if self._gatekeeper is not None:
                self._gatekeeper.answer()
            if now >= refresh_at:
                refresh_at = now + _REFRESH_S
                self._register.forget_silent(now)
                if self._authorised is not None:
                    self._authorised.refresh()
            self._read(min(_MAX_READ, self._bus.room), now)
            self._write()

    def _read(self, most: int, now: float) -> None:
        taken: list[tuple[str, Message]] = []
        size, room = 0, self._bus.most_bytes - self._bus.bytes
        for _ in range(most):
            if size >= room:
                break
            try:
                address = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            # A Frame rather than bytes: it knows whose key it came with.
            frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            more = 0
            while self._socket.rcvmore if more else frame.more:
                self._socket.recv(zmq.NOBLOCK)
                more += 1
            if (item := self._take(address, frame, more, now)) is not None:
                taken.append(item)
                size += len(frame)
        if taken:
            self._received += len(taken)
            self._bus.put_all(taken, size)

    def _take(self, address: bytes, frame: zmq.Frame, more: int, now: float) -> tuple[str, Message] | None:
        """What goes on the bus of a message, if anything does."""
        try:
            message = self._decode(address, frame, more)
            route = self._check(address, message, frame, now)
            if isinstance(message, Picture):
                self._show(route, message)
                return None
        except WireError as error:
            self._refuse(address, error)
            return None
        except Exception:  # a fault of ours with one message must not deafen the inbox
            log.exception("the inbox failed at a message and goes on")
            self._register.forget(address)
            self._refuse(address, WireError("internal", "the aggregator failed at a message; its log says why"))
            return None
        return route.agent, message

    def _show(self, route: Route, picture: Picture) -> None:
        """Pictures pass by the engine. The answer lets the agent send the next."""
        if self._on_picture is not None:
            self._on_picture(route.agent, picture)
        self._deliver(route.address, encode(Taken(number=picture.number)))

    def _decode(self, address: bytes, frame: zmq.Frame, more: int) -> Message:
        try:
            if more:
                raise WireError("bad_frames", f"a message of {more + 1} frames, expected one")
            return decode(frame.buffer)  # as it lies there: a copy is made of an upload's body alone
        except WireError:
            # It may have been an upload: were the next one acknowledged, it would be taken for received. Whoever says
            # hello again begins at the last acknowledgement.
            self._register.forget(address)
            raise

    @staticmethod
    def _owner(frame: zmq.Frame, authorised: AuthorisedKeys) -> str:
        """The name that the sender's key speaks for."""
        name = authorised.name_of(str(frame.get("User-Id")))
        if name is None:
            raise WireError("not_authorised", "this key was taken back", "aggregator keys new NAME makes another")
        return name

    def _check(self, address: bytes, message: Message, frame: zmq.Frame, now: float) -> Route:
        """The route a message came by, if its sender may send it now."""
        owner = None if self._authorised is None else self._owner(frame, self._authorised)
        if isinstance(message, Hello):
            route = self._greet(address, message, owner, now)
        elif not isinstance(message, _OF_KNOWN):
            raise WireError("unexpected", f"a message of type '{message.type}' is not for the aggregator")
        else:
            route = self._register.route(address, now)
            if owner is not None and owner != route.agent:
                raise WireError("wrong_agent", f"this key speaks for '{owner}', not for '{route.agent}'")
        route.heard_utc = self._clock.now()
        return route

    def _greet(self, address: bytes, hello: Hello, owner: str | None, now: float) -> Route:
        if owner is not None and owner != hello.agent:
            raise WireError("wrong_agent", f"this key speaks for '{owner}', not for '{hello.agent}'",
                            f"call the agent '{owner}', or make a key with 'aggregator keys new {hello.agent}'")
        if self._allowed is not None and hello.agent not in self._allowed:
            raise WireError("not_authorised", f"no agent '{hello.agent}' is expected here")
        return self._register.greet(address, hello, now, self._is_there)

    def _is_there(self, route: Route) -> bool:
        """Whether a route still has a connection: found out by sending what says nothing."""
        try:
            self._socket.send_multipart([route.address, encode(Ack(spool=route.spool, through=0))], zmq.NOBLOCK)
        except zmq.Again:
            return True
        except zmq.ZMQError:
            return False
        return True

    def _say_alive(self) -> None:
        """While nothing is read, agents' own heartbeats are not answered: without a word they would take the connection
        for broken, connect anew and send everything again, which is the last thing that is needed now."""
        for route in self._register.routes():
            self._deliver(route.address, encode(Ack(spool=route.spool, through=0)))

    def _refuse(self, address: bytes, error: WireError) -> None:
        self._refused[error.code] += 1
        now = time.monotonic()
        who = self._register.name_at(address)
        if kept := self._bursts.due((error.code, who), now):
            log.warning("refused %d message(s) from %s: %s: %s", kept, who, error.code, error.message)
        if error.code == "hello_first" and not self._register.may_remind(address, now):
            return
        text = f"{error.message}; {error.cure}" if error.cure else error.message
        self._deliver(address, encode(Refusal(code=error.code, message=text[:4000])))

    def _write(self) -> None:
        while self._outgoing:
            agent, data = self._outgoing.popleft()
            route = self._register.route_of(agent)
            if route is None:
                self._undelivered += 1
            else:
                self._deliver(route.address, data)

    def _deliver(self, address: bytes, data: bytes) -> None:
        try:
            self._socket.send_multipart([address, data], zmq.NOBLOCK)
        except zmq.ZMQError:  # gone, or does not read
            self._undelivered += 1


def _explain(error: zmq.ZMQError, endpoint: str) -> PassageError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"{endpoint} is in use by another program",
            "stop it (is another aggregator running?), or listen elsewhere with --listen tcp://127.0.0.1:PORT",
        )
    if error.errno in (errno.EADDRNOTAVAIL, errno.ENODEV):
        return ConfigError(f"{endpoint}: this machine has no such address", "listen on an address of this machine")
    if error.errno == errno.EACCES:
        return ConfigError(f"{endpoint}: not allowed to listen there", "use a port from 1024 on")
    return ConfigError(f"{endpoint}: cannot listen there: {error.strerror}")
