"""What is done when the database's file is not whole: indices are made anew, or what can be read moves to a new file.

Disks and memory flip bits. A table's content may be beyond saving where that happened; everything else is not, and an
aggregator that refuses to start because of it would lose what agents can no longer keep.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aggregator.store.errors import StoreDamagedError
from common.errors import StoreError
from common.private_files import drop_aside

log = logging.getLogger("store")

_BATCH = 500
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises; the second for its texts, and for SQLite's words that quote them."""


def suspect(path: Path) -> Path:
    """The file that says: look at the database before it is used again."""
    return path.with_name(path.name + ".suspect")


def problems(path: Path, most: int = 20) -> list[str]:
    """What is wrong with a database, as SQLite puts it; reads all of it.

    Raises:
        sqlite3.Error: it cannot even be opened.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10.0)) as db:
        try:
            found = [str(row[0]) for row in db.execute(f"PRAGMA integrity_check({most})")]
        except _UNREADABLE as error:
            found = [str(error)]
    return [] if found == ["ok"] else found


def mend(path: Path, create: Callable[[Path, int], sqlite3.Connection]) -> None:
    """Make a damaged database whole. Whoever calls holds its lock.

    Args:
        path: the file.
        create: makes an empty database of the given schema version.

    Raises:
        StoreDamagedError: nothing in it can be read; it stays where it is.
        StoreError: it cannot be set aside, or the new one not be written.
    """
    try:
        found = problems(path)
        if found:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db, \
                    contextlib.suppress(*_UNREADABLE):
                db.execute("REINDEX")
            if not (left := problems(path)):
                log.error("%s: an index was damaged; all were made anew from the tables. Look at the disk (%s)",
                          path, " ".join(found[0].split()))
            found = left
        if found:
            _replace(path, " ".join(found[0].split()), create)
    except (*_UNREADABLE, OSError) as error:
        raise StoreError(f"{path}: is damaged and cannot be mended ({error})",
                         f"see that there is room in {path.parent}, or put a backup of {path.name} in its place") \
            from error
    suspect(path).unlink(missing_ok=True)


def _replace(path: Path, why: str, create: Callable[[Path, int], sqlite3.Connection]) -> None:
    """Move what can be read to a new file, and set the old one aside."""
    draft = path.with_name(path.name + ".mended")
    for left in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
        left.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        # What the log holds must be in the file: it is about to get another name.
        with contextlib.suppress(*_UNREADABLE):
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        old.execute("PRAGMA writable_schema = ON")  # or one damaged line of the schema hides all tables
        version = int(old.execute("PRAGMA user_version").fetchone()[0])
        with contextlib.closing(create(draft, version)) as new:
            _name_tables(old, new)
            saved = _copy(old, new)
            if not saved:
                draft.unlink()
                raise StoreDamagedError(f"{path}: is damaged, and nothing in it can be read ({why})",
                                        f"move {path.name} away, or put a backup in its place, and start again")
            new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            new.execute("PRAGMA journal_mode = DELETE")
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.broken-{stamp}")
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    draft.rename(path)
    drop_aside(path)
    log.error("%s was damaged (%s); what could be read, %d rows, is in a new file, and the old one was set aside as "
              "%s. It holds personal data: delete it when you do not need it, 'forget' does too. And look at the disk",
              path, why, saved, aside)


def _name_tables(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Write the schema's lines anew where they are not what this version makes; all were made in the same order."""
    ours = "SELECT rowid, CAST(type AS BLOB), CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master ORDER BY rowid"
    with contextlib.suppress(*_UNREADABLE, ValueError):
        found, wanted = old.execute(ours).fetchall(), new.execute(ours).fetchall()
        damaged = [row[0] for row, right in zip(found, wanted, strict=True) if row != right]
        if not 0 < len(damaged) <= 1 + len(wanted) // 4:  # more is another schema, not damage
            return
        for number in damaged:
            old.execute("UPDATE sqlite_master SET (type, name, tbl_name, sql) = (?, ?, ?, ?) WHERE rowid = ?",
                        (*new.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE rowid = ?",
                                      (number,)).fetchone(), number))
        version = int(old.execute("PRAGMA schema_version").fetchone()[0])
        old.execute(f"PRAGMA schema_version = {version + 1}")  # so that it is read again


def _copy(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """All rows that can be read, from the front until the damage and from the back."""
    saved = 0
    new.execute("PRAGMA foreign_keys = OFF")
    new.execute("BEGIN")
    for (table,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = new.execute(f'PRAGMA table_info("{table}")').fetchall()
        keys = [f'"{column[1]}"' for column in sorted(columns, key=lambda c: c[5]) if column[5]]
        ordered = keys or ["rowid"]
        into = f'INSERT OR IGNORE INTO "{table}" VALUES ({", ".join("?" * len(columns))})'
        for direction in ("ASC", "DESC"):
            # NOT INDEXED: by the table itself, an index may be what is damaged.
            query = (f'SELECT * FROM "{table}" NOT INDEXED ORDER BY '
                     + ", ".join(f"{key} {direction}" for key in ordered))
            for batch in _rows(old, query):
                _put(new, into, batch)
        saved += int(new.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])
    # What hangs on a row that is gone.
    for (table,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table' "
                                "AND name IN ('exemplars', 'paths', 'faces')").fetchall():
        new.execute(f"DELETE FROM {table} WHERE visit NOT IN (SELECT visit FROM visits)")
    new.execute("""INSERT OR IGNORE INTO identities (identity, label, created)
                   SELECT DISTINCT identity, label, start FROM visits WHERE identity IS NOT NULL""")
    new.execute("UPDATE identities SET merged_into = NULL WHERE merged_into NOT IN (SELECT identity FROM identities)")
    new.execute("COMMIT")
    return saved


def _rows(db: sqlite3.Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """What a query gives until the file fails."""
    batch: list[tuple[Any, ...]] = []
    with contextlib.suppress(*_UNREADABLE):
        for row in db.execute(query):
            batch.append(row)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    yield batch


def _put(db: sqlite3.Connection, into: str, rows: list[tuple[Any, ...]]) -> None:
    """Those that the tables take."""
    for row in rows:
        with contextlib.suppress(sqlite3.IntegrityError, sqlite3.DataError):
            db.execute(into, row)
