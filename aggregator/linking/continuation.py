"""Who was lost in one view and found again near by: how far people get in so many seconds is learned from their walks.

Within one walk, where somebody was and where they were `gap` seconds later is one person's; where one visit ended and
any other began, whenever that was, is two people's. The two distributions of distances, in heights of a person, give a
log-likelihood ratio for a visit that ended and one that began `gap` seconds later.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.place import Doubles, Feet, Ints

GAPS = np.array([1, 2, 4, 8, 16, 32])  # ticks; a gap is judged as the next longer of these
BINS = np.array([0, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, np.inf])  # heights


def continuations(feet: Feet) -> tuple[Ints, Doubles]:
    """Pairs of visits of one camera of which the later begins after the earlier ended.

    Returns:
        pairs: (p, 2) int64, earlier and later visit, at most the longest of `GAPS` apart.
        evidence: (p,) float64, log-likelihood ratio, one person : two, of where the one ended and the other began.
    """
    order = np.lexsort((feet.tick, feet.visit))
    visit, tick, foot, height = feet.visit[order], feet.tick[order], feet.foot[order], feet.height[order]
    first = np.flatnonzero(np.diff(visit, prepend=-1))
    last = np.append(first[1:], len(visit)) - 1
    if len(first) < 2:
        return np.zeros((0, 2), np.int64), np.zeros(0)
    i, j = (~np.eye(len(first), dtype=bool)).nonzero()
    far = np.hypot(*(foot[first[j]] - foot[last[i]]).T) / (0.5 * (height[first[j]] + height[last[i]]))
    strangers = _shares(far)
    gap = tick[first[j]] - tick[last[i]]
    evidence = np.full(len(gap), -np.inf)
    for shorter, longest in zip((0, *GAPS[:-1].tolist()), GAPS.tolist(), strict=True):
        mine = (gap > shorter) & (gap <= longest)
        if mine.any():
            ratio = np.log(_shares(_walks(visit, tick, foot, height, longest))) - np.log(strangers)
            evidence[mine] = ratio[_bin(far[mine])]
    known = np.isfinite(evidence)
    return np.stack([visit[first[i[known]]], visit[first[j[known]]]], 1), evidence[known]


def _walks(visit: Ints, tick: Ints, foot: Doubles, height: Doubles, gap: int) -> Doubles:
    """How far people got within one visit in `gap` ticks, heights."""
    slot = visit * (int(tick.max()) + 2 + gap) + tick
    place = np.minimum(np.searchsorted(slot, slot + gap), len(slot) - 1)
    known = slot[place] == slot + gap
    here, there = known.nonzero()[0], place[known]
    away: NDArray[np.float64] = np.hypot(*(foot[there] - foot[here]).T) / (0.5 * (height[there] + height[here]))
    return away


def _bin(far: Doubles) -> NDArray[np.intp]:
    return np.clip(np.searchsorted(BINS, far, side="right") - 1, 0, len(BINS) - 2)


def _shares(far: Doubles) -> Doubles:
    """Of each bin, with one more than was seen."""
    count = np.bincount(_bin(far), minlength=len(BINS) - 1) + 1.0
    share: Doubles = count / count.sum()
    return share
