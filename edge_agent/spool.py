"""`Spool`: what is not yet acknowledged, on disk, so that a lost connection or power loses nothing.

SQLite in WAL mode. An append is one transaction and is on disk when it returns (`synchronous=FULL`); removing what was
acknowledged need not be (after a power cut it is sent again, and the aggregator drops the repeat).
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from common.bursts import Bursts
from common.clock import Clock, SystemClock
from common.errors import StoreError
from common.messages import MAX_MESSAGE_BYTES
from common.private_files import drop_aside
from common.spool_id import new_spool_id
from edge_agent import spool_file
from edge_agent.spool_file import Tally
from edge_agent.spool_rescue import Life, checksum

log = logging.getLogger("passage.spool")

# The envelope needs room: a message that no aggregator takes would stay for ever.
MAX_BODY_BYTES = MAX_MESSAGE_BYTES - 1024
Body = bytes  # `Spool.bytes` takes the name inside the class
_CHUNK = 256
_TIDY_S = 60.0


class SteadyClock:
    """UTC as it was at the start, going on evenly: setting the computer's clock makes no entry older."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """UTC seconds since 1970, never going back and never jumping."""
        return self._offset + time.monotonic()


class Entry(NamedTuple):
    """One waiting upload. `position` orders entries in the file; `spool` and `seq` name it for the aggregator."""

    position: int
    spool: str
    seq: int
    body: bytes


class Spool:
    """Bodies of uploads in the order they came, until they are acknowledged. Safe to use from several threads.

    Args:
        path: the file; made when it is not there, as is its folder.
        max_bytes: most bytes of bodies to keep; the oldest are dropped beyond it.
        max_age_s: seconds after which an entry is dropped.
        clock: for the age; the computer's own is read once and counted on evenly from there.
        on_append: called after each append, for example to wake the uplink.

    Raises:
        StoreError: the file cannot be made, is in use by another process, or was written by a newer release.
            A damaged file is no error: it is set aside, what can be read of it is kept, and a log line says so.
    """

    def __init__(
        self,
        path: Path,
        max_bytes: int = 1 << 30,
        max_age_s: float = 7 * 86400.0,
        clock: Clock | None = None,
        on_append: Callable[[], None] | None = None,
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.max_age_s = max_age_s
        self.on_append = on_append
        # Ages must not jump when somebody sets the computer's clock.
        self._clock = SteadyClock() if clock is None or isinstance(clock, SystemClock) else clock
        self._lock = threading.RLock()
        self._bursts = Bursts(every_s=60.0)
        self._db: sqlite3.Connection | None = None
        self._begin(*spool_file.open_or_replace(path))
        with self._transaction(durable=False) as db:
            self._trim(db)
        self._cut_at = 0.0

    def _begin(self, db: sqlite3.Connection, tally: Tally) -> None:
        """Go on with a file that was just opened."""
        self._db, self._tally = db, tally
        self._lives = {life.number: life for life in spool_file.read_lives(db)}
        self._life: Life | None = None  # written with the first append
        self.id = new_spool_id(self._tally.file)
        # The clock may stand before the newest entry (a box without a battery wakes in 1970): go on from there.
        self._ahead = max(0.0, spool_file.newest_time(db, self._lives) - self._clock.now())

    @property
    def depth(self) -> int:
        """How many entries wait for an acknowledgement."""
        return self._tally.messages

    @property
    def bytes(self) -> int:
        """How many bytes of bodies wait."""
        return self._tally.bytes

    @property
    def dropped_messages(self) -> int:
        """How many entries were given up since the file was made, because it was full, they were too old or damaged."""
        return self._tally.dropped_messages

    @property
    def dropped_bytes(self) -> int:
        """Bytes of the entries given up."""
        return self._tally.dropped_bytes

    def figures(self) -> dict[str, float]:
        """For `Stats.spool`."""
        tally = self._tally
        return {
            "depth": tally.messages,
            "bytes": tally.bytes,
            "max_bytes": self.max_bytes,
            "dropped_messages": tally.dropped_messages,
            "dropped_bytes": tally.dropped_bytes,
        }

    def append(self, bodies: Sequence[Body]) -> range:
        """Keep `bodies`, in one transaction that is on disk when this returns.

        Returns:
            Their sequence numbers under `id`, from 1, without gaps and never used twice. A body of more than
            `MAX_BODY_BYTES` is left out, counted as dropped and logged.

        Raises:
            StoreError: no space, or the file cannot be written; nothing of this call was kept.
        """
        fitting = [body for body in bodies if len(body) <= MAX_BODY_BYTES]
        with self._lock:
            try:
                numbers = self._append(fitting, bodies)
            except spool_file.DamagedError as error:
                self._replace(error)
                numbers = self._append(fitting, bodies)
        if self.on_append and numbers:
            self.on_append()
        return numbers

    def _append(self, fitting: list[Body], bodies: Sequence[Body]) -> range:
        with self._transaction(durable=True) as db:
            first = self._tally.next
            life = self._life
            if life is None and fitting:
                life = Life(max(self._lives, default=0) + 1, self.id, first - 1)
                db.execute("INSERT INTO lives VALUES (?, ?, ?)", life)
            now = self._now()
            db.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
                [
                    (position, life.number, now, checksum(life, position, now, body), body)
                    for position, body in enumerate(fitting, first)
                    if life is not None
                ],
            )
            self._tally = self._tally.added(len(fitting), sum(map(len, fitting)))
            if len(fitting) < len(bodies):
                large = [len(body) for body in bodies if len(body) > MAX_BODY_BYTES]
                self._drop(len(large), sum(large), f"larger than {MAX_BODY_BYTES} bytes", waiting=False)
            self._trim(db)
        if life is None:
            return range(0)
        self._life = self._lives[life.number] = life
        return range(first - life.base, first - life.base + len(fitting))

    def pending(self, after: int = 0, limit: int = _CHUNK) -> list[Entry]:
        """The oldest waiting entries.

        Args:
            after: only those at a later position.
            limit: at most so many.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            with self._transaction(durable=False) as db:
                return self._pending(db, after, limit)
        except spool_file.DamagedError as error:
            self._replace(error)
            return self.pending(after, limit)

    def _pending(self, db: sqlite3.Connection, after: int, limit: int) -> list[Entry]:
        rows = db.execute(
            "SELECT position, life, time, checksum, body FROM entries WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        ).fetchall()
        entries = []
        for position, number, written, expected, body in rows:
            life = self._lives.get(number)
            if life is None or checksum(life, position, written, body) != expected:
                db.execute("DELETE FROM entries WHERE position = ?", (position,))
                self._drop(1, len(body), "damaged on the disk")
                continue
            entries.append(Entry(position, life.spool, position - life.base, body))
        return entries

    def ack(self, spool: str, through: int) -> range:
        """Let go of the entries of `spool` up to and with number `through`.

        Returns:
            The positions that are let go of by this or were before; empty when `spool` is not known here.

        Raises:
            StoreError: the file cannot be written.
        """
        life = next((life for life in self._lives.values() if life.spool == spool), None)
        if life is None:
            return range(0)
        try:
            with self._transaction(durable=False) as db:
                later = [other.base for other in self._lives.values() if other.base > life.base]
                last = min(life.base + through, self._tally.next - 1, *later)
                gone, size = db.execute(
                    "SELECT COUNT(*), TOTAL(LENGTH(body)) FROM entries WHERE life = ? AND position <= ?",
                    (life.number, last),
                ).fetchone()
                if gone:
                    db.execute("DELETE FROM entries WHERE life = ? AND position <= ?", (life.number, last))
                    self._tally = self._tally.removed(gone, int(size))
        except spool_file.DamagedError as error:
            self._replace(error)
            return self.ack(spool, through)
        with self._lock:
            if self._db is not None:
                spool_file.shrink(self._db)
        return range(life.base + 1, last + 1)

    def tidy(self) -> None:
        """Leave no bytes of what was let go of in the file's log; now and then, as it costs two syncs.

        Copies that were damaged and set aside go when what is in them would be too old.
        """
        now = time.monotonic()
        with self._lock:
            if self._db is None or now < self._cut_at:
                return
            self._cut_at = now + _TIDY_S
            spool_file.cut_log(self._db)
            with contextlib.suppress(OSError):
                drop_aside(self.path, before=time.time() - self.max_age_s)

    def close(self) -> None:
        """Write everything down and let go of the file. Later calls raise `StoreError`."""
        with self._lock:
            if self._db is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._db.close()
                self._db = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _now(self) -> float:
        return self._clock.now() + self._ahead

    @contextlib.contextmanager
    def _transaction(self, durable: bool) -> Iterator[sqlite3.Connection]:
        """The file, locked; committed at the end, or undone with the counts of before."""
        with self._lock:
            if self._db is None:
                raise StoreError(f"the spool {self.path} is closed")
            tally = self._tally
            try:
                self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                if self._tally != tally:
                    spool_file.write_tally(self._db, self._tally)
                self._db.execute("COMMIT")
            except BaseException as error:
                self._tally = tally
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                if isinstance(error, spool_file.FAULTS):
                    raise spool_file.explain(error, self.path) from error
                raise

    def _trim(self, db: sqlite3.Connection) -> None:
        """Drop the oldest entries until the rest is within both bounds."""
        too_old = self._now() - self.max_age_s
        while self._tally.messages:
            rows = db.execute(
                "SELECT position, time, LENGTH(body) FROM entries ORDER BY position LIMIT ?", (_CHUNK,)
            ).fetchall()
            over = self._tally.bytes - self.max_bytes
            through = count = size = 0
            reason = ""
            for position, written, length in rows:
                if written >= too_old and size >= over:
                    break
                reason = f"older than {self.max_age_s:.0f} s" if written < too_old else f"over {self.max_bytes} bytes"
                through, count, size = position, count + 1, size + length
            if not count:
                return
            db.execute("DELETE FROM entries WHERE position <= ?", (through,))
            self._drop(count, size, reason)

    def _drop(self, count: int, size: int, reason: str, waiting: bool = True) -> None:
        if waiting:
            self._tally = self._tally.removed(count, size)
        self._tally = self._tally.dropped(count, size)
        if self._bursts.due(reason, time.monotonic()):
            log.error(
                "%s: dropping entries that the aggregator has not taken, %s; %d (%d bytes) dropped so far",
                self.path, reason, self._tally.dropped_messages, self._tally.dropped_bytes,
            )

    def _replace(self, error: spool_file.DamagedError) -> None:
        """The file turned out to be damaged while in use: set it aside and go on with what can be read of it."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
            self._begin(*spool_file.replace_damaged(self.path, error.message, self._tally.next))
