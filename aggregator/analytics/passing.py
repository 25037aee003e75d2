"""Who passed one place and then another, and who was where somebody was at the same time. Plain columns in and out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.analytics.flow import Stops

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Passed:
    """Passings from one place to another, column by column, in the order of arrival.

    Attributes:
        who: (n,) int64, the identity.
        came, left: (n,) float64, UTC seconds: of the stop at the first place.
        arrived: (n,) float64, UTC seconds: at the second.
    """

    who: Ints
    came: Floats
    left: Floats
    arrived: Floats

    def __len__(self) -> int:
        return len(self.who)


def passed(stops: Stops, first: int, then: int, within_s: float) -> Passed:
    """Who was at `first` and arrived at `then` no more than so many seconds after leaving it, by any way.

    Each arrival counts once, with the latest stop at `first` that began before it.

    Args:
        first, then: places.
        within_s: seconds from leaving the one to arriving at the other; who overlaps is within.
    """
    order = np.lexsort((stops.start, stops.who))
    who, place, start, end = stops.who[order], stops.place[order], stops.start[order], stops.end[order]
    rows = np.arange(len(who))
    latest = np.maximum.accumulate(np.where(place == first, rows, -1)) if len(rows) else rows
    before = np.roll(latest, 1)  # the stop itself is none that came before it
    before[:1] = -1
    found = np.flatnonzero((place == then) & (before >= 0))
    earlier = before[found]
    kept = (who[earlier] == who[found]) & (start[found] - end[earlier] <= within_s)
    found, earlier = found[kept], earlier[kept]
    by = np.argsort(start[found], kind="stable")
    found, earlier = found[by], earlier[by]
    return Passed(who=who[found], came=start[earlier], left=end[earlier], arrived=start[found])


@dataclass(frozen=True, slots=True)
class Companion:
    """Somebody who was where another was.

    Attributes:
        who: the identity.
        times: at how many of the other's visits.
        places: how many different cameras.
        seconds: in view together.
        first, last: UTC seconds.
    """

    who: int
    times: int
    places: int
    seconds: float
    first: float
    last: float


def company(who: Ints, visit: Ints, place: Ints, start: Floats, end: Floats) -> list[Companion]:
    """Who was there, those first who were at most places together, then for longest.

    Args:
        who: (n,), the other's identity of each meeting.
        visit: (n,), which visit of the one asked for it was at.
        place: (n,), camera.
        start, end: (n,), when both were there, UTC seconds; end before start for those who came just after.
    """
    order = np.argsort(who, kind="stable")
    names, at = np.unique(who[order], return_index=True)
    out = []
    for name, rows in zip(names.tolist(), np.split(order, at[1:]), strict=True) if len(names) else ():
        out.append(Companion(
            who=name, times=len(np.unique(visit[rows])), places=len(np.unique(place[rows])),
            seconds=float(np.maximum(end[rows] - start[rows], 0).sum()), first=float(start[rows].min()),
            last=float(np.maximum(end[rows], start[rows]).max())))
    return sorted(out, key=lambda one: (-one.places, -one.seconds, -one.times, one.who))
