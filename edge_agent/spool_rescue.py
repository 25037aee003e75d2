"""What stands in a spool's file, how damage is told, and what can still be read of a damaged one."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_BATCH = 200


class Life(NamedTuple):
    """One opening of the file: its number, its spool id, and the position before its first entry."""

    number: int
    spool: str
    base: int


def checksum(life: Life, position: int, time: float, body: bytes) -> int:
    """What tells a damaged entry from a whole one: over its name, its time and its body."""
    name = f"{life.spool} {position - life.base} {position} {time!r}".encode()
    return zlib.crc32(body, zlib.crc32(name))


def rescue(broken: Path, db: sqlite3.Connection) -> int:
    """Copy the entries of a damaged file into a new one, under their old names; the aggregator drops repeats.

    Reads from the front until the damage, then from the back. Entries whose checksum is wrong stay behind.

    Args:
        broken: the damaged file.
        db: the new one, empty, in a transaction.

    Returns:
        How many entries were saved.

    Raises:
        sqlite3.Error: the new file cannot be written.
    """
    source = sqlite3.connect(broken, isolation_level=None)
    try:
        lives: dict[int, Life] = {}
        for batch in _rows(source, "SELECT life, spool, base FROM lives"):
            lives.update({row[0]: Life(*row) for row in batch if _is_life(row)})
        db.executemany("INSERT OR IGNORE INTO lives VALUES (?, ?, ?)", list(lives.values()))
        for order in ("ASC", "DESC"):
            query = f"SELECT position, life, time, checksum, body FROM entries ORDER BY position {order}"
            for batch in _rows(source, query):
                db.executemany(
                    "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?)",
                    [row for row in batch if _is_entry(row, lives)],
                )
        saved: int = db.execute("SELECT COUNT(*) FROM entries").fetchone()[0]
        return saved
    finally:
        with contextlib.suppress(sqlite3.Error):
            source.close()


def _rows(source: sqlite3.Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """What a query gives until the file fails."""
    batch: list[tuple[Any, ...]] = []
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        for row in source.execute(query):
            batch.append(row)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    yield batch


def _is_life(row: tuple[Any, ...]) -> bool:
    return isinstance(row[0], int) and isinstance(row[1], str) and isinstance(row[2], int)


def _is_entry(row: tuple[Any, ...], lives: dict[int, Life]) -> bool:
    position, life, time, expected, body = row
    return (
        isinstance(position, int) and life in lives and isinstance(time, float) and isinstance(body, bytes)
        and checksum(lives[life], position, time, body) == expected
    )
