"""`CountReader`: numbers of places over any stretch of time; whole hours from their sums, the rest as recorded."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aggregator.analytics.tally import MAXIMA, Floats, Ints, Stays, Tally
from aggregator.store.count_writer import COLUMNS, HOUR
from aggregator.store.queries import Filter
from aggregator.store.raw_counts import Kind, Place, read_raw, stay_rows, stays_of
from aggregator.store.reader import StoreReader

_ADDED = ", ".join(f"{'max' if column in MAXIMA else 'sum'}({column})" for column in COLUMNS)
# Hours before the first inner edge are piece 0; the pieces after it are as long as one another.
_HOURS = f"""
SELECT kind, name, iif(hour < :begin, 0, 1 + (hour - :begin) / :width) AS piece, {_ADDED}
FROM hours WHERE {{where}} AND hour NOT IN (SELECT value FROM json_each(:due)) GROUP BY kind, name, piece"""
_DUE = "SELECT camera, hour FROM hours_due WHERE {where}"
_PLACES = "SELECT camera, kind, name, shape FROM places WHERE {where} ORDER BY camera, kind DESC, name"
_INSIDE = """
SELECT s.camera, s.zone, s.entered, s.run, s.track, v.visit, v.identity, coalesce(v."end", s.entered)
FROM stays AS s JOIN visits AS v USING (camera, run, track)
WHERE s."left" IS NULL AND v.final = 0 AND {where} ORDER BY s.entered"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """A zone or line as its agent announced it; `shape` holds what else was set."""

    place: Place
    shape: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideRow:
    """Somebody who is in a zone; `seen` is the latest sight."""

    place: Place
    entered: float
    run: str
    track: int
    visit: int
    identity: int | None
    seen: float


class CountReader:
    """Questions about places. Reads through `reader`, and like it from one thread."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader

    def places(self, camera: str | None = None) -> list[PlaceRow]:
        """Zones and lines as they are set now, by camera, zones first."""
        where = Filter().equals("camera", camera)
        return [PlaceRow(place=Place(r[0], r[1], r[2]), shape=json.loads(r[3]))
                for r in self._reader.rows(_PLACES.format(where=where), where.parameters)]

    def inside(self, camera: str | None = None, zone: str | None = None) -> list[InsideRow]:
        """Who has entered a zone and was not told to have left, longest first; the agent may be gone."""
        where = Filter().equals("s.camera", camera).equals("s.zone", zone)
        return [InsideRow(place=Place(r[0], "zone", r[1]), entered=r[2], run=r[3], track=r[4], visit=r[5],
                          identity=r[6], seen=r[7])
                for r in self._reader.rows(_INSIDE.format(where=where), where.parameters)]

    def stays(self, place: Place, since: float, until: float, label: str | None = None) -> Stays:
        """The stays in a zone that overlap [since, until]."""
        return stays_of(stay_rows(self._reader.rows, place.camera, since, until, place.name, label))

    def tallies(self, edges: Floats, *, cameras: Sequence[str], kind: Kind | None = None, name: str | None = None,
                label: str = "", ways: bool = False) -> dict[Place, Tally]:
        """The numbers of every place in which something happened, bucket by bucket.

        Args:
            edges: (k + 1,) UTC seconds, rising.
            cameras: whose.
            kind, name: only these places.
            label: only this class; empty for all.
            ways: also how fast people walk; costs time where hours are not added up yet.
        """
        result: dict[Place, Tally] = {}

        def wanted(place: Place) -> bool:
            return (kind is None or place.kind == kind) and (name is None or place.name == name)

        with self._snapshot():
            lone = cameras[0] if len(cameras) == 1 else None
            first, last = _whole_hours(edges)
            due: dict[str, set[int]] = {}
            if first < last:
                due = self._due(first, last, lone)
                for camera in cameras:
                    where = Filter().equals("camera", camera).equals("label", label).equals("kind", kind)
                    where.equals("name", name).at_least("hour", first).at_most("hour", last - 1)
                    self._sums(camera, edges, where, due.get(camera, set()), result)
            for camera in cameras:
                spans = [(float(edges[0]), float(edges[-1]))] if first >= last else [
                    (float(edges[0]), float(first * HOUR)),
                    *_runs(sorted(due.get(camera, ()))),
                    (float(last * HOUR), float(edges[-1]))]
                for since, until in spans:
                    if until > since:
                        self._raw(camera, since, until, edges, label, kind, ways, wanted, result)
        return result

    def _sums(self, camera: str, edges: Floats, where: Filter, due: set[int], result: dict[Place, Tally]) -> None:
        begin, width, starts = _pieces(edges)
        groups: dict[Place, list[tuple[Any, ...]]] = {}
        for row in self._reader.rows(_HOURS.format(where=where), {
                **where.parameters, "begin": begin, "width": width, "due": json.dumps(sorted(due))}):
            groups.setdefault(Place(camera, row[0], row[1]), []).append(row[2:])
        for place, mine in groups.items():
            columns = np.array(mine, np.float64).T
            whole = Tally.empty(len(mine))
            for column, values in zip(COLUMNS, columns[1:], strict=True):
                getattr(whole, column)[:] = values
            result.setdefault(place, Tally.empty(len(edges) - 1)).add(whole, starts(columns[0].astype(np.int64)))

    def _raw(self, camera: str, since: float, until: float, edges: Floats, label: str, kind: Kind | None, ways: bool,
             wanted: Any, result: dict[Place, Tally]) -> None:
        inner = edges[(edges > since) & (edges < until)]
        own = np.concatenate([[since], inner, [until]])
        raw = read_raw(self._reader.rows, camera, since, until, kind=kind, ways=ways)
        to = np.searchsorted(edges, own[:-1], side="right") - 1
        for place, tally in raw.tallies(own, label).items():
            if wanted(place):
                result.setdefault(place, Tally.empty(len(edges) - 1)).add(tally, to)

    def _due(self, first: int, last: int, camera: str | None) -> dict[str, set[int]]:
        where = Filter().equals("camera", camera).at_least("hour", first).at_most("hour", last - 1)
        found: dict[str, set[int]] = {}
        for name, hour in self._reader.rows(_DUE.format(where=where), where.parameters):
            found.setdefault(name, set()).add(hour)
        return found

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[None]:
        """What is read inside was committed together."""
        self._reader.rows("BEGIN", {})
        try:
            yield
        finally:
            self._reader.rows("ROLLBACK", {})


def _whole_hours(edges: Floats) -> tuple[int, int]:
    """The hours [first, last) that lie within, if every edge between them is on an hour; otherwise none."""
    first, last = int(np.ceil(edges[0] / HOUR)), int(np.floor(edges[-1] / HOUR))
    if ((edges[1:-1] % HOUR) != 0).any():
        return 0, 0
    return first, max(first, last)


def _pieces(edges: Floats) -> tuple[int, int, Callable[[Ints], Ints]]:
    """How hours are added up in one go: from which hour on, so many to a piece, and which bucket a piece is in.

    Where buckets differ in length (days on which clocks change), the pieces are hours.
    """
    inner = (edges[1:-1] // HOUR).astype(np.int64)
    widths = np.diff(inner)
    if not len(inner):
        return int(edges[-1] // HOUR) + 1, 1, lambda piece: np.zeros_like(piece)
    begin = int(inner[0])
    width = int(widths[0]) if len(widths) else int(edges[-1] // HOUR) - begin + 1
    if (widths == width).all() and edges[-1] - edges[-2] <= width * HOUR:
        return begin, width, lambda piece: piece
    return begin, 1, lambda piece: np.where(
        piece == 0, 0, np.searchsorted(inner, begin + piece - 1, side="right")).astype(np.int64)


def _runs(hours: Sequence[int]) -> list[tuple[float, float]]:
    """Hours as stretches of time, neighbours in one."""
    found: list[tuple[float, float]] = []
    for hour in hours:
        if found and found[-1][1] == hour * HOUR:
            found[-1] = (found[-1][0], float((hour + 1) * HOUR))
        else:
            found.append((float(hour * HOUR), float((hour + 1) * HOUR)))
    return found
