"""`Sparse`: visits weighed against those identities only that may look like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.agglomerate import weight
from aggregator.linking.around import Around
from aggregator.linking.blocks import in_blocks
from aggregator.linking.compare import Limits, alike, walks
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import VisitTable

Floats = NDArray[np.float32]

BLOCK = 2048
"""Of all others so many at a time: what is between stays in the processor's cache."""
SHARED = 32
"""Blocks from which on other threads help: less is soon done, and comes again for every few visits."""
SLACK = 1e-3
"""Of a normalised score: more than roundings make."""


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """What speaks for visits' being of those identities of which a visit at least looks more like them than not, as
    columns: a row for each such pair, visit by visit. Where no walk alone says enough, nobody else matters.

    Attributes:
        first: where each visit's rows begin, and where the last one's end.
        slot: (p,) the identity, as its place in `Around.name`; rising for each visit.
        likeness: (p,) float32, sum over the identity's visits.
        walk: (p,) float32, the greatest log-odds of a walk; -inf where one cannot be.
        visits: (p,) int64, how many the identity has.
        odds: (p,) float32, as `weigh` says.
    """

    first: list[int]
    slot: NDArray[np.intp]
    likeness: Floats
    walk: Floats
    visits: NDArray[np.int64]
    odds: Floats

    @classmethod
    def of(cls, table: VisitTable, around: Around, evidence: Evidence, limits: Limits, dependence: float) -> Sparse:
        """All of `around.rows`; what is between takes 4 bytes for each of them and each row of `around.part`.

        Args:
            table: where they are; projected and placed.
            around: whom to compare.
            evidence, limits, dependence: see `weigh`.
        """
        who, slot, cosine = _alike_to(table, around, evidence)
        low = around.first[slot]
        count = around.first[slot + 1] - low
        first = np.cumsum(count) - count
        other = around.known[np.repeat(low - first, count) + np.arange(int(count.sum()))]
        one = np.repeat(who, count)
        likeness = alike(table, around.rows[one], other, evidence, cosine[one, other - around.part.start])
        if len(first):
            kept = np.maximum.reduceat(likeness, first) > 0
            pairs, some = np.flatnonzero(np.repeat(kept, count)), np.flatnonzero(kept)
            one, other, likeness = one.take(pairs), other.take(pairs), likeness.take(pairs)
            who, slot, count = who.take(some), slot.take(some), count.take(some)
            first = np.cumsum(count) - count
        walk = walks(table, around.rows[one], other, evidence, limits)
        if len(first):
            likeness, never = np.add.reduceat(likeness, first), np.minimum.reduceat(walk, first) == -np.inf
            walk = np.maximum.reduceat(walk, first)
            walk[never] = -np.inf
        visits = count.astype(np.float32)
        begin = np.searchsorted(who, np.arange(len(around.rows) + 1)).tolist()
        return cls(begin, slot, likeness, walk, count, likeness * (weight(visits, dependence) / visits) + walk)


def _alike_to(
    table: VisitTable, around: Around, evidence: Evidence
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Which visits may look more like one of an identity's than not, rising; and the cosines of the visits with all
    rows of the table's part, (n, rows)."""
    part, rows = around.part, around.rows
    width = part.stop - part.start
    projected, scale = table.projected[part], table.scale[part]
    level = np.full(width, np.inf, np.float32)  # nobody is like those that are not asked for
    level[around.known - part.start] = table.level[around.known]
    slot = np.zeros(width, np.intp)
    slot[around.known - part.start] = np.repeat(np.arange(len(around.name)), np.diff(around.first))
    mine, my_scale = table.projected[rows], table.scale[rows][:, None]
    least = (np.float32(evidence.alike_from - SLACK) + table.level[rows])[:, None]
    cosine, found = np.empty((len(rows), width), np.float32), np.zeros((len(rows), len(around.name)), bool)

    def compare(some: slice) -> None:
        cosine[:, some] = product = mine @ projected[some].T
        # The normalised score without what is the same for all others, which is put on what it is compared with.
        score = product * (my_scale + scale[some])
        score -= level[some]
        one, other = _where(score >= least)
        found[one, slot[some].take(other)] = True

    in_blocks(width, BLOCK, compare, SHARED)
    return *_where(found), cosine


def _where(marked: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """As `np.nonzero` of (n, m), several times as fast."""
    at = np.flatnonzero(marked)
    row = at // max(1, marked.shape[1])
    return row, at - row * marked.shape[1]
