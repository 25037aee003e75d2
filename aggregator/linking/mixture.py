"""Two kinds of pairs of visits, friends (of one person) and strangers, told apart by expectation-maximisation.

Likeness and the time between know nothing of each other once it is settled which kind a pair is. So in the table of
(score, gap) counts each kind is a product of its scores and its gaps. Strangers are nearly all pairs; friends are the
excess of high scores at likely gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from aggregator.linking.blocks import in_blocks
from aggregator.linking.gaps import BINS, EDGES

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SCORE_BINS = 64
CROWDED = 8
"""Pairs a bin at least, where there are few: bins that hold next to nothing would say anything."""
CELLS = 4096
BLOCK = 1 << 15
"""Scores that are put into bins at a time: what is between stays in the processor's cache."""
ROUGHLY = 50_000
"""Pairs that tell where the tenths of all lie."""
PRIOR_FRIENDS = 30.0
"""Pairs of one person that the prior of friends' scores counts as."""
PRIOR_STRANGERS = 30.0
"""Pairs of two people that strangers of one camera and of two look alike like all of them counts as."""
PRIOR_RATE = 1.0
"""Pairs of one person that the prior counts as in each bin of the gap."""
PRIOR_PAIR = 1.0
"""Pairs of one person that what is common to all cameras counts as, in each bin of a camera pair's own."""
PRIOR_RETURNS = 50.0
"""Pairs of one person, of two cameras, after which what they tell of returns to one camera outweighs the prior."""


def before(count: int) -> tuple[Doubles, Doubles]:
    """Log-odds of one person by gap before anything was learned: for two cameras and for one, (BINS,) each.

    Of `count` visits each has about one friend. Who is seen at once in two places is hardly one person, until views
    turn out to overlap; people turn up elsewhere soon or not.
    """
    middle = np.concatenate([[EDGES[0] - 1], (EDGES[1:] + EDGES[:-1]) / 2, [EDGES[-1] + 1]])
    across = np.select([middle < -2, middle < 0, middle < 60, middle < 600, middle < 3600], [-3, -1, 2, 1, 0], -1.0)
    within = np.select([middle < 0, middle < 60, middle < 600, middle < 3600], [-30.0, 1, 0.5, 0], -1.0)
    return across - np.log(max(2, count)), within - np.log(max(2, count))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All pairs of a sample of visits, put into bins.

    Attributes:
        edges: (scores + 1,) float64, of the score's bins.
        likeness: (p,) int32, bin of each pair's score.
        way: (q,) int32, (camera of the earlier visit * cameras + camera of the later) * BINS + bin of the gap.
        cell: (q,) int32, bin of the score, times 2 * BINS, plus the column: the bin of the gap, and BINS more where one
            camera saw both.
        number: (q,) float64, how many pairs have this cell and this way.
        cameras: how many.
    """

    edges: Doubles
    likeness: NDArray[np.int32]
    way: NDArray[np.int32]
    cell: NDArray[np.int32]
    number: Doubles
    cameras: int

    @classmethod
    def of(cls, score: Floats, way: NDArray[np.int32], highest: float, cameras: int) -> Pairs:
        """From columns of (p,) pairs; `highest`: the score of a visit with itself, or so."""
        edges = _edges(score, highest)
        likeness = _bins(score, edges[1:-1].astype(np.float32))
        bins, ways = len(edges) - 1, cameras * cameras * BINS
        column = np.broadcast_to(np.arange(BINS, dtype=np.int32), (cameras, cameras, BINS)).copy()
        column[np.arange(cameras), np.arange(cameras)] += BINS
        if ways * bins < len(score):  # few cameras: much is alike
            counts = np.bincount(way * np.int64(bins) + likeness, minlength=ways * bins)
            some = np.flatnonzero(counts).astype(np.int32)
            number, (way, score_bin) = counts[some].astype(float), np.divmod(some, np.int32(bins))
        else:
            number, score_bin = np.ones(len(score)), likeness
        cell = score_bin * np.int32(2 * BINS)
        cell += column.ravel().take(way)
        return cls(edges, likeness, way, cell, number, cameras)

    @property
    def centre(self) -> Doubles:
        """Middles of the score's bins, (scores,)."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    def counts(self) -> Doubles:
        """Pairs by score and column, (scores, 2 * BINS)."""
        shape = (len(self.edges) - 1, 2 * BINS)
        count: Any = np.bincount(self.cell, weights=self.number, minlength=shape[0] * shape[1])
        out: Doubles = count.reshape(shape)
        return out


def _bins(score: Floats, edges: Floats) -> NDArray[np.int32]:
    """As `np.searchsorted(edges, score, side="right")`, which is slow for millions: a table knows all but the scores
    that lie in one of its cells with an edge."""
    low, high = float(score.min(initial=0.0)), float(score.max(initial=0.0))
    scale = (CELLS - 1) / max(high - low, 1e-9)
    # Wide enough for what rounding may move.
    left, right = low + (np.arange(CELLS) - 0.01) / scale, low + (np.arange(CELLS) + 1.01) / scale
    first, last = np.searchsorted(edges, left, side="right"), np.searchsorted(edges, right, side="right")
    first, open_ = first.astype(np.int32), first != last
    out = np.empty(len(score), np.int32)

    def put(some: slice) -> None:
        cell = score[some] - np.float32(low)
        cell *= np.float32(scale)
        at = cell.astype(np.intp)
        mine = out[some]
        first.take(at, out=mine, mode="clip")
        rest = np.flatnonzero(open_.take(at))
        mine[rest] = np.searchsorted(edges, score[some][rest], side="right")

    in_blocks(len(score), BLOCK, put)
    return out


def _edges(score: Floats, highest: float) -> Doubles:
    """Edges of score bins: tenths of all pairs, finer towards the few highest, and on to what was not seen yet."""
    if not len(score):
        return np.linspace(-1.0, 1.0, 3)
    rough = np.quantile(score[:: max(1, len(score) // ROUGHLY)], np.linspace(0, 0.9, 10))
    high = score[score >= rough[-1]]
    bins = min(SCORE_BINS - 16, max(4, len(high) // CROWDED))
    fine = np.quantile(high, 1 - np.geomspace(1, min(1.0, 200 / len(score)), bins))
    edges = np.concatenate([[float(score.min())], rough[1:], fine]).astype(np.float64)
    edges = np.concatenate([edges, np.linspace(edges[-1], float(score.max()), 7)[1:]])
    edges = np.unique(np.concatenate([edges, np.linspace(edges[-1], max(edges[-1], highest), 7)[1:]]))
    edges[-1] += 1e-6
    return edges if len(edges) > 2 else np.linspace(edges[0] - 1, edges[0] + 1, 3)


@dataclass(slots=True, eq=False)
class Mixture:
    """What is believed of the two kinds.

    Attributes:
        count: (scores, 2 * BINS), all pairs.
        prior_friends: (scores,), shares; prior_rate: (2 * BINS,).
        friends: (scores,), shares of friends' scores, the same for two cameras and for one.
        strangers: (2, scores), the same of strangers, for two cameras and for one.
        rate: (2 * BINS,), what share of the pairs in each column are friends.
        returns: (BINS,), the same for one camera as people show it who were seen by several; None: not known.
        sure: how far `returns` counts against the prior, 0 to 1.
    """

    count: Doubles
    prior_friends: Doubles
    prior_rate: Doubles
    friends: Doubles
    strangers: Doubles
    rate: Doubles
    returns: Doubles | None = None
    sure: float = 0.0

    @classmethod
    def start(cls, pairs: Pairs, prior_friends: Doubles, visits: int) -> Mixture:
        """Before the first step. `prior_friends`: (scores,), shares."""
        count = pairs.counts()
        prior_rate = 1 / (1 + np.exp(-np.concatenate(before(visits))))
        total = np.stack([count[:, :BINS].sum(1), count[:, BINS:].sum(1)])
        strangers = total + _trace(count)
        return cls(
            count=count,
            prior_friends=prior_friends,
            prior_rate=prior_rate,
            friends=prior_friends,
            strangers=strangers / strangers.sum(1, keepdims=True),
            rate=prior_rate.copy(),
        )

    def learn_returns(self, seen: Doubles, total: Doubles, across: float, expected: float) -> None:
        """What people who were seen by several cameras tell of returns to one camera.

        What returns to one camera only may be a thing that the detector takes for a person; nobody carries it across.

        Args:
            seen: (BINS,) pairs of one such person in one camera; `total`: of all visits there.
            across: pairs of one such person in two cameras; `expected`: of all people.
        """
        scale = min(3.0, max(1.0, expected / max(1.0, across)))
        prior = self.prior_rate[BINS:]
        self.returns = (scale * seen + PRIOR_RATE) / (total + PRIOR_RATE / prior)
        self.sure = across / (across + PRIOR_RETURNS)

    def posterior(self) -> Doubles:
        """Probability of being friends by score and column, (scores, 2 * BINS)."""
        strangers = np.repeat(self.strangers.T, BINS, axis=1)
        friend = self.rate * self.friends[:, None]
        out: Doubles = friend / (friend + (1 - self.rate) * strangers + 1e-300)
        return out

    def by_looks(self) -> Doubles:
        """Probability that two visits of two cameras are of one person, by score alone, (scores,)."""
        across = self.count[:, :BINS]
        rate = float((across * self.posterior()[:, :BINS]).sum() / max(1.0, across.sum()))
        friend = rate * self.friends
        out: Doubles = friend / (friend + (1 - rate) * self.strangers[0] + 1e-300)
        return out

    def step(self) -> None:
        """One round of expectation and maximisation."""
        weight = self.count * self.posterior()
        left = self.count - weight
        trace = _trace(self.count)
        friends = weight[:, :BINS].sum(1) + PRIOR_FRIENDS * self.prior_friends
        friends /= friends.sum()
        every = left.sum(1) / max(1.0, left.sum())
        for kind in (0, 1):
            strangers = left[:, kind * BINS : (kind + 1) * BINS].sum(1) + trace + PRIOR_STRANGERS * every
            self.strangers[kind] = strangers / strangers.sum()
        # The likelier the more alike: bins with few pairs must not say otherwise.
        pooled = left.sum(1) + trace
        pooled /= pooled.sum()
        ratio = isotonic_regression(np.log(friends + 1e-12) - np.log(pooled), weights=self.count.sum(1) + 1.0).x
        self.friends = pooled * np.exp(ratio)
        self.friends /= self.friends.sum()
        total, found = self.count.sum(0)[:BINS], weight.sum(0)[:BINS]
        prior = self.prior_rate[:BINS]
        self.rate[:BINS] = (found + PRIOR_RATE) / (total + PRIOR_RATE / prior)
        if self.returns is not None:
            self.rate[BINS:] = self.sure * self.returns + (1 - self.sure) * self.prior_rate[BINS:]
        self.rate = np.clip(self.rate, 1e-12, 0.95)

    def ratios(self) -> tuple[Doubles, Doubles]:
        """Log-likelihood ratios by score, (scores,), for two cameras and for one."""
        out = []
        for kind in (0, 1):
            weights = self.count[:, kind * BINS : (kind + 1) * BINS].sum(1) + 1.0
            raw = np.log(self.friends + 1e-12) - np.log(self.strangers[kind] + 1e-12)
            out.append(isotonic_regression(raw, weights=weights).x)
        return out[0], out[1]

    def odds(self, pairs: Pairs) -> Doubles:
        """Log-odds of being friends by ordered camera pair and gap, leaning on what is common to all.

        Returns:
            (cameras + 1, cameras + 1, BINS) float64; the last camera is one that is not known yet.
        """
        friend = pairs.number * self.posterior().ravel()[pairs.cell]
        cameras = pairs.cameras
        size = cameras * cameras * BINS
        found = np.bincount(pairs.way, weights=friend, minlength=size).reshape(cameras, cameras, BINS)
        total = np.bincount(pairs.way, weights=pairs.number, minlength=size).reshape(cameras, cameras, BINS)
        across, within = self.rate[:BINS], self.rate[BINS:]
        rate = np.empty((cameras + 1, cameras + 1, BINS))
        rate[:] = across
        rate[:cameras, :cameras] = (found + PRIOR_PAIR) / (total + PRIOR_PAIR / across)
        rate[np.arange(cameras + 1), np.arange(cameras + 1)] = within
        rate = np.clip(rate, 1e-12, 0.95)
        out: Doubles = np.log(rate / (1 - rate))
        return out


def _trace(count: Doubles) -> Doubles:
    """Half a pair, spread over the score's bins as all pairs are: no bin is quite empty, (scores,)."""
    out: Doubles = 0.5 * (count.sum(1) + 1) / (count.sum() + 1)
    return out
