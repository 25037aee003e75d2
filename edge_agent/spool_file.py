"""The spool's file: its tables, how it is opened, and what is done when it is damaged."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from common.errors import StoreError
from common.private_files import create_private, drop_aside, keep_private
from common.spool_id import new_file_id
from edge_agent.spool_rescue import Life, checksum, rescue

log = logging.getLogger("passage.spool")

VERSION = 1
_LARGEST_VERSION = 1000  # beyond it is no release, but a flipped bit
# A damaged schema can be quoted in an error message that is then no text.
FAULTS = (sqlite3.Error, UnicodeDecodeError)
_SPARE_PAGES = 1024  # of 4 KiB, kept in the file for reuse
_SCHEMA = """
CREATE TABLE tally (
    file             TEXT NOT NULL,
    next             INTEGER NOT NULL,        -- position of the next entry: never used again, even when all are gone
    messages         INTEGER NOT NULL,
    bytes            INTEGER NOT NULL,
    dropped_messages INTEGER NOT NULL,
    dropped_bytes    INTEGER NOT NULL
) STRICT;
CREATE TABLE lives (
    life  INTEGER PRIMARY KEY,
    spool TEXT NOT NULL UNIQUE,
    base  INTEGER NOT NULL                    -- an entry's sequence number is its position less this
) STRICT;
CREATE TABLE entries (
    position INTEGER PRIMARY KEY,
    life     INTEGER NOT NULL,
    time     REAL NOT NULL,                   -- UTC seconds, never falling
    checksum INTEGER NOT NULL,                -- crc32 over name, time and body
    body     BLOB NOT NULL
) STRICT;
"""

class DamagedError(StoreError):
    """The file's content is damaged; it is set aside rather than used."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is in the file, so that nobody has to count it."""

    file: str
    next: int = 1
    messages: int = 0
    bytes: int = 0
    dropped_messages: int = 0
    dropped_bytes: int = 0

    def added(self, count: int, size: int) -> Tally:
        """`count` entries of `size` bytes more."""
        return replace(self, next=self.next + count, messages=self.messages + count, bytes=self.bytes + size)

    def removed(self, count: int, size: int) -> Tally:
        """`count` entries of `size` bytes fewer."""
        return replace(self, messages=self.messages - count, bytes=self.bytes - size)

    def dropped(self, count: int, size: int) -> Tally:
        """`count` entries of `size` bytes given up."""
        return replace(
            self, dropped_messages=self.dropped_messages + count, dropped_bytes=self.dropped_bytes + size
        )


def open_or_replace(path: Path, least_next: int = 1) -> tuple[sqlite3.Connection, Tally]:
    """The spool at `path`, made when it is not there; a damaged one is set aside and what can be read of it is kept.

    Args:
        path: the file; its folder is made as well.
        least_next: positions of a replaced file begin here, so that none is used twice while somebody remembers it.

    Raises:
        StoreError: it is in use, from a newer release, or cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(
            f"the spool's folder {path.parent} cannot be made: {error.strerror}", "set 'data' to a folder that can be"
        ) from error
    try:
        return _open(path)
    except DamagedError as error:
        return replace_damaged(path, error.message, least_next)


def replace_damaged(path: Path, reason: str, least_next: int = 1) -> tuple[sqlite3.Connection, Tally]:
    """Set the file at `path` aside, begin a new one, and bring over what can be read.

    Raises:
        StoreError: as `open_or_replace`.
    """
    aside = _set_aside(path)
    db, tally = _open(path)
    saved = 0
    try:
        db.execute("BEGIN IMMEDIATE")
        saved = rescue(aside, db)
        size, last = db.execute("SELECT TOTAL(LENGTH(body)), MAX(position) FROM entries").fetchone()
        tally = replace(tally, messages=saved, bytes=int(size), next=max(least_next, (last or 0) + 1))
        write_tally(db, tally)
        db.execute("COMMIT")
    except sqlite3.Error as error:
        db.close()
        raise explain(error, path) from error
    log.error("%s; it was set aside as %s and a new spool begins with the %d entries that could be read",
              reason, aside, saved)
    with contextlib.suppress(OSError):
        drop_aside(path)
    return db, tally


def _open(path: Path) -> tuple[sqlite3.Connection, Tally]:
    db: sqlite3.Connection | None = None
    create_private(path)
    try:
        db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        # One process has the file; it also spares the shared-memory file.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA secure_delete=ON")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        keep_private(path)
        if not 0 <= version <= _LARGEST_VERSION:
            raise DamagedError(f"the spool {path} is damaged: version {version}")
        if version > VERSION:
            raise StoreError(
                f"the spool {path} is of version {version}, this release knows {VERSION}",
                "start the newer release again, or move the file away (what it holds is then not sent)",
            )
        if version == 0:
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA journal_size_limit=8388608")
        if version == 0:
            begin = f"INSERT INTO tally VALUES ('{new_file_id()}', 1, 0, 0, 0, 0);"
            db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}{begin}PRAGMA user_version={VERSION};COMMIT;")
        return db, _checked(db, path)
    except BaseException as error:
        if db is not None:
            db.close()
        if isinstance(error, FAULTS):
            raise explain(error, path) from error
        raise


def _checked(db: sqlite3.Connection, path: Path) -> Tally:
    """The counts, after a look at everything that can be wrong with a file.

    Raises:
        DamagedError: something is.
    """
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found == "ok" and _schema_of(db) != _SCHEMA_TEXT:
        found = "its tables are not those of a spool"
    row = db.execute("SELECT * FROM tally").fetchone() if found == "ok" else None
    if row is None:
        raise DamagedError(f"the spool {path} is damaged: {found}")
    # Nothing waits for these any more.
    db.execute("DELETE FROM lives WHERE life NOT IN (SELECT DISTINCT life FROM entries)")
    # Counted rather than believed: the check above has read everything anyway.
    count, size, last = db.execute("SELECT COUNT(*), TOTAL(LENGTH(body)), MAX(position) FROM entries").fetchone()
    tally = Tally(*row)
    return replace(tally, messages=count, bytes=int(size), next=max(tally.next, (last or 0) + 1))


def _schema_of(db: sqlite3.Connection) -> list[tuple[str]]:
    return db.execute("SELECT sql FROM sqlite_schema ORDER BY rowid").fetchall()


def _expected_schema() -> list[tuple[str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _schema_of(db)


_SCHEMA_TEXT = _expected_schema()


def newest_time(db: sqlite3.Connection, lives: dict[int, Life]) -> float:
    """When the newest whole entry was written, UTC seconds; 0 when there is none."""
    rows = db.execute("SELECT position, life, time, checksum, body FROM entries ORDER BY position DESC LIMIT 16")
    for position, life, time, expected, body in rows:
        if life in lives and checksum(lives[life], position, time, body) == expected:
            return float(time)
    return 0.0


def read_lives(db: sqlite3.Connection) -> list[Life]:
    """The openings whose entries may still wait."""
    return [Life(*row) for row in db.execute("SELECT life, spool, base FROM lives")]


def write_tally(db: sqlite3.Connection, tally: Tally) -> None:
    """Keep the counts with the entries, in the same transaction."""
    db.execute(
        "UPDATE tally SET next = ?, messages = ?, bytes = ?, dropped_messages = ?, dropped_bytes = ?",
        (tally.next, tally.messages, tally.bytes, tally.dropped_messages, tally.dropped_bytes),
    )


def shrink(db: sqlite3.Connection) -> None:
    """Give the disk back what a long absence of the aggregator had filled, a bite at a time."""
    with contextlib.suppress(sqlite3.Error):  # a nicety: the next call tries again
        if db.execute("PRAGMA freelist_count").fetchone()[0] > _SPARE_PAGES:
            # Frees one page a step, as rows without columns, of which `execute` takes only the first.
            db.executescript("PRAGMA incremental_vacuum(256);")


def cut_log(db: sqlite3.Connection) -> None:
    """Cut the write-ahead log, which holds what was taken out."""
    with contextlib.suppress(sqlite3.Error):  # the next call tries again
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def explain(error: Exception, path: Path) -> StoreError:
    """What SQLite says, in words that name the file and the cure."""
    text = str(error)[:300]
    if "locked" in text:
        return StoreError(
            f"the spool {path} is in use by another process",
            "stop the other edge-agent, or give this one a data folder of its own",
        )
    if "full" in text:
        return StoreError(f"no space left on the disk of the spool {path}", f"free some space on {path.parent}")
    if "unable to open" in text or "readonly" in text:
        return StoreError(
            f"the spool {path} cannot be opened for writing",
            f"check who owns {path.parent} and what may be written there",
        )
    if "I/O" in text or "memory" in text:
        return StoreError(f"the spool {path} cannot be used: {text}", f"check the disk that holds {path.parent}")
    # What else SQLite says of a file that was right before is said of a damaged one, in many words.
    return DamagedError(f"the spool {path} is damaged: {text}")


def _set_aside(path: Path) -> Path:
    """Rename a damaged spool and what belongs to it, so that a new one can begin."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.broken-{stamp}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.broken-{stamp}-{count}")
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise StoreError(f"the damaged spool {path} cannot be set aside: {error.strerror}") from error
    return aside
