"""`Connection`: the agent's socket, and what happens to it. Used by one thread."""

from __future__ import annotations

import contextlib
import math
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

from common.endpoints import wants_ipv6
from common.keys import AgentKeys
from common.messages import MAX_MESSAGE_BYTES, Message, encode
from common.wakeup import WakeUp

_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
)
_EVENTS = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED | sum(_FAILED)
AGAIN_S = 2.0


class Connection:
    """Connects to an aggregator, and again whenever the connection breaks.

    Args:
        endpoint: where the aggregator listens.
        keys: for CURVE, or None for a plain socket.
    """

    def __init__(self, endpoint: str, keys: AgentKeys | None) -> None:
        self.endpoint = endpoint
        self.connected = False
        self._again_at = math.inf
        self._why = ""  # the first reason is the one to tell: what follows from it are retries
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._socket = self._dealer(keys)
            self._monitor = self._socket.get_monitor_socket(_EVENTS)
            self._socket.connect(endpoint)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def close(self) -> None:
        """Close it; what was not sent is forgotten."""
        self._socket.disable_monitor()
        self._context.destroy(linger=0)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, milliseconds: int, wake: WakeUp | None = None) -> None:
        """Sleep until something arrives or happens, or somebody wakes us."""
        if time.monotonic() >= self._again_at:
            # ZeroMQ gives a refused connection up for good; the key may be let in by now.
            self._again_at = math.inf
            with contextlib.suppress(zmq.ZMQError):
                self._socket.disconnect(self.endpoint)
            self._socket.connect(self.endpoint)
        if wake is None:
            self._poller.poll(milliseconds)
            return
        self._poller.register(wake.fileno(), zmq.POLLIN)
        self._poller.poll(milliseconds)
        wake.clear()

    def news(self) -> list[str]:
        """What happened to the connection since the last call, in words; '' stands for 'connected'."""
        happened: list[str] = []
        while True:
            try:
                event = recv_monitor_message(self._monitor, zmq.NOBLOCK)["event"]
            except zmq.Again:
                return happened
            self.connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            if event in _FAILED:
                self._again_at = time.monotonic() + AGAIN_S
            happened.append(self._in_words(int(event)))

    def receive(self) -> bytes | None:
        """The next message, or None."""
        try:
            return self._socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None

    def send(self, message: Message) -> bool:
        """Hand a message over; False when there is no connection or its queue is full."""
        try:
            self._socket.send(encode(message), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _dealer(self, keys: AgentKeys | None) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        socket.linger = 0
        # Nothing is queued for a connection that does not stand; the spool is the queue.
        socket.immediate = True
        socket.sndhwm = 128
        socket.rcvhwm = 1000
        socket.maxmsgsize = MAX_MESSAGE_BYTES
        socket.ipv6 = wants_ipv6(self.endpoint)
        socket.reconnect_ivl = 200
        socket.reconnect_ivl_max = 2000
        socket.heartbeat_ivl = 2000
        socket.heartbeat_timeout = 6000
        if keys is not None:
            socket.curve_publickey = keys.public.encode()
            socket.curve_secretkey = keys.secret.encode()
            socket.curve_serverkey = keys.server.encode()
        return socket

    def _in_words(self, event: int) -> str:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._why = ""
            return ""
        if event == zmq.EVENT_DISCONNECTED:
            self._why = self._why or f"the connection to {self.endpoint} was lost"
        elif event == zmq.EVENT_CONNECT_RETRIED:
            self._why = self._why or f"nobody answers at {self.endpoint}"
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self._why = f"{self.endpoint} does not let this agent's key in: see 'aggregator keys list' there"
        else:
            self._why = (
                f"{self.endpoint} does not answer as an aggregator with the configured keys would: "
                "is its public key right, and do both sides use keys?"
            )
        return self._why
