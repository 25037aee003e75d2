"""A box without cameras: the agent's own spool, holding and uplink, fed with a scene."""

from __future__ import annotations

import os
import secrets
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.clock import SystemClock
from common.keys import read_agent_keys
from common.messages import Hello, Stats
from edge_agent.holding import Holding
from edge_agent.spool import Spool
from edge_agent.uplink import Uplink
from tests.faults import journal, scene
from tests.faults.child import Clockwork, begin_child

STATUS = struct.Struct("<iiiiiid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a box is told.

    Attributes:
        box: its name for the aggregator; `plays` says whose items it sends, if another's.
        folder: its disk: the spool.
        journal, status, go, log: files outside of that disk. When `go` appears the last items are sent.
        clock: see `Clockwork`.
        kill_at: die at that write of the spool's file.
        keys: its key file, where the wire is encrypted.
    """

    box: str
    endpoint: str
    folder: Path
    journal: Path
    status: Path
    go: Path
    log: Path
    clock: Path
    seed: int
    plays: str = ""
    pace_s: float = 0.006
    max_bytes: int = 1 << 26
    kill_at: int = 0
    keys: Path | None = None


class JournaledSpool(Spool):
    """The spool, which notes what it took and what was acknowledged."""

    notes: journal.Journal
    item: int = 0

    def append(self, bodies: Sequence[bytes]) -> range:
        numbers = super().append(bodies)
        self.notes.say("kept", self.id, numbers.start, self.item, len(numbers))
        self.item += len(numbers)
        return numbers

    def ack(self, spool: str, through: int) -> range:
        life = next((life for life in self._lives.values() if life.spool == spool), None)
        if life is not None and self._db is not None:
            with self._lock:  # what the spool gave up before is not acknowledged by this
                rows = self._db.execute("SELECT position FROM entries WHERE life = ? AND position <= ?",
                                        (life.number, life.base + through)).fetchall()
            if rows:
                self.notes.say("ack", spool, *(row[0] - life.base for row in rows))
        return super().ack(spool, through)


def main(order: Order) -> None:
    """The whole process: sends what the journal says was not sent yet, then waits for its end."""
    begin_child(order.log, Clockwork(order.clock), order.kill_at)
    plays = order.plays or order.box
    items = scene.make(order.seed).items[plays]
    notes, begun = journal.Journal(order.journal), journal.read(order.journal).next
    status = os.open(order.status, os.O_WRONLY | os.O_CREAT, 0o600)
    run = secrets.token_hex(4)
    last = len(items) - len(items) // 6
    spool = JournaledSpool(order.folder / "spool.db", max_bytes=order.max_bytes)
    spool.notes, spool.item = notes, begun
    holding = Holding(spool)
    clock = SystemClock()

    def hello() -> Hello:
        return Hello(agent=order.box, run=run, spool=spool.id, software="faults", clock=clock.now(),
                     cameras=scene.cameras_of(plays), models=(scene.MODEL,))

    def stats() -> Stats:
        return Stats(clock=clock.now(), spool=spool.figures(), cameras={
            camera: {"fps": 10.0, "up": 1.0} for camera in scene.CAMERAS[plays]})

    keys = read_agent_keys(order.keys) if order.keys else None
    with Uplink(order.endpoint, order.box, hello, spool, clock, stats=stats, keys=keys, heartbeat_s=0.5) as uplink:
        at = begun
        while True:
            if at < (len(items) if order.go.exists() else last):
                to = min(at + 2, len(items))
                notes.say("will", at, to)
                holding.keep([item.body for item in items[at:to]])
                at = to
            elif len(holding):
                holding.keep([])
            state = uplink.status()
            done = at >= last and not len(holding) and spool.depth == 0
            os.pwrite(status, STATUS.pack(at, spool.depth, len(holding), state.connected, done and at >= len(items),
                                          spool.dropped_messages, time.monotonic()), 0)
            time.sleep(order.pace_s)
