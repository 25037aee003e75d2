"""By which key the store's embeddings are turned, and how they are turned by another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from aggregator.store import columns

Rows = NDArray[np.float32]
_CHUNK = 500
_TABLES = (
    ("visits", "visit", "SELECT visit, model, mean FROM visits WHERE length(mean) > 0 AND visit > ? "
                        "ORDER BY visit LIMIT ?", "UPDATE visits SET mean = ? WHERE visit = ?"),
    ("exemplars", "rowid", "SELECT e.rowid, v.model, e.embedding FROM exemplars AS e JOIN visits AS v USING (visit) "
                           "WHERE e.rowid > ? ORDER BY e.rowid LIMIT ?",
     "UPDATE exemplars SET embedding = ? WHERE rowid = ?"),
    ("arrivals", "arrival", "SELECT arrival, model, mean FROM arrivals WHERE length(mean) > 0 AND arrival > ? "
                            "ORDER BY arrival LIMIT ?", "UPDATE arrivals SET mean = ? WHERE arrival = ?"),
    ("faces", "visit", "SELECT visit, model, mean FROM faces WHERE visit > ? ORDER BY visit LIMIT ?",
     "UPDATE faces SET mean = ? WHERE visit = ?"),
    ("arrivals", "arrival", "SELECT arrival, face_model, face FROM arrivals WHERE length(face) > 0 AND arrival > ? "
                            "ORDER BY arrival LIMIT ?", "UPDATE arrivals SET face = ? WHERE arrival = ?"),
)


class TurnedTable:
    """Inside a transaction of the store's writer, but for reading."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def key(self) -> str:
        """The key's id; empty when embeddings are as they came."""
        row = self._db.execute("SELECT value FROM facts WHERE name = 'embedding_key'").fetchone()
        return str(row[0]) if row else ""

    def empty(self) -> bool:
        """Whether there is no embedding yet."""
        return self._db.execute("SELECT 1 FROM visits WHERE length(mean) > 0 UNION ALL SELECT 1 FROM faces LIMIT 1"
                                ).fetchone() is None

    def use(self, key: str) -> None:
        """From now on embeddings are turned by the key with this id."""
        self._db.execute("INSERT INTO facts VALUES ('embedding_key', ?) "
                         "ON CONFLICT (name) DO UPDATE SET value = excluded.value", (key,))

    def count(self) -> int:
        """How many embeddings there are."""
        return sum(int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table, *_ in _TABLES)

    def turn(self, change: Callable[[Rows, str], Rows]) -> Iterator[int]:
        """Change every embedding; says how many were looked at, again and again.

        Args:
            change: (n, d) float32 rows and their network's fingerprint → the same, turned.
        """
        for _, _, ask, put in _TABLES:
            last = -1
            while rows := self._db.execute(ask, (last, _CHUNK)).fetchall():
                last = rows[-1][0]
                for model in {row[1] for row in rows}:
                    some = [row for row in rows if row[1] == model]
                    turned = change(np.stack([columns.embedding(row[2]) for row in some]), model)
                    self._db.executemany(put, [(columns.embedding_blob(vector), row[0])
                                               for vector, row in zip(turned, some, strict=True)])
                yield len(rows)
