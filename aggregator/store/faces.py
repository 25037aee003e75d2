"""`FaceTable`: what visits' faces looked like, where cameras were told to look for them."""

from __future__ import annotations

import sqlite3
from typing import Any

from aggregator.store import columns
from common.tracklet import Face

FACE = "face_model, face, face_quality, face_seen"
"""A face as columns of a query, `face_of` reads them."""
JOINED = "f.model AS face_model, f.mean AS face, f.quality AS face_quality, f.seen AS face_seen"


def face_of(row: tuple[Any, ...]) -> Face | None:
    """Model, blob, quality and how many → a face; None where there is none."""
    if not row[0]:
        return None
    return Face(model=row[0], mean=columns.embedding(row[1]), quality=row[2], seen=row[3])


class FaceTable:
    """Inside a transaction of the store's writer, but for reading."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._any = connection.execute("SELECT 1 FROM faces LIMIT 1").fetchone() is not None

    def put(self, visit: int, face: Face) -> None:
        """The latest part of a track speaks of the whole of it, so it replaces."""
        self._any = True
        self._db.execute("""
            INSERT INTO faces VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (visit) DO UPDATE SET model = excluded.model, mean = excluded.mean,
                quality = excluded.quality, seen = excluded.seen""",
            (visit, face.model, columns.embedding_blob(face.mean), face.quality, face.seen))

    def of(self, visit: int) -> Face | None:
        """A visit's face, as it is kept."""
        row = self._db.execute("SELECT model, mean, quality, seen FROM faces WHERE visit = ?",
                               (visit,)).fetchone() if self._any else None
        return face_of(row) if row else None
