"""The first decision: new visits to known identities or new ones."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aggregator.linking.agglomerate import weight
from aggregator.linking.compare import Limits, looks, walks
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import Rows, VisitTable

Floats = NDArray[np.float32]

IMPOSSIBLE = 1e6
MANY = 256
SHOWN = 8
"""Identities that a visit may be given or that are shown as rivals: the likeliest."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What speaks for each identity that a visit could be, the likeliest first.

    Attributes:
        identity: (k,) int64, distinct.
        odds: (k,) float32, log-odds; what cannot be is not there.
        walk: (k,) float32, the part of them that is about when and where; the rest is appearance.
        visits: (k,) int64, how many of the identity's visits were compared.
    """

    identity: NDArray[np.int64]
    odds: Floats
    walk: Floats
    visits: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.identity)

    @classmethod
    def likeliest(
        cls, identity: NDArray[np.int64], odds: Floats, walk: Floats, visits: NDArray[np.int64], barred: Set[int]
    ) -> Candidates:
        """Of what speaks for (k,) identities, in any order. `barred`: those that it is not. `odds` are changed."""
        if barred:
            odds[np.isin(identity, list(barred))] = -np.inf
        some = _likeliest(odds)
        if len(some) and odds[some[-1]] <= -IMPOSSIBLE:
            some = some[odds[some] > -IMPOSSIBLE]
        return cls(identity[some], odds[some], walk[some], visits[some])


NOBODY = Candidates(
    identity=np.zeros(0, np.int64),
    odds=np.zeros(0, np.float32),
    walk=np.zeros(0, np.float32),
    visits=np.zeros(0, np.int64),
)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Visits against identities.

    Attributes:
        identity: (k,) int64, rising.
        odds: (n, k) float32, log-odds; -inf cannot be.
        walk: (n, k) float32, the part of them that is about when and where.
        visits: (k,) int64, how many visits of each were compared.
    """

    identity: NDArray[np.int64]
    odds: Floats
    walk: Floats
    visits: NDArray[np.int64]

    def candidates(self, barred: Sequence[Set[int]]) -> list[Candidates]:
        """For each visit the likeliest identities; `barred`: for each, those that it is not. `odds` are changed."""
        return [
            Candidates.likeliest(self.identity, odds, walk, self.visits, names)
            for odds, walk, names in zip(self.odds, self.walk, barred, strict=True)
        ]


def weigh(
    table: VisitTable, rows: Rows, others: Rows, evidence: Evidence, limits: Limits, dependence: float, least: float,
    look: NDArray[np.int64] | None = None,
) -> Weighed:
    """Each of `rows` against the identities of `others`, which all have one.

    An identity's odds are those of clustering: the mean likeness to its visits, as often as they amount to independent
    ones, and the likeliest walk from or to one of them. An identity that people say has several
    looks is as likely as the likeliest of them.

    Args:
        table: where the rows are.
        rows, others: rows; one of `others` at least.
        evidence, limits, dependence: see there.
        least: log-odds that matter. Of identities that cannot have so much some may be left out.
        look: (len(others),), which look of its identity each shows; None: nobody said anything.
    """
    likeness = looks(table, rows, others, evidence)
    owner = table.identity[others]
    if evidence.likeliest <= least:
        # No walk alone says so much, so one of an identity's visits at least must look more like this one than not.
        kept = _shared(owner, likeness.max(axis=0) > 0)
        others, owner, look = others[kept], owner[kept], None if look is None else look[kept]
        likeness = likeness.take(kept, axis=1)
    order = np.argsort(owner, kind="stable") if look is None else np.lexsort((look, owner))
    others, owner = others[order], owner[order]
    likeness = likeness.take(order, axis=1)
    walk = walks(table, rows[:, None], others, evidence, limits)
    starts = np.empty(len(owner), bool)
    starts[:1] = True
    np.not_equal(owner[1:], owner[:-1], out=starts[1:])
    first = np.flatnonzero(starts)
    visits = np.empty_like(first)
    np.subtract(first[1:], first[:-1], out=visits[:-1])
    visits[-1:] = len(owner) - first[-1:]
    if not len(first):
        none = np.zeros((len(rows), 0), np.float32)
        return Weighed(owner, none, none, visits)
    if look is None:
        odds = np.add.reduceat(likeness, first, axis=1)
        odds *= weight(visits.astype(np.float32), dependence) / visits.astype(np.float32)
    else:
        look = look[order]
        part = np.flatnonzero(starts | np.append(True, look[1:] != look[:-1]))
        alike = np.diff(part, append=len(owner))
        appearance = np.add.reduceat(likeness, part, axis=1) / alike * weight(alike.astype(np.float32), dependence)
        odds = np.maximum.reduceat(appearance, np.searchsorted(part, first), axis=1)
    way = np.maximum.reduceat(walk, first, axis=1)
    odds += way
    never = walk == -np.inf
    if never.any():
        odds[np.logical_or.reduceat(never, first, axis=1)] = -np.inf
    return Weighed(owner[first], odds, way, visits)


def _shared(owner: NDArray[np.int64], some: NDArray[np.bool_] | Rows) -> Rows:
    """Which of (n,) rows have an owner in common with one of `some` of them."""
    low, high = int(owner.min()), int(owner.max())
    marked = np.zeros(high - low + 1, bool)
    marked[owner[some] - low] = True
    return np.flatnonzero(marked[owner - low])


def _likeliest(odds: Floats) -> Rows:
    """Where the greatest `SHOWN` of (k,) are, the greatest first, of equals the first."""
    some: Rows = np.arange(len(odds))
    if len(odds) > MANY:  # few of them need to be sorted
        some = np.sort(np.argpartition(-odds, SHOWN)[:SHOWN])
    return some[np.argsort(-odds[some], kind="stable")[:SHOWN]]


def choose(options: list[Candidates], caution: float) -> list[int]:
    """Which candidate each of several visits is that cannot be of one person, jointly; -1 for somebody new."""
    if len(options) == 1:
        one = options[0]
        return [0 if len(one) and one.odds[0] > caution else -1]
    names = np.unique(np.concatenate([one.identity for one in options]))
    if not len(names):
        return [-1] * len(options)
    cost = np.full((len(options), len(names) + len(options)), -caution, np.float64)
    cost[:, : len(names)] = IMPOSSIBLE
    for k, one in enumerate(options):
        better = one.odds > caution
        cost[k, np.searchsorted(names, one.identity[better])] = -one.odds[better]
    chosen = linear_sum_assignment(cost)[1]
    out = []
    for k, one in enumerate(options):
        found = one.identity == names[min(chosen[k], len(names) - 1)]
        out.append(int(found.argmax()) if chosen[k] < len(names) and found.any() else -1)
    return out
