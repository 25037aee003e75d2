"""`AuditLog`: the file, and the one thread that writes it. Nothing is answered before its look is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
from common.private_files import create_private, keep_private

log = logging.getLogger("audit")

FILE = "audit.db"
VERSION = 2
_BATCH = 200
_LOOK_S = 3600.0
_SIZED_EVERY = 200
"""Entries between two looks at how large the file is."""
_SHARE = 20
"""One entry in so many goes when there is too much."""
_COLUMNS = "entry, time, who, role, action, subject, peer, previous, hash"


class AuditLog:
    """The audit log of a data folder, for writing. One process at a time, as with the store beside it.

    Args:
        data: the aggregator's data folder.
        keep_s: entries older than this many seconds go; None keeps all.
        clock: UTC.
        most_mb: MiB that the entries take at most; beyond it the oldest go.

    Raises:
        StoreError: it cannot be opened.
    """

    def __init__(self, data: Path, keep_s: float | None = None, clock: Clock | None = None,
                 most_mb: float = 1024.0) -> None:
        self.path = data / FILE
        self._keep_s, self._clock, self._most_mb = keep_s, clock or SystemClock(), most_mb
        self._waiting: queue.SimpleQueue[tuple[Look, Future[int]] | None] = queue.SimpleQueue()
        self._closed = False
        self._pruned = -_LOOK_S
        self._sized = self._announced = 0
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            create_private(self.path)
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10.0)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = 1"):
                self._db.execute(f"PRAGMA {pragma}")
            keep_private(self.path)
            self._db.executescript(resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
            self.number, self.head = self._begin()
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
        # Only from the beginning, and never the last: clocks jump, and the head must stay.
        return self._prune("""
            WHERE entry < coalesce((SELECT min(entry) FROM looks WHERE time >= ?), (SELECT max(entry) FROM looks))
            """, before, now)

    def shrink(self, now: float) -> int:
        """Take the oldest twentieth away; how many entries."""
        return self._prune(f"""
            WHERE entry < max(1, (SELECT min(entry) + (max(entry) - min(entry)) / {_SHARE} FROM looks), ?)
            AND entry < (SELECT max(entry) FROM looks)""", 0, now)

    def _prune(self, which: str, value: float, now: float) -> int:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=10.0)) as db:
            db.execute("PRAGMA secure_delete = 1")
            db.execute("BEGIN IMMEDIATE")
            row = db.execute(f"SELECT entry, hash FROM looks {which} ORDER BY entry DESC LIMIT 1", (value,)).fetchone()
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

    def _begin(self) -> tuple[int, str]:
        """The last entry that was written, whether it is there or not: what comes goes on from it, and a cut shows."""
        number, head = _head(self._db)
        if int(self._db.execute("PRAGMA user_version").fetchone()[0]) < VERSION:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM head")
            self._db.execute("INSERT INTO head VALUES (?, ?)", (number, head))
            self._db.execute(f"PRAGMA user_version = {VERSION}")
            self._db.execute("COMMIT")
        kept = self._db.execute("SELECT entry, hash FROM head").fetchone()
        if kept != (number, head):
            log.error("the audit log %s does not end where it was written last: its end was cut off, or put on. See "
                      "'aggregator audit verify'", self.path)
        return (int(kept[0]), str(kept[1])) if kept and kept[0] >= number else (number, head)

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
        self._announce()

    def _keep(self) -> None:
        """Prune when an hour has passed, or when there is too much; and say where the log ends."""
        now = self._clock.now()
        try:
            if self.number - self._sized >= _SIZED_EVERY:
                self._sized = self.number
                gone = 0
                while self._used_mb() > self._most_mb and (more := self.shrink(now)):
                    gone += more
                if gone:
                    log.warning("the audit log holds %g MiB, as much as it may: its %d oldest entries were deleted",
                                self._most_mb, gone)
            if abs(now - self._pruned) >= _LOOK_S:
                self._pruned = now
                self._announce()
                if self._keep_s is not None:
                    self.prune(now - self._keep_s, now)
        except sqlite3.Error as error:
            log.error("old entries could not be deleted: %s", error)

    def _announce(self) -> None:
        """Into the program's own log, which others keep: who cuts the end off cannot reach that."""
        if self.number != self._announced:
            self._announced = self.number
            log.info("the audit log's last entry is %d:%s", self.number, self.head)

    def _used_mb(self) -> float:
        size, pages, free = (self._db.execute(f"PRAGMA {name}").fetchone()[0]
                             for name in ("page_size", "page_count", "freelist_count"))
        return float(size * (pages - free) / 2**20)

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
            self._db.execute("UPDATE head SET entry = ?, hash = ?", (number, head))
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
            if problem is None and int(self._db.execute("PRAGMA user_version").fetchone()[0]) >= VERSION:
                kept = self._db.execute("SELECT entry, hash FROM head").fetchone()
                if kept != (number, head):
                    last = "is not known any more" if kept is None else f"was {kept[0]}"
                    problem = f"the last entry {last}, and it ends with entry {number}: its end was cut off or put on"
        finally:
            self._db.execute("COMMIT")
        return count, number, head, problem

    def pruned(self) -> tuple[int, float] | None:
        """Up to which entry retention has taken all away, and when, UTC seconds; None when nothing."""
        row = self._db.execute("SELECT through, time FROM pruned").fetchone()
        return (int(row[0]), float(row[1])) if row else None

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
