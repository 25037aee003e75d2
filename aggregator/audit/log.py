"""`AuditLog`: the file, and the one thread that writes it. Nothing is answered before its look is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from importlib import resources
from pathlib import Path

from aggregator.audit.chain import START, Entry, Look, first_break, seal
from common.clock import Clock, SystemClock
from common.errors import StoreError

log = logging.getLogger("audit")

FILE = "audit.db"
_BATCH = 200
_LOOK_S = 3600.0
_COLUMNS = "entry, time, who, role, action, subject, peer, previous, hash"


class AuditLog:
    """The audit log of a data folder, for writing. One process at a time, as with the store beside it.

    Args:
        data: the aggregator's data folder.
        keep_s: entries older than this many seconds go; None keeps all.
        clock: UTC.

    Raises:
        StoreError: it cannot be opened.
    """

    def __init__(self, data: Path, keep_s: float | None = None, clock: Clock | None = None) -> None:
        self.path = data / FILE
        self._keep_s, self._clock = keep_s, clock or SystemClock()
        self._waiting: queue.SimpleQueue[tuple[Look, Future[int]] | None] = queue.SimpleQueue()
        self._closed = False
        self._pruned = 0.0
        try:
            data.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10.0)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = 1", "user_version = 1"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
            self.number, self.head = _head(self._db)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.path}: the audit log cannot be opened ({error})",
                             "nothing about people is shown without it: mend the file, or move it away") from error
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    async def note(self, look: Look) -> int:
        """Write a look down; its number, once it is on the disk.

        Raises:
            StoreError: it could not be written; then nothing must be shown.
        """
        done: Future[int] = Future()
        if self._closed:
            raise StoreError("the audit log is closed", "the aggregator ends")
        self._waiting.put((look, done))
        return await asyncio.wrap_future(done)

    def prune(self, before: float, now: float) -> int:
        """Take away what is older than `before`, UTC seconds; how many entries. The chain goes on from there."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=10.0)) as db:
            db.execute("PRAGMA secure_delete = 1")
            db.execute("BEGIN IMMEDIATE")
            # Only from the beginning, and never the last: clocks jump, and the head must stay.
            row = db.execute("""SELECT entry, hash FROM looks
                WHERE entry < coalesce((SELECT min(entry) FROM looks WHERE time >= ?),
                                       (SELECT max(entry) FROM looks)) ORDER BY entry DESC LIMIT 1""",
                             (before,)).fetchone()
            gone = 0
            if row is not None:
                gone = db.execute("DELETE FROM looks WHERE entry <= ?", (row[0],)).rowcount
                db.execute("DELETE FROM pruned")
                db.execute("INSERT INTO pruned VALUES (?, ?, ?)", (*row, now))
            db.execute("COMMIT")
            return gone

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._thread.join(timeout=5.0)
            self._db.close()

    def _run(self) -> None:
        ended = False
        while not ended:
            self._keep()
            try:
                items = [self._waiting.get(timeout=_LOOK_S)]
            except queue.Empty:
                continue
            with contextlib.suppress(queue.Empty):  # one write to disk serves all that wait
                while len(items) < _BATCH:
                    items.append(self._waiting.get_nowait())
            ended = None in items
            self._store([item for item in items if item is not None])

    def _keep(self) -> None:
        """Prune when an hour has passed."""
        now = self._clock.now()
        if self._keep_s is None or abs(now - self._pruned) < _LOOK_S:
            return
        self._pruned = now
        try:
            self.prune(now - self._keep_s, now)
        except sqlite3.Error as error:
            log.error("old entries could not be deleted: %s", error)

    def _store(self, items: list[tuple[Look, Future[int]]]) -> None:
        number, head, rows = self.number, self.head, []
        for look, _ in items:
            number += 1
            sealed = seal(number, look, head)
            rows.append((number, look.time, look.who, look.role, look.action, look.subject, look.peer, head, sealed))
            head = sealed
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(f"INSERT INTO looks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            log.error("a look could not be written down, so nothing was shown: %s", error)
            for _, done in items:
                done.set_exception(StoreError(f"the audit log cannot be written ({error})", "see the disk's space"))
            return
        self.number, self.head = number, head
        for offset, (_, done) in enumerate(items):
            if not done.cancelled():
                done.set_result(rows[offset][0])


class AuditReader:
    """The log, for reading; also while the aggregator runs.

    Raises:
        StoreError: there is none.
    """

    def __init__(self, data: Path) -> None:
        self.path = data / FILE
        if not self.path.is_file():
            raise StoreError(f"{self.path}: there is no audit log", "give the aggregator's --data")
        try:
            self._db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            self._db.execute("SELECT 1 FROM looks LIMIT 1").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}", "is this the aggregator's --data?") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def entries(self, *, who: str | None = None, since: float | None = None, limit: int | None = None) -> list[Entry]:
        """Entries in order; the latest when there are more than `limit`."""
        rows = self._db.execute(f"""
            SELECT {_COLUMNS} FROM looks WHERE (:who IS NULL OR who = :who) AND (:since IS NULL OR time >= :since)
            ORDER BY entry DESC LIMIT :limit""", {"who": who, "since": since, "limit": limit or -1}).fetchall()
        return [_entry(row) for row in reversed(rows)]

    def verify(self) -> tuple[int, int, str, str | None]:
        """Check the whole chain.

        Returns:
            Entries checked, the last one's number and hash, and what is wrong, None when nothing is.
        """
        self._db.execute("BEGIN")  # one moment's log, while the aggregator writes on
        try:
            pruned = self._db.execute("SELECT through, hash FROM pruned").fetchone() or (0, START)
            problem = first_break(self._all(), *pruned)
            count = int(self._db.execute("SELECT count(*) FROM looks").fetchone()[0])
            number, head = _head(self._db)
        finally:
            self._db.execute("COMMIT")
        return count, number, head, problem

    def hash_of(self, number: int) -> str | None:
        """The hash of one entry; None when it is not there."""
        row = self._db.execute("SELECT hash FROM looks WHERE entry = ?", (number,)).fetchone()
        return str(row[0]) if row else None

    def _all(self) -> Iterator[Entry]:
        for row in self._db.execute(f"SELECT {_COLUMNS} FROM looks ORDER BY entry"):
            yield _entry(row)


def _entry(r: tuple[int, float, str, str, str, str, str, str, str]) -> Entry:
    return Entry(number=r[0], look=Look(time=r[1], who=r[2], role=r[3], action=r[4], subject=r[5], peer=r[6]),
                 previous=r[7], hash=r[8])


def _head(db: sqlite3.Connection) -> tuple[int, str]:
    row = db.execute("SELECT entry, hash FROM looks ORDER BY entry DESC LIMIT 1").fetchone() or db.execute(
        "SELECT through, hash FROM pruned").fetchone()
    return (int(row[0]), str(row[1])) if row else (0, START)
