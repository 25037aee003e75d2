"""`VisitWriter`: parts of tracks → visits. What goes on is kept at hand, so that the next part is one write and no
question."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aggregator.store import columns
from aggregator.store.count_writer import CountWriter
from aggregator.store.faces import FaceTable
from aggregator.visit import Visit
from common.tracklet import PackedTracklet

MOST = 20_000
"""Visits kept at hand; beyond it they are read again."""

Recorded = tuple[Visit, int | None]


@dataclass(slots=True)
class _Known:
    """A row of `visits`, without what only grows old."""

    visit: int
    start: float
    end: float
    label: str
    frames: int
    parts: int
    final: bool
    model: str
    identity: int | None


class VisitWriter:
    """A part of `StoreWriter`, with its connection, inside its transactions."""

    def __init__(self, connection: sqlite3.Connection, counting: CountWriter, faces: FaceTable) -> None:
        self._db, self._counting, self._faces = connection, counting, faces
        self._known: dict[tuple[str, str, int], _Known] = {}
        self._by_number: dict[int, _Known] = {}

    def record(self, agents: Sequence[str], tracklets: Sequence[PackedTracklet]) -> list[Recorded | None]:
        """See `StoreWriter.record_tracklets`."""
        new: list[tuple[Any, ...]] = []
        grown: list[tuple[Any, ...]] = []
        moved: list[tuple[float, int]] = []
        exemplars: list[tuple[Any, ...]] = []
        paths: list[tuple[Any, ...]] = []
        found: list[tuple[_Known, tuple[Any, ...]] | None] = []
        number = 0
        self._read(tracklets)
        for agent, part in zip(agents, tracklets, strict=True):
            attributes = columns.to_json(part.attributes) if part.attributes else "{}"
            row = self._known.get((part.camera, part.run, part.track))
            if row is None:
                number = number + 1 if number else self._next()
                row = _Known(number, part.start, part.end, part.label, part.frames, part.part + 1, part.final,
                             part.model, None)
                self._known[part.camera, part.run, part.track] = self._by_number[number] = row
                new.append((number, agent, part.camera, part.run, part.track, part.start, part.end, part.label,
                            part.frames, part.part + 1, part.final, part.confidence, part.model, part.mean, attributes))
            elif part.part < row.parts:
                found.append(None)
                continue
            else:
                if part.start < row.start:
                    row.start = part.start
                    moved.append((part.start, row.visit))
                row.end, row.frames = max(row.end, part.end), max(row.frames, part.frames)
                row.label, row.parts, row.final = part.label, part.part + 1, row.final or part.final
                row.model = part.model if part.mean else row.model
                grown.append((row.end, row.label, row.frames, row.parts, row.final, part.confidence, row.model,
                              part.mean, attributes, row.visit))
            found.append((row, (row.start, row.end, row.label, row.frames, row.final, row.model)))
            self._counting.touch(part.camera, part.start, part.end)
            exemplars += columns.exemplar_rows(row.visit, part)
            if part.path_times:
                times = np.frombuffer(part.path_times, "<f8").tolist()
                paths.append((row.visit, part.part, part.camera, min(times), max(times), part.path_times,
                              part.path_frames, part.path_boxes))
        for statement, rows in ((_NEW, new), (_GROWN, grown), (_MOVED, moved), (_EXEMPLAR, exemplars), (_PATH, paths)):
            if rows:
                self._db.executemany(statement, rows)
        recorded = self._visits(tracklets, found)
        self._keep()
        return recorded

    def changed(self, identities: Iterable[tuple[int, int | None]]) -> None:
        """Visits that were given an identity, or lost it."""
        for visit, identity in identities:
            if (row := self._by_number.get(visit)) is not None:
                row.identity = identity

    def forget(self) -> None:
        """What is at hand may not be what the file holds: it is read again."""
        self._known.clear()
        self._by_number.clear()

    def _visits(self, tracklets: Sequence[PackedTracklet], found: Sequence[tuple[_Known, tuple[Any, ...]] | None],
                ) -> list[Recorded | None]:
        for part, one in zip(tracklets, found, strict=True):
            if one is not None and part.face is not None:
                self._faces.put(one[0].visit, part.face)
        # The mean of a part that has none is that of the parts before.
        looks = iter(columns.embeddings([part.mean or self._mean(one[0].visit)
                                         for part, one in zip(tracklets, found, strict=True) if one is not None]))
        recorded: list[Recorded | None] = []
        for part, one in zip(tracklets, found, strict=True):
            if one is None:
                recorded.append(None)
                continue
            row, (start, end, label, frames, final, model) = one
            recorded.append((Visit(
                visit=row.visit, camera=part.camera, start=start, end=end, label=label, frames=frames, final=final,
                model=model, embedding=next(looks), face=self._faces.of(row.visit)), row.identity))
        return recorded

    def _read(self, tracklets: Sequence[PackedTracklet]) -> None:
        """Take what the file holds of these to hand."""
        keys = {(part.camera, part.run, part.track): None for part in tracklets}
        unknown = [key for key in keys if key not in self._known]
        for at in range(0, len(unknown), _AT_ONCE):
            some = unknown[at:at + _AT_ONCE]
            for camera, run, track, *row in self._db.execute(
                    _FIND.format(rows=", ".join(["(?, ?, ?)"] * len(some))), [value for key in some for value in key]):
                visit, start, end, label, frames, parts, final, model, identity = row
                known = _Known(visit, start, end, label, frames, parts, bool(final), model, identity)
                self._known[camera, run, track] = self._by_number[visit] = known

    def _next(self) -> int:
        return int(self._db.execute(_NEXT).fetchone()[0])

    def _mean(self, visit: int) -> bytes:
        return bytes(self._db.execute("SELECT mean FROM visits WHERE visit = ?", (visit,)).fetchone()[0])

    def _keep(self) -> None:
        """Of visits that have ended nothing more comes."""
        if len(self._known) > MOST:
            self.forget()
        for key in [key for key, row in self._known.items() if row.final]:
            del self._by_number[self._known.pop(key).visit]


_AT_ONCE = 250
_FIND = """
WITH asked (camera, run, track) AS (VALUES {rows})
SELECT camera, run, track, visit, start, "end", label, frames, parts, final, model, identity
FROM asked CROSS JOIN visits USING (camera, run, track)"""
_NEXT = """
SELECT max(coalesce((SELECT max(visit) FROM visits), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'last_visit'), 0)) + 1"""
_NEW = """
INSERT INTO visits (visit, agent, camera, run, track, start, "end", label, frames, parts, final, confidence, model,
                    mean, attributes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
# The latest part speaks of the whole track, so it replaces. Columns that stay are not named: what is named is taken out
# of its indexes and put in again.
_GROWN = """
UPDATE visits SET "end" = ?1, label = ?2, frames = ?3, parts = ?4, final = ?5, confidence = ?6, model = ?7,
    mean = iif(length(?8) > 0, ?8, mean),
    attributes = iif(?9 = '{}', attributes, json_patch(attributes, ?9))
WHERE visit = ?10"""
_MOVED = "UPDATE visits SET start = ? WHERE visit = ?"
_EXEMPLAR = "INSERT INTO exemplars VALUES (?, ?, ?, ?)"
_PATH = "INSERT INTO paths VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
