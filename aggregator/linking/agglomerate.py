"""Constrained agglomerative clustering of visits by the weight of evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SMALL = 64
"""Nodes for which it is not worth leaving out those that were joined."""


def weight(pairs: Floats, dependence: float) -> Floats:
    """To how many independent pairs of visits `pairs` of them amount, that share visits and clothes.

    Kish's design effect: n / (1 + (n - 1) r), at most 1 / r.
    """
    return pairs / (1.0 + (pairs - 1.0) * dependence)


def agglomerate(
    appearance: Floats,
    transit: Floats,
    size: NDArray[np.float32],
    *,
    stop: float,
    dependence: float,
) -> NDArray[np.int64]:
    """Join the two clusters for which most speaks, until no two have more than `stop` speaking for them.

    For two clusters speak: the mean log-likelihood ratio of appearance over their pairs of visits, as often as these
    pairs amount to independent ones; and once, the log-odds of the likeliest walk between two of their visits. A
    pair that cannot be (-inf in `transit`) keeps its clusters apart for ever.

    Args:
        appearance: (n, n) float32, symmetric, mean over the pairs of two nodes' visits. Overwritten.
        transit: (n, n) float32, symmetric, the greatest of the pairs'; -inf cannot be. Overwritten.
        size: (n,) float32, visits in each node.
        stop: log-odds.
        dependence: of pairs, 0 to 1, see `weight`.

    Returns:
        (n,) int64, the cluster of each node, named by its first node.
    """
    n = len(size)
    into = np.arange(n)
    if n < 2:
        return into
    alive, size = np.arange(n), size.astype(np.float32)
    np.fill_diagonal(transit, -np.inf)
    total = appearance * weight(size[:, None] * size, dependence) + transit
    partner = total.argmax(1)
    best = total[alive, partner]
    left = n
    while True:
        i = int(best.argmax())
        if not best[i] > stop:
            return _roots(into)
        j = int(partner[i])
        if i > j:
            i, j = j, i
        share = size[i] / (size[i] + size[j])
        look = share * appearance[i]
        look += (1 - share) * appearance[j]
        walk = np.maximum(transit[i], transit[j])
        walk[np.minimum(transit[i], transit[j]) == -np.inf] = -np.inf
        size[i] += size[j]
        sum_ = weight(size[i] * size, dependence)
        sum_ *= look
        sum_ += walk
        sum_[i] = sum_[j] = -np.inf
        appearance[i] = appearance[:, i] = look
        transit[i] = transit[:, i] = walk
        total[i] = total[:, i] = sum_
        # -inf for good: what was joined into another is found no more.
        total[j] = total[:, j] = transit[:, j] = best[j] = -np.inf
        into[alive[j]] = alive[i]
        stale = np.flatnonzero((partner == i) | (partner == j))
        if len(stale):
            part = total[stale]
            partner[stale] = part.argmax(1)
            best[stale] = part[np.arange(len(stale)), partner[stale]]
        better = np.flatnonzero(sum_ > best)
        best[better] = sum_[better]
        partner[better] = i
        partner[i] = sum_.argmax()
        best[i], best[j] = sum_[partner[i]], -np.inf
        left -= 1
        if left < len(alive) // 2 and len(alive) > SMALL:
            # Half are gone: go on with the others alone.
            kept = np.flatnonzero(best > -np.inf)
            number = np.full(len(alive), 0, np.intp)
            number[kept] = np.arange(len(kept))
            square = np.ix_(kept, kept)
            appearance, transit, total = appearance[square], transit[square], total[square]
            alive, size, best, partner, left = alive[kept], size[kept], best[kept], number[partner[kept]], len(kept)


def _roots(into: NDArray[np.int64]) -> NDArray[np.int64]:
    """Follow every node to the one that it ended in."""
    while True:
        further = into[into]
        if (further == into).all():
            return into
        into = further
