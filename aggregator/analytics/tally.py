"""Numbers of a place, bucket by bucket: who came and went, how many were there, how long they stayed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stays:
    """Stays at one place, column by column.

    Attributes:
        entered: (n,) float64, UTC seconds.
        left: (n,) float64; of who is there still: the latest moment that is known of.
        open: (n,) bool, has not left as far as is known.
        appeared, vanished: (n,) bool, was first or last seen inside.
    """

    entered: Floats
    left: Floats
    open: Flags
    appeared: Flags
    vanished: Flags

    def __len__(self) -> int:
        return len(self.entered)

    def __getitem__(self, which: Flags | Ints) -> Stays:
        return Stays(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def later(self, seconds: float) -> Stays:
        """Those that last longer than `seconds`, without their first `seconds`."""
        kept = self[self.left - self.entered > seconds]
        return replace(kept, entered=kept.entered + seconds)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tally:
    """One place's numbers in k buckets of time, (k,) each.

    Attributes:
        entries, exits: who came and went within the bucket; of a line: crossings forward and backward.
        appeared, vanished: how many of these were first or last seen inside.
        person_s: seconds that people spent there, added up.
        peak: most at one moment.
        dwells, dwell_s, dwell_most: stays that ended within the bucket, their lengths added up, and the longest.
        walked, walked_s: of a camera: way in heights of the walker's own box, and the seconds it took.
    """

    entries: Ints
    exits: Ints
    appeared: Ints
    vanished: Ints
    person_s: Floats
    peak: Ints
    dwells: Ints
    dwell_s: Floats
    dwell_most: Floats
    walked: Floats
    walked_s: Floats

    @classmethod
    def empty(cls, buckets: int) -> Tally:
        """Nobody came."""
        whole = ("entries", "exits", "appeared", "vanished", "peak", "dwells")
        columns: dict[str, Any] = {field.name: np.zeros(buckets, np.int64 if field.name in whole else np.float64)
                                   for field in fields(cls)}
        return cls(**columns)

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, other: Tally, to: Ints) -> None:
        """Take over another's buckets: its i-th adds to our `to[i]`-th."""
        for field in fields(self):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            (np.maximum if field.name in MAXIMA else np.add).at(ours, to, theirs)


MAXIMA = frozenset({"peak", "dwell_most"})


def tally_stays(stays: Stays, edges: Floats) -> Tally:
    """The numbers of stays.

    Args:
        stays: of one place.
        edges: (k + 1,) float64, rising; bucket i is [edges[i], edges[i + 1]).
    """
    k = len(edges) - 1
    result = Tally.empty(k)
    came, went = _bucket(stays.entered, edges), _bucket(stays.left, edges)
    went[stays.open] = -1
    dwell = stays.left - stays.entered
    np.add.at(result.entries, came[came >= 0], 1)
    np.add.at(result.exits, went[went >= 0], 1)
    np.add.at(result.appeared, came[(came >= 0) & stays.appeared], 1)
    np.add.at(result.vanished, went[(went >= 0) & stays.vanished], 1)
    np.add.at(result.dwells, went[went >= 0], 1)
    np.add.at(result.dwell_s, went[went >= 0], dwell[went >= 0])
    np.maximum.at(result.dwell_most, went[went >= 0], dwell[went >= 0])
    result.person_s[:] = np.diff(_spent(stays, edges))
    result.peak[:] = _peaks(stays, edges)
    return result


def tally_crossings(times: Floats, forward: Flags, edges: Floats) -> Tally:
    """The numbers of a line. `times` (n,) UTC seconds, `forward` (n,)."""
    result = Tally.empty(len(edges) - 1)
    where = _bucket(times, edges)
    np.add.at(result.entries, where[(where >= 0) & forward], 1)
    np.add.at(result.exits, where[(where >= 0) & ~forward], 1)
    return result


def _bucket(times: Floats, edges: Floats) -> Ints:
    """In which bucket each time lies, (n,); -1 for none."""
    found = np.searchsorted(edges, times, side="right") - 1
    return np.where(found >= len(edges) - 1, -1, found)


def _spent(stays: Stays, moments: Floats) -> Floats:
    """Seconds that people had spent there until each moment: since they came, less since they went. (m,)."""
    total = np.zeros(len(moments))
    for times, sign in ((np.sort(stays.entered), 1.0), (np.sort(stays.left), -1.0)):
        # Around the first moment, so that no digits are lost to seconds since 1970.
        base = moments[0]
        sums = np.concatenate([[0.0], np.cumsum(times - base)])
        before = np.searchsorted(times, moments, side="right")
        total += sign * (before * (moments - base) - sums[before])
    return total


def _peaks(stays: Stays, edges: Floats) -> Ints:
    lasting = stays.left > stays.entered
    moments = np.concatenate([stays.entered[lasting], stays.left[lasting]])
    step = np.repeat([1, -1], int(lasting.sum()))
    order = np.lexsort((step, moments))  # who leaves as another comes does not meet them
    moments, running = moments[order], np.concatenate([[0], np.cumsum(step[order])])
    # As many as there are once everything at the bucket's first moment has happened, or come within it.
    first = np.searchsorted(moments, edges[:-1], side="right")
    last = np.searchsorted(moments, edges[1:], side="left")
    result = running[first].astype(np.int64)
    for i in np.flatnonzero(last > first):
        result[i] = max(result[i], running[first[i]:last[i] + 1].max())
    return result


def edges_of(since: float, until: float, step: float | None) -> Floats:
    """Buckets of `step` seconds from whole multiples of it; the first and the last are cut at `since` and `until`.

    Without a step, one bucket.
    """
    if step is None or until - since <= 0:
        return np.array([since, max(until, since)])
    inner = np.arange(np.floor(since / step) + 1, np.ceil(until / step)) * step
    return np.concatenate([[since], inner, [until]])


def total(tallies: Iterable[Tally], buckets: int) -> Tally:
    """Several places as one; peaks are the greatest of any."""
    result = Tally.empty(buckets)
    for tally in tallies:
        result.add(tally, np.arange(buckets))
    return result
