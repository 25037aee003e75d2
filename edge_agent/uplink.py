"""`Uplink`: the one thread of an agent that speaks with the aggregator.

It says hello whenever a connection stands, sends what the spool holds, keeps at most `credit` entries unacknowledged,
and goes back to the last acknowledged one after a lost connection or a silence. The spool is the only memory: what the
socket had in flight when a connection broke is forgotten and sent again; the aggregator drops repeats.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from common.bursts import Bursts
from common.clock import Clock
from common.endpoints import require_encryption
from common.errors import ConfigError, StoreError, WireError
from common.keys import AgentKeys
from common.messages import (
    Ack,
    Assign,
    Drawn,
    Hello,
    Message,
    Picture,
    Preview,
    Refusal,
    Stats,
    Taken,
    Upload,
    decode,
)
from common.wakeup import WakeUp
from edge_agent.connection import Connection
from edge_agent.delivery import Delivery
from edge_agent.picture_box import PictureBox
from edge_agent.spool import Entry, Spool

log = logging.getLogger("passage.uplink")

# After these the agent keeps quiet for so many seconds before it says hello again.
_HOLD_S = {"agent_taken": 2.0, "wrong_version": 10.0, "wrong_agent": 5.0, "not_authorised": 5.0}
_DOUBT_S = 1.0
_AGAIN_S = 0.25
_MAX_READ = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkStatus:
    """How the connection is.

    Attributes:
        connected: a connection stands and the aggregator has not refused us.
        problem: why not, in words; empty when all is well.
        last_ack_age_s: seconds since the latest acknowledgement, None before the first.
        unacknowledged: entries sent and not yet acknowledged.
        sent, resent: uploads sent since the start, and those of them that were sent before.
        refused: entries that the aggregator took note of and refused.
    """

    connected: bool
    problem: str
    last_ack_age_s: float | None
    unacknowledged: int
    sent: int
    resent: int
    refused: int


class Uplink:
    """Sends the spool to the aggregator. Callbacks run in its thread and should return soon.

    Args:
        endpoint: the aggregator's address.
        agent: this agent's name.
        hello: makes the greeting; its `agent` and `spool` are filled in here.
        spool: what to send. Its `on_append` is taken over.
        clock: UTC for hello and heartbeat.
        on_assign, on_preview, on_refusal: called with what the aggregator says.
        stats: makes the heartbeat.
        keys: for CURVE; without them only loopback is allowed.
        credit: most entries unacknowledged.
        heartbeat_s: seconds between heartbeats.
        ack_timeout_s: seconds without an acknowledgement after which everything unacknowledged is sent again.

    Raises:
        ConfigError: `endpoint` is none, or not on loopback and there are no keys, or they are another agent's.
    """

    def __init__(
        self,
        endpoint: str,
        agent: str,
        hello: Callable[[], Hello],
        spool: Spool,
        clock: Clock,
        *,
        on_assign: Callable[[Assign], None] | None = None,
        on_preview: Callable[[Preview], None] | None = None,
        on_drawn: Callable[[Drawn], None] | None = None,
        on_refusal: Callable[[Refusal], None] | None = None,
        stats: Callable[[], Stats] | None = None,
        keys: AgentKeys | None = None,
        credit: int = 512,
        heartbeat_s: float = 2.0,
        ack_timeout_s: float = 10.0,
    ) -> None:
        _check_owner(keys, agent)
        self._keys = keys
        require_encryption(endpoint, keys is not None, "connect")
        self.endpoint = endpoint
        self.agent = agent
        self._hello = hello
        self._spool = spool
        self._clock = clock
        self._callbacks: dict[str, Callable[..., None] | None] = {
            Assign.type: on_assign,
            Preview.type: on_preview,
            Drawn.type: on_drawn,
            Refusal.type: on_refusal,
        }
        self._stats = stats or self._bare_stats
        self._heartbeat_s = heartbeat_s
        self._delivery = Delivery(credit, ack_timeout_s)
        self._pictures = PictureBox()
        self._bursts = Bursts(every_s=30.0)
        self._wake = WakeUp()
        self._acked = threading.Condition()
        self._stopping = False
        self._greeted = False  # a connection stands, and hello was sent over it
        self._more_to_say = False
        self._doubted = False  # the last hello was refused: whether the next one is taken shows after a while
        self._believe_at = math.inf
        self._hello_at = 0.0
        self._heartbeat_at = 0.0
        self._problem = "not connected yet"
        self._last_ack: float | None = None
        self._refused = 0
        self._owed: dict[str, int] = {}  # acknowledgements that the spool could not carry out yet, such as disk full
        self._before: Entry | None = None  # sent last over this connection
        self._went_back, self._again_at = 0.0, math.inf
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        spool.on_append = self._wake.rouse

    def start(self) -> Uplink:
        """Begin to connect."""
        self._wake.open()
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread and close the socket; takes at most a second or two. The spool stays open."""
        self._stopping = True
        self._wake.rouse()
        if self._thread.ident is not None:
            self._thread.join(timeout=5.0)
        self._spool.on_append = None
        self._wake.close()

    def __enter__(self) -> Uplink:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def greet(self) -> None:
        """Say hello again, because a camera became known. From any thread."""
        self._more_to_say = True
        self._wake.rouse()

    def show(self, picture: Picture) -> None:
        """Send a picture when nothing that must arrive waits; it may be dropped. From any thread."""
        self._pictures.put(picture)
        self._wake.rouse()

    def drain(self, timeout: float) -> bool:
        """Wait until the aggregator has acknowledged everything that the spool holds.

        Args:
            timeout: seconds to wait at most.

        Returns:
            Whether it has.
        """
        self._wake.rouse()
        with self._acked:
            return self._acked.wait_for(lambda: self._spool.depth == 0 or self._stopping, timeout) and (
                self._spool.depth == 0
            )

    def status(self) -> UplinkStatus:
        """How the connection is; from any thread."""
        last = self._last_ack
        return UplinkStatus(
            connected=self._greeted and not self._doubted,
            problem=self._problem,
            last_ack_age_s=None if last is None else time.monotonic() - last,
            unacknowledged=self._delivery.unacknowledged,
            sent=self._delivery.sent,
            resent=self._delivery.resent,
            refused=self._refused,
        )

    def _bare_stats(self) -> Stats:
        return Stats(clock=self._clock.now(), spool=self._spool.figures())

    def _run(self) -> None:
        while not self._stopping:
            self._greeted = False
            self._speak_or_say_why()
        with self._acked:
            self._acked.notify_all()

    def _speak_or_say_why(self) -> None:
        try:
            self._speak()
        except Exception:  # whatever it was, the agent must not go silent for ever
            log.exception("the uplink failed and starts again")
            time.sleep(0.5)

    def _speak(self) -> None:
        """Connect, and serve the connection until stopped."""
        with Connection(self.endpoint, self._keys) as connection:
            while not self._stopping:
                patience = self._delivery.patience_ms(time.monotonic(), self._heartbeat_at, self._greeted)
                connection.wait(patience, self._wake)
                self._watch(connection)
                self._read(connection)
                self._write(connection)

    def _watch(self, connection: Connection) -> None:
        """What happened to the connection."""
        for trouble in connection.news():
            self._greeted = False
            if trouble:
                self._trouble(trouble)
            else:
                self._hello_at = 0.0
                log.info("connected to %s", self.endpoint)

    def _believed(self) -> None:
        """The aggregator has taken our hello."""
        self._believe_at = math.inf
        self._doubted = False
        self._problem = ""

    def _trouble(self, problem: str) -> None:
        if self._bursts.due(problem, time.monotonic()):
            log.warning("%s; %d entries wait in the spool", problem, self._spool.depth)
        self._problem = problem

    def _read(self, connection: Connection) -> None:
        """Take what the aggregator says; acknowledgements of one round become one change of the spool."""
        acks, self._owed = self._owed, {}
        for _ in range(_MAX_READ):
            data = connection.receive()
            if data is None:
                break
            try:
                message = decode(data)
            except WireError as error:
                self._trouble(f"{self.endpoint} sent what this agent does not understand: {error.message}")
                continue
            if isinstance(message, Ack):
                if message.through == 0:  # it is there, and too busy to read
                    self._delivery.patience(time.monotonic())
                    continue
                acks[message.spool] = max(message.through, acks.get(message.spool, 0))
            elif isinstance(message, Taken):
                self._pictures.taken(message.number)
            else:
                self._hear(message)
        for spool, through in acks.items():
            self._let_go(spool, through)

    def _let_go(self, spool: str, through: int) -> None:
        try:
            positions = self._spool.ack(spool, through)
        except StoreError as error:
            self._trouble(error.message)
            self._owed[spool] = max(through, self._owed.get(spool, 0))
            return
        self._last_ack = time.monotonic()
        self._believed()
        self._delivery.acknowledged(positions, self._last_ack)
        with self._acked:
            self._acked.notify_all()

    def _hear(self, message: Message) -> None:
        if isinstance(message, Refusal):
            self._refusal(message)
            if message.code == "hello_first":  # answered by the next hello: nobody else's business
                return
        callback = self._callbacks.get(message.type)
        if callback is not None:
            try:
                callback(message)
            except Exception:
                log.exception("what was to be done about '%s' failed", message.type)

    def _refusal(self, refusal: Refusal) -> None:
        if refusal.seq:
            self._refused += 1
            if kept := self._bursts.due(refusal.code, time.monotonic()):
                log.error("%s refused entry %d (%d such): %s: %s", self.endpoint, refusal.seq, kept,
                          refusal.code, refusal.message)
        elif refusal.code == "hello_first":
            self._greeted = False
        elif refusal.code == "out_of_order":
            # Said again while what was sent before is under way: going back at once each time would flood the wire.
            self._again_at = min(self._again_at, max(time.monotonic(), self._went_back + _AGAIN_S))
        else:
            self._trouble(f"{self.endpoint}: {refusal.code}: {refusal.message}")
            if refusal.code in _HOLD_S:
                self._greeted, self._doubted = False, True
                self._hello_at = time.monotonic() + _HOLD_S[refusal.code]

    def _write(self, connection: Connection) -> None:
        """Send what is due: greeting, entries, heartbeat."""
        now = time.monotonic()
        if not connection.connected or now < self._hello_at:
            return
        if not self._greeted or self._more_to_say:
            self._more_to_say = False  # before the greeting is made: what comes to be known meanwhile is said next
            hello = replace(self._hello(), agent=self.agent, spool=self._spool.id)
            if not connection.send(hello):
                self._more_to_say = True
                return
            if not self._greeted:
                self._greeted = True
                self._pictures.forget_flying()
                self._believe_at = now + _DOUBT_S if self._doubted else now
                self._heartbeat_at = now
                self._delivery.rewind()
        if now >= self._believe_at:
            self._believed()
        if now >= self._again_at:
            self._went_back, self._again_at = now, math.inf
            self._delivery.rewind()
        if self._delivery.overdue(now):
            self._trouble(f"{self.endpoint} acknowledged nothing for {self._delivery.timeout_s:.0f} s: sending again")
            self._delivery.rewind(slower=True)
        self._send_entries(connection, now)
        if now >= self._heartbeat_at:
            connection.send(_sound(self._stats()))
            self._heartbeat_at = now + self._heartbeat_s
            self._spool.tidy()
        self._send_pictures(connection, now)

    def _send_entries(self, connection: Connection, now: float) -> None:
        while room := self._delivery.room:
            try:
                entries = self._spool.pending(self._delivery.position, min(room, 256))
            except StoreError as error:
                self._trouble(error.message)
                return
            for entry in entries:
                before = self._before if self._delivery.position else None  # nothing yet since the last rewind
                after = before.seq if before is not None and before.spool == entry.spool else 0
                if not connection.send(Upload(spool=entry.spool, seq=entry.seq, body=entry.body, after=after)):
                    return
                self._delivery.sent_entry(entry.position, now)
                self._before = entry
            if not entries:
                return

    def _send_pictures(self, connection: Connection, now: float) -> None:
        """Last, and only when no entry waits for credit."""
        while self._delivery.room and (picture := self._pictures.next(now)):
            if not connection.send(picture):
                return
            self._pictures.handed_over(picture, now)


def probe(endpoint: str, agent: str, keys: AgentKeys | None, timeout: float) -> str:
    """Ask an aggregator whether it is there, without becoming its agent.

    Args:
        endpoint, agent, keys: as for `Uplink`.
        timeout: seconds to wait.

    Returns:
        What was found, in words.

    Raises:
        ConfigError: as `Uplink`.
        WireError: `unreachable`; says why.
    """
    require_encryption(endpoint, keys is not None, "connect")
    _check_owner(keys, agent)
    until = time.monotonic() + timeout
    why = f"nobody answers at {endpoint}"
    with Connection(endpoint, keys) as connection:
        while (left := until - time.monotonic()) > 0:
            connection.wait(int(left * 1000) + 1)
            for happened in connection.news():
                why = happened or f"{endpoint} takes connections but does not answer: is that an aggregator?"
                if not happened:  # whoever has not said hello is told to: an answer without any effect
                    connection.send(Stats(clock=0.0))
            if connection.receive() is not None:
                return f"{endpoint} answers" + (", encrypted" if keys else "")
    raise WireError("unreachable", why, "start it with 'aggregator serve', or set 'aggregator' in the agent's settings")


def _check_owner(keys: AgentKeys | None, agent: str) -> None:
    if keys is not None and keys.agent != agent:
        raise ConfigError(
            f"the key file speaks for '{keys.agent}', this agent is called '{agent}'",
            f"set 'agent: {keys.agent}', or make a key with 'aggregator keys new {agent}'",
        )


def _sound(stats: Stats) -> Stats:
    """Without what is no number, such as a mean of nothing: the aggregator takes a message whole or not at all."""
    return replace(
        stats,
        cameras={camera: _finite(numbers) for camera, numbers in stats.cameras.items()},
        spool=_finite(stats.spool),
    )


def _finite(numbers: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}
