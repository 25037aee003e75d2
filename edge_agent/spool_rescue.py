"""What can still be read of a damaged spool."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BATCH = 200


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
        lives = _rows(source, "SELECT life, spool, base FROM lives")
        known: set[int] = set()
        for batch in lives:
            db.executemany("INSERT OR IGNORE INTO lives VALUES (?, ?, ?)", [row for row in batch if _is_life(row)])
            known.update(row[0] for row in batch if _is_life(row))
        for order in ("ASC", "DESC"):
            query = f"SELECT position, life, time, checksum, body FROM entries ORDER BY position {order}"
            for batch in _rows(source, query):
                db.executemany(
                    "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?)",
                    [row for row in batch if row[1] in known and _is_entry(row)],
                )
        saved: int = db.execute("SELECT COUNT(*) FROM entries").fetchone()[0]
        return saved
    finally:
        with contextlib.suppress(sqlite3.Error):
            source.close()


def _rows(source: sqlite3.Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """What a query gives until the file fails."""
    batch: list[tuple[Any, ...]] = []
    # Text that is no text raises too, as OperationalError; both mean that nothing more can be had this way.
    with contextlib.suppress(sqlite3.Error):
        for row in source.execute(query):
            batch.append(row)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    yield batch


def _is_life(row: tuple[Any, ...]) -> bool:
    return isinstance(row[0], int) and isinstance(row[1], str) and isinstance(row[2], int)


def _is_entry(row: tuple[Any, ...]) -> bool:
    position, _, time, checksum, body = row
    return (
        isinstance(position, int) and isinstance(time, float) and isinstance(body, bytes)
        and 0 < position < 2**53 and zlib.crc32(body, position & 0xFFFFFFFF) == checksum
    )
