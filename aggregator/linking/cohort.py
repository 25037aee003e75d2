"""`Cohort`: how alike a visit is to strangers. Who resembles many must resemble more to be the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.blocks import in_blocks

Floats = NDArray[np.float32]

SHARE = 0.05
"""The likest share of the cohort tells where strangers end."""
ITSELF = 0.9999
"""Cosine above which a member is the visit itself."""
BLOCK = 64
"""Visits that are placed at a time."""
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
    def of(cls, members: Floats, cosine: Floats | None = None) -> tuple[Cohort, Floats, Floats]:
        """From a sample of projected visits nearly all of different people, and the place of each of them.

        Args:
            members: (m, p) float32.
            cosine: (m, m) float32, of each two of them, where known.

        Returns:
            The cohort; and as from `place`, two of (m,) float32.
        """
        if len(members) < 3:
            few = cls(members=members[:0], middle=0.0, spread=0.1)
            return few, *few.place(members)
        cosine = members @ members.T if cosine is None else cosine
        top = _likest(cosine)
        if len(members) <= 10 / SHARE:
            # So few that the likest few of each say little of spread: a bell curve's upper share instead.
            around = cosine[np.triu_indices(len(members), 1)]
            quarters = np.quantile(around, [0.25, 0.5, 0.75])
            deviation = max(1e-3, float(quarters[2] - quarters[0]) / 1.35)
            cohort = cls(members=members, middle=float(quarters[1]) + 2.06 * deviation, spread=0.37 * deviation)
        else:
            cohort = cls(members=members, middle=float(np.mean(top)), spread=max(1e-4, float(np.mean(top.std(1)))))
        return cohort, *cohort._among(top)

    def renewed(self, members: Floats) -> Cohort:
        """The same with other members, (m, p) float32 projected unit rows."""
        return replace(self, members=members)

    def place(self, rows: Floats) -> tuple[Floats, Floats]:
        """Where strangers end for each of (n, p) rows, as `normalised` wants it: two of (n,) float32.

        A row that is itself in the cohort meets itself there, which is left out.
        """
        n = len(rows)
        if len(self.members) < 3 or not n:
            scale = np.full(n, 0.5 / max(self.spread, 1e-4), np.float32)
            return self.middle * scale, scale
        level, scale = np.empty((2, n), np.float32)

        def put(some: slice) -> None:
            level[some], scale[some] = self._among(_likest(rows[some] @ self.members.T))

        in_blocks(n, BLOCK, put)
        return level, scale

    def _among(self, top: Floats) -> tuple[Floats, Floats]:
        """`place` from the cosines of the likest, (n, k)."""
        share = top.shape[1] / (top.shape[1] + WEIGHT)
        mean = top.mean(1)
        square = np.einsum("ij,ij->i", top, top) / top.shape[1]
        spread = np.sqrt(share * np.maximum(square - mean * mean, 0) + (1 - share) * self.spread**2)
        middle = share * mean + (1 - share) * self.middle
        scale: Floats = (0.5 / np.maximum(spread, 1e-4)).astype(np.float32)
        return (middle * scale).astype(np.float32), scale


def _likest(cosine: Floats) -> Floats:
    """Of (n, m) cosines the greatest few of each row, (n, k); not of who is the row itself."""
    count = cosine.shape[1]
    take = max(1, round(SHARE * count))
    top = np.empty((len(cosine), take), np.float32)

    def pick(rows: slice) -> None:
        others = np.where(cosine[rows] > ITSELF, np.float32(-1), cosine[rows])
        others.partition(count - take, axis=1)
        top[rows] = others[:, count - take :]

    in_blocks(len(cosine), BLOCK, pick)
    return top


def normalised(cosine: Floats, level_a: Floats, scale_a: Floats, level_b: Floats, scale_b: Floats) -> Floats:
    """Scores of cosines from the places of both sides, which are broadcast against them; float32.

    A scale is half of 1 / spread of the likest strangers of a side, its level where they lie times that: what is added
    is the mean of both sides' (cosine - middle) / spread.
    """
    out: Floats = cosine * (scale_a + scale_b)
    out -= level_a + level_b
    return out
