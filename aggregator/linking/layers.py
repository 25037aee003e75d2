"""Groups of rows taken apart into layers, so that sums over groups are sums of whole columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.blocks import in_blocks

BLOCK = 64
"""Groups that are pooled at a time: what is between stays in the processor's cache."""


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
    (_, kept), *more = layers(group)
    out = np.empty((len(kept), len(kept)), matrix.dtype)

    def pool(part: slice) -> None:
        # A group's row is that of all its rows; then the same with the columns of these.
        block = matrix.take(kept[part], axis=0)
        for some, rows in more:
            here = slice(*np.searchsorted(some, (part.start, part.stop)))
            place = some[here] - part.start
            block[place] = how(block[place], matrix.take(rows[here], axis=0))
        block.take(kept, axis=1, out=out[part])
        for some, rows in more:
            out[part, some] = how(out[part, some], block.take(rows, axis=1))

    in_blocks(len(kept), BLOCK, pool)
    return out
