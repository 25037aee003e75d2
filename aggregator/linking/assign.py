"""The first decision: new visits to known identities or new ones."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aggregator.linking.agglomerate import weight
from aggregator.linking.compare import Limits, compare
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import Rows, VisitTable

Floats = NDArray[np.float32]

IMPOSSIBLE = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What speaks for each identity that a visit could be.

    Attributes:
        identity: (k,) int64, distinct.
        odds: (k,) float32, log-odds; -inf cannot be.
        cosine, gap: (k,) float32, of the identity's visit that is nearest in time.
        camera: (k,) int32, of that visit.
        visits: (k,) int64, how many of the identity's visits were compared.
    """

    identity: NDArray[np.int64]
    odds: Floats
    cosine: Floats
    gap: Floats
    camera: NDArray[np.int32]
    visits: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.identity)


NOBODY = Candidates(
    identity=np.zeros(0, np.int64),
    odds=np.zeros(0, np.float32),
    cosine=np.zeros(0, np.float32),
    gap=np.zeros(0, np.float32),
    camera=np.zeros(0, np.int32),
    visits=np.zeros(0, np.int64),
)


def candidates(
    table: VisitTable, rows: Rows, others: Rows, evidence: Evidence, limits: Limits, dependence: float,
    barred: Sequence[Set[int]] = (), looks: NDArray[np.int64] | None = None,
) -> list[Candidates]:
    """For each of `rows`, the identities among `others` (which all have one).

    An identity's odds are those of clustering: the mean likeness to its visits, as often as they amount to independent
    ones, and the likeliest walk from or to one of them. An identity that people say has several
    looks is as likely as the likeliest of them.

    Args:
        table: where the rows are.
        rows, others: rows.
        evidence, limits, dependence: see there.
        barred: for each of `rows`, identities that it is not.
        looks: (len(others),), which look of its identity each shows.
    """
    if not len(others):
        return [NOBODY] * len(rows)
    look = np.full(len(others), -1) if looks is None else looks
    order = np.lexsort((look, table.identity[others]))
    others, look = others[order], look[order]
    owner = table.identity[others]
    starts = np.append(True, owner[1:] != owner[:-1])
    first, part = np.flatnonzero(starts), np.flatnonzero(starts | np.append(True, look[1:] != look[:-1]))
    size, alike = np.diff(np.append(first, len(owner))), np.diff(np.append(part, len(owner)))
    likeness, walk, cosine, gap = compare(table, rows, others, evidence, limits)
    appearance = np.add.reduceat(likeness, part, axis=1) / alike * weight(alike.astype(np.float32), dependence)
    odds = np.maximum.reduceat(appearance, np.searchsorted(part, first), axis=1)
    odds = odds + np.maximum.reduceat(walk, first, axis=1)
    odds[np.isneginf(np.minimum.reduceat(walk, first, axis=1))] = -np.inf
    for k, names in enumerate(barred):
        if names:
            odds[k, np.isin(owner[first], list(names))] = -np.inf
    out = []
    for k in range(len(rows)):
        likely = np.flatnonzero(odds[k] > -IMPOSSIBLE)
        # Only what may be shown or chosen is looked at closely.
        likely = likely[np.argsort(-odds[k, likely], kind="stable")][:32]
        nearest = np.array(
            [first[j] + int(np.abs(gap[k, first[j] : first[j] + size[j]]).argmin()) for j in likely[:8]], np.intp
        )
        likely = likely[:8]
        out.append(
            Candidates(
                identity=owner[first[likely]],
                odds=odds[k, likely],
                cosine=cosine[k, nearest] if len(nearest) else NOBODY.cosine,
                gap=gap[k, nearest] if len(nearest) else NOBODY.gap,
                camera=table.camera[others[nearest]] if len(nearest) else NOBODY.camera,
                visits=size[likely],
            )
        )
    return out


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
