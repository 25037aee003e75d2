"""Rank-k and mean average precision of a gallery ranked for each query. Plain arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RANKS = (1, 5, 10, 20)
LONGEST = 50  # of the curve


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ranking:
    """How well people were found again.

    Attributes:
        queries: how many were asked; those that nothing in the gallery answers are left out.
        curve: (k,) cumulative matching characteristic: share of queries with a right answer among the first 1 … k.
        mean_ap: mean over queries of the average precision: the mean, over all right answers, of the precision at
            the place of each.
    """

    queries: int
    curve: NDArray[np.float64]
    mean_ap: float

    def as_dict(self) -> dict[str, Any]:
        """For tables and JSON."""
        return {"queries": self.queries} | {
            f"rank_{k}": float(self.curve[min(k, len(self.curve)) - 1]) for k in RANKS} | {"mAP": self.mean_ap}


def rank(
    distance: NDArray[np.float32], query_person: NDArray[np.int64], query_camera: NDArray[np.int64],
    person: NDArray[np.int64], camera: NDArray[np.int64], junk: int = -1,
) -> Ranking:
    """Score distances by the rules of Market-1501 (Zheng et al., ICCV 2015).

    Pictures of the query's own person by the query's own camera count neither for nor against, nor does junk.
    Distractors and other people count against. Places of equal distance are taken in the gallery's order.

    Args:
        distance: (q, g) of queries and gallery; nearer is likelier.
        query_person, query_camera: (q,).
        person, camera: (g,).
        junk: person whose rows are left out.
    """
    longest = min(LONGEST, max(1, distance.shape[1]))
    hits, precisions = np.zeros(longest), list[float]()
    for row in range(len(query_person)):
        mine = person == query_person[row]
        keep = ((person != junk) & ~(mine & (camera == query_camera[row]))).nonzero()[0]
        right = mine[keep[np.argsort(distance[row, keep], kind="stable")]].nonzero()[0]
        if not len(right):
            continue
        if right[0] < longest:
            hits[right[0]:] += 1
        precisions.append(float((np.arange(1, len(right) + 1) / (right + 1)).mean()))
    count = max(1, len(precisions))
    return Ranking(queries=len(precisions), curve=hits / count, mean_ap=float(sum(precisions)) / count)
