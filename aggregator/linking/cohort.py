"""`Cohort`: how alike a visit is to strangers. Who resembles many must resemble more to be the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SHARE = 0.05
"""The likest share of the cohort tells where strangers end."""
WEIGHT = 10.0
"""The common values count as much as so many of the cohort's likest."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Adaptive symmetric normalisation of cosines against a sample of visits, one an identity where known.

    The score of two visits is the mean of how far their cosine lies above the likest strangers of the one and of
    the other, in units of these strangers' spread (adaptive s-norm of speaker verification: Cumani, Batzu, Colibro
    et al., Interspeech 2011).

    Attributes:
        members: (m, p) float32, projected unit rows.
        middle, spread: common location and spread of the likest strangers, which few members are mixed with.
    """

    members: Floats
    middle: float
    spread: float

    @classmethod
    def of(cls, members: Floats) -> Cohort:
        """From a sample of projected visits, (m, p) float32, nearly all of different people."""
        if len(members) < 3:
            return cls(members=members[:0], middle=0.0, spread=0.1)
        cosine = members @ members.T
        np.fill_diagonal(cosine, -np.inf)
        take = _likest(len(members))
        top = np.partition(cosine, len(members) - take, axis=1)[:, -take:]
        if len(members) <= 10 / SHARE:
            # So few that the likest few of each say little of spread: a bell curve's upper share instead.
            around = cosine[np.triu_indices(len(members), 1)]
            quarters = np.quantile(around, [0.25, 0.5, 0.75])
            deviation = max(1e-3, float(quarters[2] - quarters[0]) / 1.35)
            return cls(members=members, middle=float(quarters[1]) + 2.06 * deviation, spread=0.37 * deviation)
        return cls(members=members, middle=float(np.mean(top)), spread=max(1e-4, float(np.mean(top.std(1)))))

    def renewed(self, members: Floats) -> Cohort:
        """The same with other members, (m, p) float32 projected unit rows."""
        return replace(self, members=members)

    def place(self, rows: Floats) -> tuple[Floats, Floats]:
        """Where strangers end for each of (n, p) rows, and 1 / spread: two of (n,) float32.

        A row that is itself in the cohort meets itself there, which is left out.
        """
        n, m = len(rows), len(self.members)
        middle = np.full(n, self.middle, np.float32)
        spread = np.full(n, self.spread, np.float32)
        if m >= 3 and n:
            cosine = rows @ self.members.T
            cosine[cosine > 0.9999] = -1.0
            take = _likest(m)
            top = np.partition(cosine, m - take, axis=1)[:, -take:]
            share = take / (take + WEIGHT)
            middle = share * top.mean(1) + (1 - share) * middle
            spread = np.sqrt(share * top.var(1) + (1 - share) * spread**2)
        return middle.astype(np.float32), (1 / np.maximum(spread, 1e-4)).astype(np.float32)


def _likest(count: int) -> int:
    return max(1, round(SHARE * count))


def normalised(
    cosine: Floats, middle_a: Floats, inverse_a: Floats, middle_b: Floats, inverse_b: Floats
) -> Floats:
    """Scores of (n, m) cosines from the places of the n and of the m rows, (n, m) float32."""
    out: Floats = cosine * (0.5 * inverse_a[:, None] + 0.5 * inverse_b)
    out -= (0.5 * middle_a * inverse_a)[:, None] + 0.5 * middle_b * inverse_b
    return out
