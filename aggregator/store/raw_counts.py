"""Stays, crossings and ways as they were recorded → numbers of each place. Both connections ask in these words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.analytics.pace import LONGEST_S, pace
from aggregator.analytics.tally import Floats, Stays, Tally, tally_crossings, tally_stays
from aggregator.store.queries import LONGEST, Filter

Row = tuple[Any, ...]
Ask = Callable[[str, dict[str, Any]], list[Row]]
Kind = Literal["camera", "zone", "line"]

_VISITS = 'SELECT start, "end", final, label FROM visits WHERE {where}'
# Who has not been told to have left has, when the track has ended: its agent gave up what was to be said of it.
_STAYS = """
SELECT s.zone, s.entered, coalesce(s."left", v."end", s.entered), s."left" IS NULL AND NOT coalesce(v.final, 0),
       s.appeared, s.vanished, s.label, s.run, s.track
FROM stays AS s LEFT JOIN visits AS v USING (camera, run, track)
WHERE {where}"""
_LONGEST_STAY = 'SELECT "left" - entered FROM stays ORDER BY "left" - entered DESC LIMIT 1'
_CROSSINGS = "SELECT line, time, forward, label FROM crossings WHERE {where}"
_WAYS = "SELECT p.visit, p.times, p.boxes, v.label FROM paths AS p JOIN visits AS v USING (visit) WHERE {where} " \
        "ORDER BY p.visit, p.part"
_ASPECT = "SELECT width, height FROM cameras WHERE camera = :camera"


class Place(NamedTuple):
    """A camera's whole view (kind `camera`, no name), or a zone or line in it."""

    camera: str
    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class RawCounts:
    """What was recorded in one camera in a stretch of time.

    Attributes:
        stays: of the camera itself and of its zones, each with the labels (n,) of those who stayed.
        crossings: of its lines: (n,) times, (n,) forward, (n,) labels.
        ways: (m,) UTC seconds, (m,) length in heights, (m,) seconds, (m,) labels.
    """

    camera: str
    stays: dict[Place, tuple[Stays, NDArray[np.str_]]]
    crossings: dict[Place, tuple[Floats, NDArray[np.bool_], NDArray[np.str_]]]
    ways: tuple[Floats, Floats, Floats, NDArray[np.str_]]

    @property
    def labels(self) -> set[str]:
        """All classes."""
        columns = [labels for _, labels in self.stays.values()] + [c[2] for c in self.crossings.values()]
        return {str(label) for column in columns for label in np.unique(column)}

    def tallies(self, edges: Floats, label: str = "") -> dict[Place, Tally]:
        """Every place's numbers, of one class or of all."""
        result: dict[Place, Tally] = {}
        for place, (stays, labels) in self.stays.items():
            result[place] = tally_stays(stays[labels == label] if label else stays, edges)
        for place, (times, forward, labels) in self.crossings.items():
            kept = labels == label if label else np.ones(len(times), bool)
            result[place] = tally_crossings(times[kept], forward[kept], edges)
        own = result.get(Place(self.camera, "camera"))
        if own is not None:
            times, length, seconds, labels = self.ways
            bucket = np.searchsorted(edges, times, side="right") - 1
            kept = (bucket >= 0) & (bucket < len(own)) & ((labels == label) if label else True)
            np.add.at(own.walked, bucket[kept], length[kept])
            np.add.at(own.walked_s, bucket[kept], seconds[kept])
        return result


def read_raw(ask: Ask, camera: str, since: float, until: float, *, kind: Kind | None = None, ways: bool = True,
             ) -> RawCounts:
    """What one camera recorded in [since, until).

    Args:
        kind: only places of this kind.
        ways: also what is needed to say how fast people walk; the paths are the most of what there is to read.
    """
    stays = {}
    if kind in (None, "camera"):
        stays[Place(camera, "camera")] = _visits(ask, camera, since, until)
    rows = stay_rows(ask, camera, since, until) if kind in (None, "zone") else []
    for zone in sorted({row[0] for row in rows}):
        stays[Place(camera, "zone", zone)] = _stays([row for row in rows if row[0] == zone])
    where = Filter().equals("camera", camera).at_least("time", since).at_most("time", until)
    passed = ask(_CROSSINGS.format(where=where), where.parameters) if kind in (None, "line") else []
    crossings = {}
    for line in sorted({row[0] for row in passed}):
        mine = [row for row in passed if row[0] == line]
        crossings[Place(camera, "line", line)] = (
            np.array([row[1] for row in mine], np.float64), np.array([row[2] for row in mine], bool),
            np.array([row[3] for row in mine], np.str_))
    return RawCounts(camera, stays, crossings, _ways(ask, camera, since, until) if ways else _NO_WAYS)


_NO_WAYS = (np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.str_))


def stay_rows(ask: Ask, camera: str, since: float, until: float, zone: str | None = None,
              label: str | None = None) -> list[Row]:
    """Stays in a camera's zones that overlap [since, until]; columns as `_STAYS` names them."""
    # An open stay has no length yet; that of its visit bounds it.
    longest = max(_first(ask(_LONGEST_STAY, {})), _first(ask(LONGEST, {})))
    where = Filter().equals("s.camera", camera).equals("s.zone", zone).equals("s.label", label)
    where.at_most("s.entered", until)
    where.at_least("s.entered", since - longest - 1e-6 * max(1.0, longest))
    return ask(_STAYS.format(where=where), where.parameters)


def _first(rows: list[Row]) -> float:
    return float(rows[0][0] or 0.0) if rows else 0.0


def stays_of(rows: list[Row]) -> Stays:
    """Rows of `stay_rows` of one zone, as columns."""
    return _stays(rows)[0]


def _stays(rows: list[Row]) -> tuple[Stays, NDArray[np.str_]]:
    columns = list(zip(*rows, strict=True)) or [()] * 9
    return Stays(
        entered=np.array(columns[1], np.float64), left=np.array(columns[2], np.float64),
        open=np.array(columns[3], bool), appeared=np.array(columns[4], bool), vanished=np.array(columns[5], bool),
    ), np.array(columns[6], np.str_)


def _visits(ask: Ask, camera: str, since: float, until: float) -> tuple[Stays, NDArray[np.str_]]:
    where = Filter().equals("camera", camera).overlaps(since, until, _first(ask(LONGEST, {})))
    rows = ask(_VISITS.format(where=where), where.parameters)
    final = np.array([row[2] for row in rows], bool)
    return Stays(
        entered=np.array([row[0] for row in rows], np.float64), left=np.array([row[1] for row in rows], np.float64),
        open=~final, appeared=np.ones(len(rows), bool), vanished=final,
    ), np.array([row[3] for row in rows], np.str_)


def _ways(ask: Ask, camera: str, since: float, until: float,
          ) -> tuple[Floats, Floats, Floats, NDArray[np.str_]]:
    where = Filter().equals("p.camera", camera).at_most("p.start", until).at_least('p."end"', since - LONGEST_S)
    where.at_least("p.start", since - 3600.0)  # a part of a path is seconds long
    rows = ask(_WAYS.format(where=where), where.parameters)
    if not rows:
        return _NO_WAYS
    size = ask(_ASPECT, {"camera": camera})
    aspect = size[0][0] / size[0][1] if size and size[0][1] else 16 / 9
    lengths = [len(row[1]) // 8 for row in rows]
    visits = np.repeat(np.array([row[0] for row in rows], np.int64), lengths)
    times = np.frombuffer(b"".join(row[1] for row in rows), "<f8")
    boxes = np.frombuffer(b"".join(row[2] for row in rows), "<f4").reshape(-1, 4)
    labels = dict(zip((row[0] for row in rows), (row[3] for row in rows), strict=True))
    whose, ends, way, seconds = pace(visits, times, boxes, aspect)
    kept = (ends >= since) & (ends < until)
    return ends[kept], way[kept], seconds[kept], np.array([labels[v] for v in whose[kept].tolist()], np.str_)
