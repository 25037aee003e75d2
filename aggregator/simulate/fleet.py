"""`Fleet`: simulated agents on real sockets, all of them in one thread."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import zmq

from common import __version__
from common.clock import Clock
from common.endpoints import require_encryption, wants_ipv6
from common.errors import WireError
from common.keys import AgentKeys
from common.messages import Ack, CameraInfo, Hello, Message, ModelInfo, Refusal, Stats, Upload, decode, encode
from common.spool_id import new_file_id, new_spool_id

CREDIT = 512
HEARTBEAT_S = 2.0
AGAIN_S = 10.0
FATAL = frozenset({"agent_taken", "wrong_agent", "not_authorised", "wrong_version", "too_many_agents"})


@dataclass(eq=False)
class Box:
    """One simulated agent: what it sent and what of that is not acknowledged yet."""

    name: str
    cameras: tuple[CameraInfo, ...]
    socket: zmq.Socket[bytes]
    spool: str = field(default_factory=lambda: new_spool_id(new_file_id()))
    seq: int = 0
    waiting: deque[Upload] = field(default_factory=deque)
    heard: float = 0.0


class Fleet:
    """Agents that say hello, send, keep at most `CREDIT` entries unacknowledged, and send again what was lost.

    Nothing is kept on the disk: what is not acknowledged when the program ends is gone.

    Args:
        endpoint: where the aggregator listens.
        boxes: name and cameras of each agent.
        model: the network that embeddings come from.
        run: this start.
        clock: UTC.
        keys: for CURVE, of the only agent; without them only loopback is allowed.

    Raises:
        ConfigError: `endpoint` is none, or not on loopback and there are no keys.
    """

    def __init__(self, endpoint: str, boxes: Sequence[tuple[str, tuple[CameraInfo, ...]]], model: ModelInfo, run: str,
                 clock: Clock, keys: AgentKeys | None = None) -> None:
        require_encryption(endpoint, keys is not None, "connect")
        self.endpoint, self.refused = endpoint, Counter[str]()
        self.acknowledged = 0
        self._model, self._run, self._clock = model, run, clock
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self.boxes = [Box(name, cameras, self._dealer(keys)) for name, cameras in boxes]
        self._beat = 0.0
        self._answered = False
        self.people: dict[str, int] = {}
        """By camera, for heartbeats."""

    def __enter__(self) -> Fleet:
        for box in self.boxes:
            self._greet(box)
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def send(self, box: Box, body: bytes) -> None:
        """Send an entry; waits while too much is unacknowledged.

        Raises:
            WireError: the aggregator does not answer, or does not want this agent.
        """
        while len(box.waiting) >= CREDIT:
            self.serve(0.05)
        box.seq += 1
        upload = Upload(spool=box.spool, seq=box.seq, body=body)
        if not box.waiting:
            box.heard = time.monotonic()
        box.waiting.append(upload)
        self._put(box, upload)

    def serve(self, seconds: float) -> None:
        """Wait for answers so long at most, and take those that are there.

        Raises:
            WireError: as `send`.
        """
        self._poller.poll(int(1000 * seconds))
        now = time.monotonic()
        for box in self.boxes:
            while (message := self._receive(box)) is not None:
                box.heard, self._answered = now, True
                self._hear(box, message)
            if box.waiting and now - box.heard > AGAIN_S:
                if not self._answered:
                    raise WireError("unreachable", f"nobody answers at {self.endpoint}",
                                    "start it with 'aggregator serve', or give its address with --to")
                self._greet(box)
        if now - self._beat > HEARTBEAT_S:
            self._beat = now
            for box in self.boxes:
                self._put(box, Stats(clock=self._clock.now(), spool={"entries": float(len(box.waiting))}, cameras={
                    info.camera: {"fps": info.fps, "latency_s": 0.05,
                                  "people": float(self.people.get(info.camera, 0))} for info in box.cameras}))

    def drain(self, seconds: float) -> bool:
        """Wait until everything is acknowledged; whether it is."""
        until = time.monotonic() + seconds
        while any(box.waiting for box in self.boxes) and time.monotonic() < until:
            self.serve(0.05)
        return not any(box.waiting for box in self.boxes)

    def _hear(self, box: Box, message: Message) -> None:
        if isinstance(message, Ack) and message.spool == box.spool:
            while box.waiting and box.waiting[0].seq <= message.through:
                box.waiting.popleft()
                self.acknowledged += 1
        elif isinstance(message, Refusal):
            if message.code == "hello_first":
                self._greet(box)
            elif message.code in FATAL:
                raise WireError(message.code, f"{self.endpoint}: {message.message}",
                                "simulate with other names: --agent-prefix NAME")
            else:
                self.refused[message.code] += 1

    def _greet(self, box: Box) -> None:
        """Say who one is, and what may have been lost again."""
        box.heard = time.monotonic()
        self._put(box, Hello(agent=box.name, run=self._run, spool=box.spool, software=f"simulate {__version__}",
                             clock=self._clock.now(), cameras=box.cameras, models=(self._model,)))
        for upload in box.waiting:
            self._put(box, upload)

    def _put(self, box: Box, message: Message) -> None:
        box.socket.send(encode(message))

    def _receive(self, box: Box) -> Message | None:
        try:
            return decode(box.socket.recv(zmq.NOBLOCK))
        except zmq.Again:
            return None

    def _dealer(self, keys: AgentKeys | None) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        socket.linger = 0
        socket.sndhwm = 0  # credit bounds what waits
        socket.ipv6 = wants_ipv6(self.endpoint)
        if keys is not None:
            socket.curve_publickey, socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
            socket.curve_serverkey = keys.server.encode()
        socket.connect(self.endpoint)
        self._poller.register(socket, zmq.POLLIN)
        return socket
