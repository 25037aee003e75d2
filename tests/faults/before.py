"""The database with which rounds begin: what a site has learned in its first hour."""

from __future__ import annotations

import atexit
import contextlib
import functools
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path

from aggregator.engine import Bus, Engine
from aggregator.engine.settings import EngineSettings
from aggregator.linking.ids import IdAllocator
from aggregator.linking.layout import read_layout
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.mailbox import Mailbox
from aggregator.store import open_store
from aggregator.store.database import FILE_NAME
from common.clock import SystemClock
from common.messages import Ack, Hello, Message, Upload
from tests.faults import scene

_lock = threading.Lock()


def history() -> Path:
    """The file; made once."""
    with _lock:
        return _history()


@functools.cache
def _history() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="passage-before-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    messages: Mailbox[tuple[str, Message]] = Mailbox(100_000)
    clock, acks, done = SystemClock(), dict[str, int](), threading.Event()
    made = scene.before().items

    def send(agent: str, message: Message) -> None:
        if isinstance(message, Ack):
            acks[agent] = message.through
            if all(acks.get(box) == len(made[box]) for box in scene.BOXES):
                done.set()

    (folder / "layout.txt").write_text(scene.LAYOUT)
    topology = read_layout(folder / "layout.txt")
    store = open_store(folder, 0)
    with Engine(store, lambda after: Linker(LinkingSettings(), topology, IdAllocator(after)), messages, send, clock,
                EngineSettings(resolve_every_s=0.2), Bus()):
        for box in scene.BOXES:
            messages.put((box, Hello(agent=box, run="before", spool="before", software="faults", clock=clock.now(),
                                     cameras=scene.cameras_of(box), models=(scene.MODEL,))))
        for at in range(max(map(len, made.values()))):
            for box in scene.BOXES:
                if at < len(made[box]):
                    messages.put((box, Upload(spool="before", seq=at + 1, body=made[box][at].body, after=at)))
        assert done.wait(60), "the history of rounds was not made"
    store.close()
    # Or the boxes of then would count as running. Closed, so that it is in the file and not in its log.
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        db.execute("UPDATE agents SET last_seen = last_seen - 3600")
    return folder / FILE_NAME
