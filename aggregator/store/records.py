"""The two records that only grow: what people corrected, and what linking was asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aggregator.store import columns
from aggregator.store.faces import FACE, face_of
from aggregator.store.many import put_many
from aggregator.visit import Visit
from common.tracklet import zone_path, zones_of

CorrectionOperation = Literal["merge", "split", "confirm", "reject", "undo"]
MomentKind = Literal["start", "observe", "keep", "resolve", "correct"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a correction made of a visit; `certainty` is the one before."""

    visit: int
    before: int
    certainty: float
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRow:
    """A correction.

    Attributes:
        correction: its number.
        time: UTC seconds.
        who: the name given.
        note: why, in the person's words.
        together, apart: what it says of visits, see `aggregator.linking.constraints.Said`.
        changed: visits whose identity or certainty it changed.
        folded: identities that it merged into others.
        undoes: the number of the correction that it takes back.
        undone: the number of the one that took it back.
    """

    correction: int
    time: float
    who: str
    operation: CorrectionOperation
    note: str = ""
    together: tuple[tuple[int, ...], ...] = ()
    apart: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    changed: tuple[Changed, ...] = ()
    folded: tuple[int, ...] = ()
    undoes: int | None = None
    undone: int | None = None

    @property
    def stands(self) -> bool:
        """Whether it says anything that was not taken back."""
        return self.undone is None and self.operation != "undo"

    def visits(self) -> set[int]:
        """All visits that it touches."""
        spoken = [visit for group in (*self.together, *self.apart) for visit in group]
        return {*spoken, *(change.visit for change in self.changed)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that linking was asked, and what it was asked about.

    Attributes:
        kind: `start`: begin anew with all that is stored; `observe`: these visits came together; `keep`: they were
            stored, but not linked; `resolve`: repair the recent past; `correct`: a correction.
        time: UTC seconds.
        visits: as they were then.
        decisions: how many entries of the log came of it.
        data: of a start, release, settings and layout; of a correction, its number.
    """

    kind: MomentKind
    time: float
    visits: Sequence[Visit] = ()
    decisions: int = 0
    data: dict[str, Any] = field(default_factory=dict)


class CorrectionTable:
    """Appends to `corrections`, inside a transaction of the store's writer."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def next(self) -> int:
        """The number of the next one."""
        return int(self._db.execute("SELECT coalesce(max(correction), 0) + 1 FROM corrections").fetchone()[0])

    def add(self, row: CorrectionRow) -> None:
        """Append one."""
        self._db.execute("INSERT INTO corrections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            row.correction, row.time, row.who, row.operation, row.note, columns.to_json(row.together),
            columns.to_json(row.apart), columns.to_json([(c.visit, c.before, c.certainty, c.after)
                                                         for c in row.changed]),
            columns.to_json(row.folded), row.undoes))


class MomentTable:
    """Appends to `moments` and `arrivals`, inside a transaction of the store's writer."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, moments: Iterable[Moment]) -> None:
        """Append some, in order."""
        for moment in moments:
            number = self._db.execute("INSERT INTO moments (time, kind, decisions, data) VALUES (?, ?, ?, ?)", (
                moment.time, moment.kind, moment.decisions, columns.to_json(moment.data))).lastrowid
            # The mean is taken from where it was just written: the very bytes that were compared.
            put_many(self._db, _ARRIVED, [
                (v.visit, v.start, v.end, v.label, v.frames, v.final, v.model, zone_path(v.zones))
                for v in moment.visits], (number,))
            self._db.executemany(f"""
                UPDATE arrivals SET ({FACE}) = (SELECT model, mean, quality, seen FROM faces WHERE visit = :visit)
                WHERE moment = :moment AND visit = :visit""", [
                {"visit": v.visit, "moment": number} for v in moment.visits if v.face is not None])


_ARRIVED = """
INSERT INTO arrivals (moment, visit, start, "end", label, frames, final, model, zones, mean)
SELECT ?, a.*, visits.mean FROM (VALUES {rows}) AS a CROSS JOIN visits ON visits.visit = a.column1"""
CORRECTIONS = """
SELECT c.correction, c.time, c.who, c.operation, c.note, c.together, c.apart, c.changed, c.folded, c.undoes,
       u.correction
FROM corrections AS c LEFT JOIN corrections AS u ON u.undoes = c.correction
WHERE {where} ORDER BY c.correction"""
MOMENTS = "SELECT moment, kind, time, decisions, data FROM moments ORDER BY moment"
ARRIVALS = f"""
SELECT a.moment, a.visit, v.camera, a.start, a."end", a.label, a.frames, a.final, a.model, a.mean, a.zones, {FACE}
FROM arrivals AS a CROSS JOIN visits AS v USING (visit) ORDER BY a.arrival"""


def correction_row(r: tuple[Any, ...]) -> CorrectionRow:
    """A row of `CORRECTIONS`."""
    left, right = json.loads(r[6])
    return CorrectionRow(
        correction=r[0], time=r[1], who=r[2], operation=r[3], note=r[4],
        together=tuple(tuple(group) for group in json.loads(r[5])), apart=(tuple(left), tuple(right)),
        changed=tuple(Changed(visit=v, before=b, certainty=c, after=a) for v, b, c, a in json.loads(r[7])),
        folded=tuple(json.loads(r[8])), undoes=r[9], undone=r[10])


def arrival(r: tuple[Any, ...]) -> Visit:
    """A row of `ARRIVALS`, without its moment."""
    return Visit(visit=r[0], camera=r[1], start=r[2], end=r[3], label=r[4], frames=r[5], final=bool(r[6]), model=r[7],
                 embedding=columns.embedding(r[8]), zones=zones_of(r[9]), face=face_of(r[10:]))
