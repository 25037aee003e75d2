"""Constrained agglomerative clustering of visits by the weight of evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.blocks import in_blocks

Floats = NDArray[np.float32]

BLOCK = 256
"""Nodes whose best partner is sought together: what is between stays in the processor's cache."""
EXTREME = {"single": np.maximum, "complete": np.minimum}
NEVER = np.float32(np.nan)
"""A walk that cannot be, while joining: the greater of it and any other is it again."""


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
    how = EXTREME.get(linkage)
    dependence = dependence if how is None else 1.0
    size = size.astype(np.float32)
    appearance, transit = np.ascontiguousarray(appearance), np.ascontiguousarray(transit)
    if how is None and (size != 1).any():
        appearance *= size[:, None] * size  # sums are joined by adding them
    np.fill_diagonal(transit, NEVER)
    transit[transit == -np.inf] = NEVER
    partner, best = np.empty(n, np.intp), np.empty(n, np.float32)
    # What `best` says of these is the most that it may be: whom they were best joined with is another one now.
    stale = np.zeros(n, bool)

    # Joining changes a row, and everybody's number in that column, which lie far apart in memory. So a row takes over
    # what it missed when it is looked at again: of two clusters, the row of the one that was joined last is right.
    joined, gone = np.empty(n, np.intp), np.empty(n, np.intp)
    joins = 0
    known = np.zeros(n, np.intp)

    def catch_up(row: int) -> None:
        missed = slice(int(known[row]), joins)
        whose = joined[missed]
        place = whose * n
        place += row
        for square in (appearance, transit):
            square[row][whose] = square.ravel().take(place)
        transit[row][gone[missed]] = NEVER
        known[row] = joins

    def speaks(some: Any) -> Floats:
        """For joining some clusters with each other one."""
        total: Floats
        if how is None:  # sum of pairs, times what `weight` makes of their number, over their number
            total = appearance[some] / (size[some, ..., None] * size * dependence + (1 - dependence))
        else:
            total = appearance[some].copy()
        total += transit[some]
        return np.fmax(total, -np.inf, out=total)

    def seek(rows: slice) -> None:
        total = speaks(rows)
        partner[rows] = found = total.argmax(1)
        best[rows] = np.take_along_axis(total, found[:, None], axis=1)[:, 0]

    in_blocks(n, BLOCK, seek)
    while True:
        i = int(best.argmax())
        if not best[i] > stop:
            return _roots(into)
        if known[i] < joins:
            catch_up(i)
        if stale[i]:
            total = speaks(i)
            partner[i] = total.argmax()
            best[i], stale[i] = total[partner[i]], False
            continue
        j = int(partner[i])
        if known[j] < joins:
            catch_up(j)
        if i > j:
            i, j = j, i
        (how or np.add)(appearance[i], appearance[j], out=appearance[i])
        np.maximum(transit[i], transit[j], out=transit[i])
        transit[i, j] = NEVER
        joined[joins], gone[joins] = i, j
        joins += 1
        known[i] = joins
        size[i] += size[j]
        into[j] = i
        best[j] = -np.inf
        total = speaks(i)
        # Nobody else has become a better partner to anybody, so what was best bounds what is.
        stale |= (partner == i) | (partner == j)
        better = np.flatnonzero(total > best)
        best[better], partner[better], stale[better] = total[better], i, False
        partner[i] = total.argmax()
        best[i], stale[i] = total[partner[i]], False


def _roots(into: NDArray[np.int64]) -> NDArray[np.int64]:
    """Follow every node to the one that it ended in."""
    while True:
        further = into[into]
        if (further == into).all():
            return into
        into = further
