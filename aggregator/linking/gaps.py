"""Transit times in bins: fine about zero, coarse far away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FINE = [-20, -10, -6, -4, -2, -1, 0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 45, 60]
_COARSE = [90, 120, 180, 300, 600, 1200, 2400, 4800, 9600]
EDGES = np.array([*_FINE, *_COARSE], np.float64)
"""Seconds where one bin ends and the next begins, (BINS - 1,)."""
BINS = len(EDGES) + 1

_STEP = 0.5
_LOW, _HIGH = float(EDGES[0]) - 1, float(EDGES[-1]) + 1
_LOOKUP = np.searchsorted(EDGES, np.arange(_LOW, _HIGH, _STEP) + 1e-9, side="right").astype(np.int16)


def gaps(
    start_a: NDArray[np.float64], end_a: NDArray[np.float64], start_b: NDArray[np.float64], end_b: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Seconds from the end of the one visit to the start of the other, whichever way is later: float32.

    Negative where the two overlap in time, by so much. Visits a and b are broadcast against each other: (n, 1) with
    (m,) are all with all.
    """
    # Differences of UTC seconds need float64; what is left of them does not.
    onward = (start_b - end_a).astype(np.float32)
    back = (start_a - end_b).astype(np.float32)
    out: NDArray[np.float32] = np.maximum(onward, back, out=onward)
    return out


def bin_of(gap: NDArray[np.float32]) -> NDArray[np.int16]:
    """The bin of each gap."""
    place = np.minimum(np.maximum(gap, _LOW), _HIGH - 2 * _STEP)
    place -= _LOW
    place *= 1 / _STEP
    return _LOOKUP.take(place.astype(np.int32))
