"""`VisitWriter`: parts of tracks → visits. What goes on is kept at hand, so that the next part is one write and no
question."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aggregator.store import columns
from aggregator.store.count_writer import CountWriter
from aggregator.store.faces import FaceTable
from aggregator.store.many import put_many
from aggregator.visit import Visit
from common.tracklet import Face, PackedTracklet, zones_of

MOST = 20_000
"""Visits kept at hand; beyond it they are read again."""

Recorded = tuple[dict[int, Visit], dict[int, int], int]
"""Visits as they are now, and the identities that they have, by number; and how many parts were taken."""


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
    zones: str = ""


class VisitWriter:
    """A part of `StoreWriter`, with its connection, inside its transactions."""

    def __init__(self, connection: sqlite3.Connection, counting: CountWriter, faces: FaceTable) -> None:
        self._db, self._counting, self._faces = connection, counting, faces
        self._known: dict[tuple[str, str, int], _Known] = {}
        self._by_number: dict[int, _Known] = {}

    def record(self, agents: Sequence[str], tracklets: Sequence[PackedTracklet]) -> Recorded:
        """See `StoreWriter.record_tracklets`."""
        begun: dict[int, tuple[str, str, str, int]] = {}
        latest: dict[int, tuple[_Known, PackedTracklet]] = {}
        means: dict[int, bytes] = {}
        attributes: dict[int, dict[str, Any]] = {}
        faces: dict[int, Face] = {}
        moved: dict[int, float] = {}
        taken: list[PackedTracklet] = []
        whose: list[int] = []
        number = 0
        self._read(tracklets)
        known = self._known
        for agent, part in zip(agents, tracklets, strict=True):
            key = part.camera, part.run, part.track
            row = known.get(key)
            if row is None:
                number = number + 1 if number else self._next()
                row = _Known(number, part.start, part.end, part.label, part.frames, part.part + 1, part.final,
                             part.model, None)
                known[key] = self._by_number[number] = row
                begun[number] = agent, *key
            elif part.part < row.parts:
                continue
            else:
                if part.start < row.start:
                    moved[row.visit] = row.start = part.start
                if part.end > row.end:
                    row.end = part.end
                if part.frames > row.frames:
                    row.frames = part.frames
                row.label, row.parts, row.final = part.label, part.part + 1, row.final or part.final
                if part.mean:
                    row.model = part.model
            visit = row.visit
            latest[visit] = row, part
            if part.mean:
                means[visit] = part.mean
            if part.attributes:
                attributes.setdefault(visit, {}).update(part.attributes)
                row.zones = part.attributes.get("zones", row.zones)
            if part.face is not None:
                faces[visit] = part.face
            taken.append(part)
            whose.append(visit)
        new: list[tuple[Any, ...]] = []
        grown: list[tuple[Any, ...]] = []
        ended: list[tuple[Any, ...]] = []
        for visit, (row, part) in latest.items():
            values = (row.end, row.label, row.frames, row.parts, part.confidence, row.model, means.get(visit, b""),
                      columns.to_json(attributes[visit]) if visit in attributes else "{}", visit)
            if visit in begun:
                new.append((*values, *begun[visit], row.start, row.final))
            else:
                (ended if row.final else grown).append(values)
        put_many(self._db, _NEW, new)
        for statement, rows in (
                (_GROWN, grown), (_ENDED, ended), (_MOVED, [(at, visit) for visit, at in moved.items()])):
            if rows:
                self._db.executemany(statement, rows)
        put_many(self._db, _EXEMPLAR, columns.exemplar_rows(whose, taken))
        put_many(self._db, _PATH, columns.path_rows(whose, taken))
        for visit, face in faces.items():
            self._faces.put(visit, face)
        self._counting.touch_all((part.camera, row.start, row.end) for row, part in latest.values())
        visits = self._visits(latest, means)
        self._keep(latest.values())
        return visits, {visit: row.identity for visit, (row, _) in latest.items() if row.identity is not None}, \
            len(taken)

    def changed(self, identities: Iterable[tuple[int, int | None]]) -> None:
        """Visits that were given an identity, or lost it."""
        for visit, identity in identities:
            if (row := self._by_number.get(visit)) is not None:
                row.identity = identity

    def forget(self) -> None:
        """What is at hand may not be what the file holds: it is read again."""
        self._known.clear()
        self._by_number.clear()

    def _visits(self, latest: Mapping[int, tuple[_Known, PackedTracklet]], means: Mapping[int, bytes],
                ) -> dict[int, Visit]:
        # The mean of a part that has none is that of the parts before.
        looks = columns.embeddings([means.get(visit) or self._mean(visit) for visit in latest])
        return {visit: Visit(
            visit=visit, camera=part.camera, start=row.start, end=row.end, label=row.label, frames=row.frames,
            final=row.final, model=row.model, embedding=embedding, face=self._faces.of(visit),
            zones=zones_of(row.zones))
            for (visit, (row, part)), embedding in zip(latest.items(), looks, strict=True)}

    def _read(self, tracklets: Sequence[PackedTracklet]) -> None:
        """Take what the file holds of these to hand."""
        keys = {(part.camera, part.run, part.track): None for part in tracklets}
        unknown = [key for key in keys if key not in self._known]
        for at in range(0, len(unknown), _AT_ONCE):
            some = unknown[at:at + _AT_ONCE]
            for camera, run, track, *row in self._db.execute(
                    _FIND.format(rows=", ".join(["(?, ?, ?)"] * len(some))), [value for key in some for value in key]):
                visit, start, end, label, frames, parts, final, model, identity, zones = row
                known = _Known(visit, start, end, label, frames, parts, bool(final), model, identity, zones)
                self._known[camera, run, track] = self._by_number[visit] = known

    def _next(self) -> int:
        return int(self._db.execute(_NEXT).fetchone()[0])

    def _mean(self, visit: int) -> bytes:
        return bytes(self._db.execute("SELECT mean FROM visits WHERE visit = ?", (visit,)).fetchone()[0])

    def _keep(self, latest: Iterable[tuple[_Known, PackedTracklet]]) -> None:
        """Of visits that have ended nothing more comes."""
        for row, part in latest:
            if row.final:
                del self._known[part.camera, part.run, part.track], self._by_number[row.visit]
        if len(self._known) > MOST:
            self.forget()


_AT_ONCE = 250
_FIND = """
WITH asked (camera, run, track) AS (VALUES {rows})
SELECT camera, run, track, visit, start, "end", label, frames, parts, final, model, identity,
    coalesce(json_extract(attributes, '$.zones'), '')
FROM asked CROSS JOIN visits USING (camera, run, track)"""
_NEXT = """
SELECT max(coalesce((SELECT max(visit) FROM visits), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'last_visit'), 0)) + 1"""
_NEW = """
INSERT INTO visits ("end", label, frames, parts, confidence, model, mean, attributes, visit, agent, camera, run, track,
                    start, final)
VALUES {rows}"""
# The latest part speaks of the whole track, so it replaces. Columns that stay are not named: what is named is taken out
# of its indexes and put in again.
_GROW = """
UPDATE visits SET {more} "end" = ?1, label = ?2, frames = ?3, parts = ?4, confidence = ?5, model = ?6,
    mean = iif(length(?7) > 0, ?7, mean),
    attributes = iif(?8 = '{{}}', attributes, json_patch(attributes, ?8))
WHERE visit = ?9"""
_GROWN, _ENDED = _GROW.format(more=""), _GROW.format(more="final = 1,")
_MOVED = "UPDATE visits SET start = ? WHERE visit = ?"
_EXEMPLAR = "INSERT INTO exemplars VALUES {rows}"
_PATH = "INSERT INTO paths VALUES {rows}"
