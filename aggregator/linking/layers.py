"""Groups of rows taken apart into layers, so that sums over groups are sums of whole columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def layers(group: NDArray[np.int64]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The first rows of all groups, then the second rows of those that have two, and so on.

    Args:
        group: (n,) int64, the group of each row, from 0 without a gap.

    Returns:
        For each layer the groups, rising, and as many rows.
    """
    order = np.argsort(group, kind="stable")
    held = np.bincount(group)
    first = np.cumsum(held) - held
    return [(some, order[first[some] + k]) for k in range(int(held.max(initial=0)))
            for some in [np.flatnonzero(held > k)]]


def pooled(matrix: NDArray[Any], group: NDArray[np.int64], how: np.ufunc) -> NDArray[Any]:
    """(n, n) → (groups, groups): `how` of all that two groups' rows have in common."""
    parts = layers(group)
    for axis in (0, 1):
        out = matrix.take(parts[0][1], axis=axis)
        for some, rows in parts[1:]:
            place = (some, slice(None)) if axis == 0 else (slice(None), some)
            out[place] = how(out[place], matrix.take(rows, axis=axis))
        matrix = out
    return matrix
