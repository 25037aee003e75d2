"""Constrained agglomerative clustering of visits by the weight of evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCK = 256
"""Nodes whose best partner is sought together: what is between stays in the processor's cache."""
CROWDED = 0.7
"""Share of nodes that must be left; below it, those that were joined into others are taken out."""
EXTREME = {"single": np.maximum, "complete": np.minimum}
SMALL = 64
"""Nodes for which it is not worth leaving out those that were joined."""


def weight(pairs: Floats, dependence: float) -> Floats:
    """To how many independent pairs of visits `pairs` of them amount, that share visits and clothes.

    Kish's design effect: n / (1 + (n - 1) r), at most 1 / r.
    """
    others: Floats = np.maximum(pairs - 1.0, 0.0)
    return pairs / (1.0 + others * dependence)


def agglomerate(
    appearance: Floats,
    transit: Floats,
    size: NDArray[np.float32],
    *,
    stop: float,
    dependence: float,
    linkage: str = "average",
) -> NDArray[np.int64]:
    """Join the two clusters for which most speaks, until no two have more than `stop` speaking for them.

    For two clusters speak: the mean log-likelihood ratio of appearance over their pairs of visits, as often as these
    pairs amount to independent ones; and once, the log-odds of the likeliest walk between two of their visits. A
    pair that cannot be (-inf in `transit`) keeps its clusters apart for ever. With single or complete linkage, one
    pair speaks for all: the likest, or the least alike.

    Args:
        appearance: (n, n) float32, symmetric, mean over the pairs of two nodes' visits. Overwritten.
        transit: (n, n) float32, symmetric, the greatest of the pairs'; -inf cannot be. Overwritten.
        size: (n,) float32, visits in each node.
        stop: log-odds.
        dependence: of pairs, 0 to 1, see `weight`. Where one pair speaks for all, it is 1.
        linkage: `average`, `single` or `complete`.

    Returns:
        (n,) int64, the cluster of each node, named by its first node.
    """
    n = len(size)
    into = np.arange(n)
    if n < 2:
        return into
    alive, size = np.arange(n), size.astype(np.float32)
    dependence = dependence if linkage == "average" else 1.0
    np.fill_diagonal(transit, -np.inf)
    partner, best = np.empty(n, np.intp), np.empty(n, np.float32)

    def seek(some: NDArray[np.intp]) -> None:
        """Whom each of some clusters is best joined with."""
        total = weight(size[some, None] * size, dependence)
        total *= appearance[some]
        total += transit[some]
        partner[some] = found = total.argmax(1)
        best[some] = total[np.arange(len(some)), found]

    for a in range(0, n, BLOCK):
        seek(np.arange(a, min(n, a + BLOCK)))
    left = n
    while True:
        i = int(best.argmax())
        if not best[i] > stop:
            return _roots(into)
        j = int(partner[i])
        if i > j:
            i, j = j, i
        if linkage == "average":
            share = size[i] / (size[i] + size[j])
            look = share * appearance[i]
            look += (1 - share) * appearance[j]
        else:
            look = EXTREME[linkage](appearance[i], appearance[j])
        walk = np.maximum(transit[i], transit[j])
        walk[np.minimum(transit[i], transit[j]) == -np.inf] = -np.inf
        size[i] += size[j]
        total = weight(size[i] * size, dependence)
        total *= look
        total += walk
        total[i] = total[j] = -np.inf
        appearance[i] = appearance[:, i] = look
        transit[i] = transit[:, i] = walk
        # -inf for good: what was joined into another is found no more.
        transit[j] = transit[:, j] = best[j] = -np.inf
        into[alive[j]] = alive[i]
        stale = np.flatnonzero((partner == i) | (partner == j))
        stale = stale[best[stale] > -np.inf]
        if len(stale):
            seek(stale)
        better = np.flatnonzero(total > best)
        best[better] = total[better]
        partner[better] = i
        partner[i] = total.argmax()
        best[i] = total[partner[i]]
        left -= 1
        if left < CROWDED * len(alive) and len(alive) > SMALL:
            # Many are gone: go on with the others alone.
            kept = np.flatnonzero(best > -np.inf)
            number = np.full(len(alive), 0, np.intp)
            number[kept] = np.arange(len(kept))
            square = np.ix_(kept, kept)
            appearance, transit = appearance[square], transit[square]
            alive, size, best, partner, left = alive[kept], size[kept], best[kept], number[partner[kept]], len(kept)


def _roots(into: NDArray[np.int64]) -> NDArray[np.int64]:
    """Follow every node to the one that it ended in."""
    while True:
        further = into[into]
        if (further == into).all():
            return into
        into = further
