"""Learning `Evidence` from the stream itself, without being told who is who."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.agglomerate import agglomerate
from aggregator.linking.blocks import in_blocks
from aggregator.linking.clocks import SLIGHT, Clocks, find_clocks
from aggregator.linking.cohort import Cohort, normalised
from aggregator.linking.evidence import GRID, Evidence
from aggregator.linking.gaps import BINS, bin_of, gaps
from aggregator.linking.mixture import Doubles, Floats, Mixture, Pairs, before
from aggregator.linking.projection import Projection

ROUNDS = 25
LESSONS = 1
CLUSTERED = 1000
"""Latest visits of the sample that are clustered to learn who returns where."""
BLOCK = 128
"""Visits whose gaps and scores are taken at a time: what is between stays in the processor's cache."""
STRICT = 4.0
"""Log-odds above which they are: few, but sure."""
DEPENDENCE = 0.4
ALIKE = 0.5
ALIKE_SPREAD = 0.17
"""Visits of one person are about half as alike again as strangers, of what is left to 1. A weak prior."""
STRONGEST = 9.0
"""No likeness says more than this; twins and reflections do exist."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Visits to learn from.

    Attributes:
        embedding: (n, d) float32, raw unit rows.
        camera: (n,) int32.
        start, end: (n,) float64.
        cameras: how many cameras there are.
    """

    embedding: Floats
    camera: NDArray[np.int32]
    start: Doubles
    end: Doubles
    cameras: int

    def __len__(self) -> int:
        return len(self.camera)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Visits as they are compared, see `VisitTable`.

    Attributes:
        projected: (n, p) float32, unit rows.
        level, scale: (n,) float32, where strangers end, see `normalised`.
    """

    projected: Floats
    level: Floats
    scale: Floats


def starting(dimensions: int) -> Evidence:
    """Before anything was seen."""
    across, within = before(2)
    transit = np.broadcast_to(across, (2, 2, BINS)).copy()
    transit[0, 0] = transit[1, 1] = within
    return Evidence(
        projection=Projection.plain(dimensions),
        cohort=Cohort.of(np.zeros((0, dimensions), np.float32))[0],
        low=-1.0,
        step=2 / GRID,
        appearance=np.zeros((2, GRID), np.float32),
        transit=transit.astype(np.float32),
        learned_from=0,
        clocks=Clocks.right(0),
    )


def learn(sample: Sample, *, clocks: bool = True) -> tuple[Evidence, Placed]:
    """`Evidence` from a sample of a stream. Needs two visits at least; what little data leaves open, priors fill.

    What is learned depends on the sample alone, not on what was decided about it before: wrong decisions would
    teach themselves.

    Args:
        sample: of the stream.
        clocks: find out which clocks are off; else they are right.

    Returns:
        What was learned; and the sample, as it makes it look.
    """
    projection = Projection.fit(sample.embedding, sample.camera, sample.cameras)
    rows = projection.apply(sample.embedding, sample.camera)
    cosine = rows @ rows.T
    cohort, level, scale = Cohort.of(rows, cosine)
    score = np.empty_like(cosine)

    def normalise(some: slice) -> None:
        score[some] = normalised(cosine[some], level[some, None], scale[some, None], level, scale)

    in_blocks(len(rows), BLOCK, normalise)
    highest = float((1 - (level / scale).mean()) * 2 * scale.mean())
    times = Times.of(sample, Clocks.right(sample.cameras))
    pairs = times.pairs(score, highest)
    mixture = Mixture.start(pairs, _friends_prior(pairs, rows, cohort), len(rows))
    _practise(mixture)
    found = Clocks.right(sample.cameras)
    if clocks:
        found = times.clocks(pairs.likeness, mixture.by_looks())
    if found.offset.any():
        times = Times.of(sample, found)
        pairs = times.pairs(score, highest)
        mixture = Mixture.start(pairs, _friends_prior(pairs, rows, cohort), len(rows))
        _practise(mixture)
    some = times.order[max(0, len(rows) - CLUSTERED) :]
    score, late = score[np.ix_(some, some)], times.latest(CLUSTERED)
    for lesson in range(LESSONS + 1):
        evidence = _evidence(mixture, pairs, projection, cohort, found)
        if lesson < LESSONS:
            _learn_returns(mixture, evidence, score, *late)
            _practise(mixture)
    return evidence, Placed(rows, level, scale)


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Where and when the visits of a sample were, in order of their start by the common clock.

    Attributes:
        order: (n,) rows of the sample.
        camera: (n,) int32.
        middle: (n,) float64, seconds.
        gap: (n, n) float32, seconds between.
        slot: (n, n) int16, bins of them.
        cameras: how many.
    """

    order: NDArray[np.intp]
    camera: NDArray[np.int32]
    middle: Doubles
    gap: Floats
    slot: NDArray[np.int16]
    cameras: int

    @classmethod
    def of(cls, sample: Sample, clocks: Clocks) -> Times:
        """With the cameras' clocks put right."""
        shift = clocks.of(sample.camera)
        order = np.argsort(sample.start + shift, kind="stable")
        start, end = (sample.start + shift)[order], (sample.end + shift)[order]
        n = len(order)
        gap, slot = np.empty((n, n), np.float32), np.empty((n, n), np.int16)

        def between(rows: slice) -> None:
            gap[rows] = gaps(start[rows, None], end[rows, None], start, end)
            slot[rows] = bin_of(gap[rows])

        in_blocks(n, BLOCK, between)
        return cls(order, sample.camera[order], (start + end) / 2, gap, slot, sample.cameras)

    def pairs(self, score: Floats, highest: float) -> Pairs:
        """All pairs of visits with their (n, n) scores, which are in the sample's order."""
        if (np.diff(self.order) != 1).any():
            score = score[self.order][:, self.order]
        then = self.camera * np.int32(BINS)
        first = then * np.int32(self.cameras)
        way = np.concatenate([first[k] + then[k + 1 :] for k in range(len(then))])
        way += _upper(self.slot)
        return Pairs.of(_upper(score), way, highest, self.cameras)

    def clocks(self, likeness: NDArray[np.int32], weight: Doubles) -> Clocks:
        """What the pairs, of the bins `likeness`, say of the clocks; each weighs as much as is likely in its bin that
        the two are of one person."""
        some = np.flatnonzero((weight > SLIGHT).take(likeness))
        n = len(self.order)
        begin = np.cumsum(np.arange(n, 0, -1)) - n  # of each row of what stands above the diagonal
        i = np.searchsorted(begin, some, side="right") - 1
        j = some - begin[i] + i + 1
        apart = self.middle[j] - self.middle[i]
        return find_clocks(self.camera[i], self.camera[j], apart, weight[likeness[some]], self.cameras)

    def latest(self, count: int) -> tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.int32]]:
        """Of the latest visits: bins of the gaps between, whether at once, cameras."""
        some = slice(max(0, len(self.order) - count), None)
        return self.slot[some, some], self.gap[some, some] < 0, self.camera[some]


def _upper(matrix: NDArray[Any]) -> NDArray[Any]:
    """What stands above the diagonal of (n, n), row after row: (n * (n - 1) / 2,)."""
    return np.concatenate([matrix[k, k + 1 :] for k in range(len(matrix))])


def _practise(mixture: Mixture) -> None:
    for _ in range(ROUNDS):
        mixture.step()


def _evidence(
    mixture: Mixture, pairs: Pairs, projection: Projection, cohort: Cohort, clocks: Clocks
) -> Evidence:
    low, high = float(pairs.edges[0]), float(pairs.edges[-1])
    grid = low + (np.arange(GRID) + 0.5) * (high - low) / GRID
    appearance = np.stack([np.interp(grid, pairs.centre, ratio) for ratio in mixture.ratios()])
    return Evidence(
        projection=projection,
        cohort=cohort,
        low=low,
        step=(high - low) / GRID,
        appearance=np.clip(appearance, -2 * STRONGEST, STRONGEST).astype(np.float32),
        transit=mixture.odds(pairs).astype(np.float32),
        learned_from=len(cohort.members),
        clocks=clocks,
    )


def _learn_returns(
    mixture: Mixture,
    evidence: Evidence,
    score: Floats,
    slot: NDArray[np.int16],
    at_once: NDArray[np.bool_],
    camera: NDArray[np.int32],
) -> None:
    """Cluster strictly, and let the people found in several cameras tell how people return to one camera.

    Args:
        mixture: is told.
        evidence: of this sample.
        score, slot, at_once: (n, n), of each two visits in order of their start.
        camera: (n,).
    """
    n = len(camera)
    one_camera = camera[:, None] == camera
    likeness = evidence.alike(score, one_camera)
    earlier = np.triu(np.ones((n, n), bool))
    walk = evidence.walk_between(camera[:, None], camera, earlier, slot)
    walk[one_camera & at_once] = -np.inf
    upper = np.triu(np.ones((n, n), bool), 1)
    expected = float((1 / (1 + np.exp(-(likeness + walk)[upper & ~one_camera].astype(np.float64)))).sum())
    cluster = agglomerate(likeness, walk, np.ones(n, np.float32), stop=STRICT, dependence=DEPENDENCE)
    lowest, highest = np.full(n, n + len(evidence.transit), np.int64), np.full(n, -1, np.int64)
    np.minimum.at(lowest, cluster, camera)
    np.maximum.at(highest, cluster, camera)
    several = (lowest < highest)[cluster]
    friends = (cluster[:, None] == cluster) & several & upper
    mixture.learn_returns(
        seen=np.bincount(slot[friends & one_camera], minlength=BINS).astype(np.float64),
        total=np.bincount(slot[upper & one_camera & ~at_once], minlength=BINS).astype(np.float64),
        across=float((friends & ~one_camera).sum()),
        expected=expected,
    )


def _friends_prior(pairs: Pairs, rows: Floats, cohort: Cohort) -> Doubles:
    """What share of friends' scores each bin should hold before any is known, from how alike strangers are."""
    some = rows[:400]
    stranger = float(np.median((some @ some.T)[np.triu_indices(len(some), 1)])) if len(some) > 1 else 0.0
    spread = max(cohort.spread, 1e-4)
    mean = (stranger + ALIKE * (1 - stranger) - cohort.middle) / spread
    deviation = ALIKE_SPREAD * (1 - stranger) / spread
    density = np.exp(-0.5 * ((pairs.centre - mean) / deviation) ** 2) * np.diff(pairs.edges) + 1e-9
    out: Doubles = density / density.sum()
    return out

