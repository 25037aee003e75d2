"""How sure it is that a visit is of the person with whom it was put."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.agglomerate import weight
from aggregator.linking.blocks import in_blocks
from aggregator.linking.layers import layers

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

FAR = -6e4
"""Log-odds of a walk that is none."""
BLOCK = 128
"""Visits that are weighed at a time: what is between stays in the processor's cache."""


def tempered(share: Any) -> Any:
    """Probabilities, (n,) or one, as they should be said.

    What was chosen is the best of many by the same evidence that is now asked how good it is, so that counts half (a
    temperature: Guo et al. 2017).
    """
    odds = np.sqrt(share / np.maximum(1 - share, 1e-9))
    return odds / (1 + odds)


def certainty(
    likeness: Floats | Halves, walk: Floats | Halves, cluster: NDArray[np.int64], caution: float, dependence: float
) -> NDArray[np.float64]:
    """Probability of each visit's being of its cluster, and not of another or by itself.

    Args:
        likeness, walk: (n, n) float16 or float32, of each two visits, see `compare`. Their diagonals are overwritten.
        cluster: (n,).
        caution, dependence: see `solve`.
    """
    n = len(cluster)
    name, held = np.unique(cluster, return_inverse=True, return_counts=True)[1:]
    # The largest first: those of which there are k visits are the first so many.
    rank = np.argsort(-held, kind="stable")
    place, held = np.argsort(rank)[name], held[rank]
    parts = [rows for _, rows in layers(place)]
    each = (weight(held.astype(np.float32), dependence) / held).astype(np.float32)
    # A visit says nothing of itself.
    np.fill_diagonal(likeness, 0.0)
    np.fill_diagonal(walk, FAR)
    others = (held[place] - 1).astype(np.float32)
    mine = weight(others, dependence) / np.maximum(others, 1)
    out = np.empty(n)

    def weigh(rows: slice) -> None:
        row = np.arange(rows.stop - rows.start)
        own, alone = place[rows], others[rows] == 0
        alike, ways = likeness[rows].astype(np.float32), walk[rows].astype(np.float32)
        odds, way = alike.take(parts[0], axis=1), ways.take(parts[0], axis=1)
        least = way.copy()
        for layer in parts[1:]:
            some, more = slice(0, len(layer)), ways.take(layer, axis=1)
            odds[:, some] += alike.take(layer, axis=1)
            np.maximum(way[:, some], more, out=way[:, some])
            np.minimum(least[:, some], more, out=least[:, some])
        total = odds[row, own]
        odds *= each
        odds[row, own] = total * mine[rows]
        odds += way
        odds[least == -np.inf] = -np.inf
        odds[row[alone], own[alone]] = caution
        top = np.maximum(odds.max(1), caution)
        odds -= top[:, None]
        share = np.exp(odds, out=odds)
        nobody = np.where(alone, 0.0, np.exp((caution - top).astype(np.float64)))
        out[rows] = share[row, own] / np.maximum(share.sum(1) + nobody, 1e-12)

    in_blocks(n, BLOCK, weigh)
    sure: NDArray[np.float64] = tempered(out)
    return sure
