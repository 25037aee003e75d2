"""Rows of a `VisitTable` against one another: what appearance and time say of each pair, and what cannot be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.blocks import in_blocks
from aggregator.linking.cohort import normalised
from aggregator.linking.evidence import Evidence
from aggregator.linking.gaps import bin_of, gaps
from aggregator.linking.table import Rows, VisitTable
from aggregator.linking.topology import Topology

Floats = NDArray[np.float32]


BLOCK = 256
"""Visits that are compared with as many at a time, where all are compared with all."""
NO_WALK = -30.0
"""Log-odds of a walk that the layout does not know: possible only by way of other visits."""


class Limits:
    """What a layout and the settings forbid, by camera index.

    Attributes:
        reentry: seconds before one camera may see the same person again.
        shortest: (cameras, cameras) float32, seconds that the walk from row to column takes at least, over any cameras
            between; -inf where the layout says nothing, inf where nobody can walk. None without a layout.
        least, greatest: (places, places) float32, the same for walks without a camera between; places are the cameras
            and then the layout's doors.
    """

    def __init__(self, cameras: list[str], topology: Topology | None, reentry: float) -> None:
        self.reentry = reentry
        self.shortest: Floats | None = None
        if topology is None:
            return
        places = [*cameras, *topology.doors]
        n, m = len(cameras), len(places)
        self.least, self.greatest = np.full((m, m), np.inf, np.float32), np.full((m, m), -np.inf, np.float32)
        for a, left in enumerate(places):
            for b, entered in enumerate(places):
                window = topology.window(left, entered)
                if window is None and topology.leaves_open(left, entered):
                    window = (-np.inf, np.inf)
                if window is not None:
                    self.least[a, b], self.greatest[a, b] = window
        shortest = self.least[:n, :n].astype(np.float64)
        # One may pass the cameras between unseen, so the shortest way counts. Overlaps do not add up.
        for k in range(n):
            way = np.maximum(shortest[:, k, None], 0) + np.maximum(shortest[None, k, :], 0)
            shortest = np.minimum(shortest, way)
        self.shortest = shortest.astype(np.float32)

    def apply(
        self, walk: Floats, table: VisitTable, rows: Rows, others: Rows, earlier: NDArray[np.bool_], gap: Floats
    ) -> None:
        """Put into `walk` what cannot be: -inf, and `NO_WALK` where only other visits between could explain it.

        Args:
            walk: float32, of `rows` with `others`.
            table: where these are.
            rows, others: broadcast against each other, such as (n, 1) and (m,).
            earlier: of the shape of `walk`, whether the one of `rows` began before.
            gap: float32, seconds between.
        """
        a, b = table.camera[rows], table.camera[others]
        same = a == b
        if self.shortest is not None:
            first, then = np.where(earlier, a, b), np.where(earlier, b, a)
            left, entered = first, then
            if len(self.least) > len(self.shortest):
                came_a, went_a = self._doors(table, rows)
                came_b, went_b = self._doors(table, others)
                left, entered = np.where(earlier, went_a, went_b), np.where(earlier, came_b, came_a)
            direct = (gap >= self.least[left, entered]) & (gap <= self.greatest[left, entered])
            walk[~direct & (walk > NO_WALK)] = NO_WALK
            walk[~same & (gap < self.shortest[first, then])] = -np.inf
        same &= gap < self.reentry
        walk[same] = -np.inf

    def _doors(self, table: VisitTable, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The places by which visits came in and went out: doors where they are known, else cameras."""
        assert self.shortest is not None
        before = len(self.shortest) - 1
        came, went, camera = table.came[rows], table.went[rows], table.camera[rows]
        return np.where(came > 0, before + came, camera), np.where(went > 0, before + went, camera)


def looks(table: VisitTable, rows: Rows, others: Rows, evidence: Evidence) -> Floats:
    """How alike every one of `rows`, (n,), is with every one of `others`, (m,): log-likelihood ratios of looks and
    faces, (n, m) float32."""
    if not table.dimensions:
        likeness = np.zeros((len(rows), len(others)), np.float32)
    else:
        low, high = int(others.min()), int(others.max()) + 1
        # Where nearly all that lie there are meant, to compare with all of them is cheaper than to copy some.
        dense = high - low <= 2 * len(others)
        part: Rows | slice = slice(low, high) if dense else others
        cosine = table.projected[rows] @ table.projected[part].T
        likeness = alike(table, rows[:, None], part, evidence, cosine)
        if dense:
            likeness = likeness.take(others - low, axis=1)
    if table.faces:
        table.faces.add_to(likeness, rows, others)
    return likeness


def alike(table: VisitTable, rows: Rows, others: Rows | slice, evidence: Evidence, cosine: Floats) -> Floats:
    """Log-likelihood ratios of looks, float32, from the cosines of projected embeddings of `rows` and `others`, which
    are broadcast against each other."""
    score = normalised(cosine, table.level[rows], table.scale[rows], table.level[others], table.scale[others])
    return evidence.alike(score, table.camera[rows] == table.camera[others])


def walks(table: VisitTable, rows: Rows, others: Rows, evidence: Evidence, limits: Limits) -> Floats:
    """How `rows` lie to `others` in place and time, broadcast against each other ((n, 1) with (m,) are all with all):
    log-odds of the walk, float32, -inf where it cannot be."""
    start_a, start_b = table.start[rows], table.start[others]
    gap = gaps(start_a, table.end[rows], start_b, table.end[others])
    earlier = start_a <= start_b
    walk = evidence.walk_between(table.camera[rows], table.camera[others], earlier, bin_of(gap))
    limits.apply(walk, table, rows, others, earlier, gap)
    return walk


def compare_all(
    table: VisitTable, rows: Rows, evidence: Evidence, limits: Limits
) -> tuple[Floats, Floats, NDArray[np.float16]]:
    """Every one of `rows` with every other, block by block: what is between stays in the processor's cache.

    Returns:
        Two (n, n) float32, symmetric: log-likelihood ratio of appearance; log-odds of the walk, see `looks`, `walks`.
        And both once more, (2, n, n) float16, for who needs them when these were overwritten: half as much memory, and
        a hundredth more or less says the same.
    """
    n = len(rows)
    likeness, walk = np.empty((n, n), np.float32), np.empty((n, n), np.float32)
    halves = np.empty((2, n, n), np.float16)

    def compare(here: slice) -> None:
        for b in range(here.start, n, BLOCK):
            there = slice(b, min(n, b + BLOCK))
            ratio = looks(table, rows[here], rows[there], evidence)
            way = walks(table, rows[here, None], rows[there], evidence, limits)
            if here == there:  # of two that began at once, both are the earlier
                way = np.maximum(way, way.T)
            likeness[here, there], walk[here, there] = ratio, way
            likeness[there, here], walk[there, here] = ratio.T, way.T
            halves[:, here, there] = both = np.stack([ratio, way]).astype(np.float16)
            halves[:, there, here] = both.transpose(0, 2, 1)

    in_blocks(n, BLOCK, compare)
    return likeness, walk, halves
