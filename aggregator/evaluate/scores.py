"""Scores of identities against truth, per visit. Plain arrays in, numbers out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkScores:
    """Shares are in [0, 1].

    Attributes:
        visits, people, global_ids: how many were scored.
        idf1: best one-to-one match of global ids to people, over all visits (Ristani et al. 2016, with one guess a
            visit, so that precision and recall of identities are equal to it).
        pair_precision, pair_recall: of 'these two visits are one person', over all pairs.
        linked: visits that were linked to an identity already known.
        false_links: share of `linked` whose identity's earlier visits are mostly somebody else's.
        calibration_error: expected calibration error of the confidences of `linked` in ten bins (Guo et al. 2017);
            None without confidences.
        online_idf1: IDF1 of the identities as first decided; None where the answer does not say.
    """

    visits: int
    people: int
    global_ids: int
    idf1: float
    pair_precision: float
    pair_recall: float
    linked: int
    false_links: float
    calibration_error: float | None = None
    online_idf1: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def score_links(truth: Sequence[Hashable], guess: Sequence[Hashable], start: NDArray[np.float64],
                confidence: NDArray[np.float64] | None = None) -> LinkScores:
    """Score one global id a visit.

    Args:
        truth: (n,) who it was.
        guess: (n,) global id it was given.
        start: (n,) seconds, when each visit began: the order in which identities grow.
        confidence: (n,) in [0, 1], of each link, or None.
    """
    linked, right = judge_links(truth, guess, start)
    both = _pairs(list(zip(truth, guess, strict=True)))
    return LinkScores(
        visits=len(truth), people=len(set(truth)), global_ids=len(set(guess)), idf1=idf1(truth, guess),
        pair_precision=both / max(1, _pairs(guess)), pair_recall=both / max(1, _pairs(truth)),
        linked=len(linked), false_links=1 - float(right.mean()) if len(linked) else 0.0,
        calibration_error=(None if confidence is None or not len(linked)
                           else calibration_error(confidence[linked], right)))


def idf1(truth: Sequence[Hashable], guess: Sequence[Hashable]) -> float:
    """Share of visits that the best one-to-one match of ids to people explains.

    The match is found in each connected part of the table of people × ids by itself: few ids touch few people.
    """
    if not len(truth):
        return 0.0
    rows, cols = _numbers(truth), _numbers(guess)
    n, m = rows.max() + 1, cols.max() + 1
    table = sp.coo_matrix((np.ones(len(rows)), (rows, cols)), shape=(n, m)).tocsr()
    _, part = connected_components(sp.bmat([[None, table], [table.T, None]]), directed=False)
    by_part: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for i in range(n):
        by_part[part[i]][0].append(i)
    for j in range(m):
        by_part[part[n + j]][1].append(j)
    matched = 0.0
    for people, ids in by_part.values():
        block = table[people][:, ids].toarray()
        matched += block[linear_sum_assignment(block, maximize=True)].sum()
    return float(matched / len(truth))


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance of said confidence and share that was right, over bins weighted by their size."""
    return float(sum(weight * abs(said - was) for said, was, weight in reliability(confidence, right, bins)))


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10
                ) -> list[tuple[float, float, float]]:
    """For each bin of confidence that holds anything: mean confidence, share that was right, share of all."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [(float(confidence[place == b].mean()), float(right[place == b].mean()), float((place == b).mean()))
            for b in range(bins) if (place == b).any()]


def judge_links(truth: Sequence[Hashable], guess: Sequence[Hashable], start: NDArray[np.float64]
                ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Which visits were linked to an identity already known, and whether most of its visits were the same person."""
    owners: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    linked, right = [], []
    for i in np.argsort(start, kind="stable").tolist():
        earlier = owners[guess[i]]
        if earlier:
            linked.append(i)
            right.append(earlier.most_common(1)[0][0] == truth[i])
        earlier[truth[i]] += 1
    return np.asarray(linked, np.intp), np.asarray(right, np.bool_)


def _numbers(values: Sequence[Hashable]) -> NDArray[np.intp]:
    seen: dict[Hashable, int] = {}
    return np.asarray([seen.setdefault(value, len(seen)) for value in values], np.intp)


def _pairs(values: Sequence[Hashable]) -> int:
    return sum(k * (k - 1) // 2 for k in Counter(values).values())
