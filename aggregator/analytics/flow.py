"""Who goes from where to where, and which ways are often travelled. Plain columns in and out."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stops:
    """Where identities were, column by column, any order.

    Attributes:
        who: (n,) int64, the identity.
        place: (n,) int64, index of the camera or zone.
        start, end: (n,) float64, UTC seconds.
    """

    who: Ints
    place: Ints
    start: Floats
    end: Floats

    def __len__(self) -> int:
        return len(self.who)

    def __add__(self, other: Stops) -> Stops:
        return Stops(**{name: np.concatenate([getattr(self, name), getattr(other, name)])
                        for name in ("who", "place", "start", "end")})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Transitions:
    """Goings from one place to another.

    Attributes:
        origin, destination: (m,) int64, places.
        arrival: (m,) float64, UTC seconds.
        transit: (m,) float64, start of the later stop less end of the earlier; below 0 where views overlap.
    """

    origin: Ints
    destination: Ints
    arrival: Floats
    transit: Floats


def trips(stops: Stops, within_s: float) -> tuple[Stops, NDArray[np.bool_]]:
    """Each identity's stops in the order of time, a place seen several times in a row as one stop.

    Args:
        within_s: somebody who is away for longer begins a new trip.

    Returns:
        The stops, and (n,) whether each is the first of a trip.
    """
    order = np.lexsort((stops.end, stops.start, stops.who))
    who, place, start, end = stops.who[order], stops.place[order], stops.start[order], stops.end[order]
    first = np.ones(len(who), bool)
    if len(who) > 1:
        latest = _latest_end(who, end)
        first[1:] = (who[1:] != who[:-1]) | (start[1:] - latest[:-1] > within_s)
        begins = first.copy()
        begins[1:] |= place[1:] != place[:-1]
        at = np.flatnonzero(begins)
        end = np.maximum.reduceat(end, at)
        who, place, start, first = who[at], place[at], start[at], first[at]
    return Stops(who=who, place=place, start=start, end=end), first


def _latest_end(who: Ints, end: Floats) -> Floats:
    """The latest end so far of each row's identity; rows of one stand together."""
    base = float(end.min())
    # One running maximum for all: each identity's ends are lifted above those of the ones before.
    lift = np.cumsum(np.concatenate([[0], who[1:] != who[:-1]])) * (float(end.max()) - base + 1.0)
    latest: Floats = np.maximum.accumulate(end - base + lift) - lift + base
    return latest


def transitions(stops: Stops, within_s: float) -> Transitions:
    """From each stop of a trip to the next."""
    rows, first = trips(stops, within_s)
    next_ = np.flatnonzero(~first)
    return Transitions(origin=rows.place[next_ - 1], destination=rows.place[next_], arrival=rows.start[next_],
                       transit=rows.start[next_] - rows.end[next_ - 1])


@dataclass(frozen=True, slots=True)
class Flow:
    """How many went from one place to another; transit times in seconds."""

    origin: int
    destination: int
    people: int
    median_s: float
    mean_s: float
    least_s: float
    most_s: float


def flows(moves: Transitions, since: float, until: float) -> list[Flow]:
    """Pairs of places by how many arrived in [since, until), most first."""
    kept = (moves.arrival >= since) & (moves.arrival < until)
    origin, destination, transit = moves.origin[kept], moves.destination[kept], moves.transit[kept]
    order = np.lexsort((transit, destination, origin))
    origin, destination, transit = origin[order], destination[order], transit[order]
    begins = np.flatnonzero(np.append(True, (np.diff(origin) != 0) | (np.diff(destination) != 0))[: len(origin)])
    ends = np.append(begins[1:], len(origin))
    result = []
    for a, b in zip(begins.tolist(), ends.tolist(), strict=True) if len(begins) else ():
        times = transit[a:b]  # rising
        median = float(times[(b - a - 1) // 2] + times[(b - a) // 2]) / 2
        result.append(Flow(int(origin[a]), int(destination[a]), b - a, median, float(times.mean()), float(times[0]),
                           float(times[-1])))
    return sorted(result, key=lambda flow: (-flow.people, flow.origin, flow.destination))


@dataclass(frozen=True, slots=True)
class Route:
    """A sequence of places, how many went it, and their median seconds from first sight to last."""

    places: tuple[int, ...]
    people: int
    median_s: float


def routes(stops: Stops, within_s: float, since: float, until: float, *, least: int = 2, most: int = 100,
           longest: int = 12) -> list[Route]:
    """The ways most often travelled by trips that began in [since, until).

    Args:
        least: fewest places.
        most: so many routes, the most travelled first.
        longest: a trip through more places counts by its first so many.
    """
    rows, first = trips(stops, within_s)
    at = np.flatnonzero(first)
    ends = np.append(at[1:], len(rows))
    kept = (ends - at >= least) & (rows.start[at] >= since) & (rows.start[at] < until)
    begin, past = at[kept], np.minimum(ends[kept], at[kept] + longest)
    if not len(begin):
        return []
    last = np.maximum.reduceat(np.append(rows.end, -np.inf), np.stack([begin, past], axis=1).ravel())[::2]
    seconds: dict[tuple[int, ...], list[float]] = {}
    places = rows.place.tolist()
    for a, b, took in zip(begin.tolist(), past.tolist(), (last - rows.start[begin]).tolist(), strict=True):
        seconds.setdefault(tuple(places[a:b]), []).append(took)
    often = heapq.nsmallest(most, seconds, key=lambda way: (-len(seconds[way]), way))
    return [Route(way, len(seconds[way]), float(np.median(seconds[way]))) for way in often]
