"""Constrained agglomerative clustering of visits by the weight of evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


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
    label = np.arange(n)
    if n < 2:
        return label
    size = size.astype(np.float32).copy()
    np.fill_diagonal(transit, -np.inf)
    total = appearance * weight(size[:, None] * size, dependence) + transit
    best = total.max(1)
    partner = total.argmax(1)
    while True:
        i = int(best.argmax())
        if not best[i] > stop:
            return label
        j = int(partner[i])
        if i > j:
            i, j = j, i
        share = size[i] / (size[i] + size[j])
        look = share * appearance[i] + (1 - share) * appearance[j]
        walk = np.where(
            np.isneginf(transit[i]) | np.isneginf(transit[j]), -np.inf, np.maximum(transit[i], transit[j])
        ).astype(np.float32)
        size[i] += size[j]
        sum_ = look * weight(size[i] * size, dependence) + walk
        sum_[[i, j]] = -np.inf
        appearance[i] = appearance[:, i] = look
        transit[i] = transit[:, i] = walk
        total[i] = total[:, i] = sum_
        total[j] = total[:, j] = transit[j] = transit[:, j] = -np.inf
        label[label == j] = i
        best[j] = -np.inf
        stale = np.flatnonzero(((partner == i) | (partner == j)) & np.isfinite(best))
        if len(stale):
            best[stale] = total[stale].max(1)
            partner[stale] = total[stale].argmax(1)
        better = sum_ > best
        best[better] = sum_[better]
        partner[better] = i
        best[i], partner[i] = sum_.max(), sum_.argmax()
