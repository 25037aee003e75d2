"""Where two cameras look at one floor: learned from who is seen at once, without pictures, calibration or truth.

How people's heights shrink towards the horizon tells a rough map of each view's floor, in heights of a person (Lv, Zhao
and Nevatia, PAMI 2006, from which only the ratio is taken). Two visits that are seen at once are a guess at one person;
two guesses together turn one map onto the other, and every turn is tried on everybody (RANSAC, Fischler and Bolles,
1981). The best ones are made exact as homographies of the floor (Hartley and Zisserman, Multiple View Geometry, 2004,
chapter 4), and the best of these is kept if it explains clearly more than the best for people who were never there
together: the same walks, shifted in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from aggregator.linking.agglomerate import weight

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Complexes = NDArray[np.complex128]

CLOSE = 0.35  # of a person's height: feet this near one another may be the same feet
LOOSE = 0.8  # the same, on the rough maps
MOSTLY = 0.6  # share of the common moments at which they must be
LEAST_TICKS = 4  # common moments of a guess
SCALE = 1.7  # by how much a person's height may differ between the rough maps
MISFIT = 0.4  # heights, root of the mean square, that two guesses may miss one another by
APART = 1.5  # heights between two guesses, at least: neighbours say little of directions
HYPOTHESES = 3000
CHUNK = 64
KEPT = 30
ROUNDS = 8
SHIFTS = 6  # of time, to learn what chance explains
CLEARLY = 1.5  # times what chance explains at best
STANDING = 0.5  # heights within which somebody stands
SURE = 1.5  # heights from where the floor was walked within which the homography is believed
LEAST_PAIRS = 3  # visits that must be explained
BINS = np.array([0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75, 1, 1.5, 2.5, 5, np.inf])
DEPENDENCE = 0.1  # of distances half a second apart
STRONGEST = 12.0  # nats


@dataclass(frozen=True, slots=True, eq=False)
class Feet:
    """Where people stood in one view, at ticks that all cameras share.

    Attributes:
        visit: (k,) int64, whose.
        tick: (k,) int64.
        foot: (k, 2) float64, pixels.
        height: (k,) float64, of the box, pixels.
        width: of the frame, pixels.
    """

    visit: Ints
    tick: Ints
    foot: Doubles
    height: Doubles
    width: float

    def __post_init__(self) -> None:
        n = len(self.visit)
        for name, expected in (("tick", (n,)), ("foot", (n, 2)), ("height", (n,))):
            if getattr(self, name).shape != expected:
                raise ValueError(f"Feet.{name}: expected shape {expected}, got {getattr(self, name).shape}")

    def floor(self) -> Complexes | None:
        """A rough map: (k,) places on the floor in heights of a person, right and ahead; None for a view from above.

        As tall as a person looks at a place, as far is the horizon above it, for a camera that is not tilted much. Its
        focal length is taken to be its frame's width, an angle of view of 53°.
        """
        y, keep = self.foot[:, 1], np.ones(len(self.foot), np.bool_)
        if len(y) < LEAST_TICKS or np.ptp(y) < 1:
            return None
        for _ in range(4):
            slope, level = np.polyfit(y[keep], self.height[keep], 1)
            rest = self.height - (slope * y + level)
            keep = np.abs(rest) <= 2 * max(float(np.median(np.abs(rest))), 1.0)
        tall = slope * y + level
        if slope <= 0 or np.median(tall) <= 0:
            return None
        tall = np.maximum(tall, 0.1 * np.median(tall))
        place: Complexes = (self.foot[:, 0] - self.width / 2) / tall - 1j * self.width / tall
        return place

    def shifted(self, by: int, length: int) -> Feet:
        """The same walks at other times: `by` ticks later, and around at `length`."""
        return Feet(self.visit, (self.tick + by) % length, self.foot, self.height, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """What two cameras have in common.

    Attributes:
        matrix: (3, 3) float64, homography of pixels of the first view to pixels of the second.
        pairs: (p, 2) int64, visits seen at once.
        ticks: (p,) int64, for how many ticks.
        evidence: (p,) float64, log-likelihood ratio, one person : two.
        explained, chance: moments that the homography explains, and the best one of walks shifted in time.
    """

    matrix: Doubles
    pairs: Ints
    ticks: Ints
    evidence: Doubles
    explained: float
    chance: float


def learn_overlap(a: Feet, b: Feet, seed: int = 0) -> Overlap | None:
    """What the views of two cameras have in common; None when nothing that chance would not explain.

    Args:
        a, b: of the two cameras; their visits have different numbers.
        seed: of the hypotheses that are tried.
    """
    rng = np.random.default_rng(seed)
    if a.floor() is None or b.floor() is None or not len(np.intersect1d(a.tick, b.tick)):
        return None
    found = _search(_Common.of(a, b), rng)
    if found is None:
        return None
    matrix, explained = found
    length = int(max(a.tick.max(), b.tick.max())) + 1
    chance = 0.0
    for shift in range(1, SHIFTS + 1):
        moved = b.shifted(shift * length // (SHIFTS + 1), length)
        other = _search(_Common.of(a, moved), rng) if len(np.intersect1d(a.tick, moved.tick)) else None
        chance = max(chance, other[1] if other else 0.0)
    common = _Common.of(a, b)
    same = common.together(common.distance(matrix[None])[0])
    if explained < CLEARLY * chance or len(same) < LEAST_PAIRS:
        return None
    return Overlap(common.denormalised(matrix), common.pairs, common.count,
                   _evidence(common, common.distance(matrix[None])[0], same), explained, chance)


@dataclass(frozen=True, slots=True, eq=False)
class _Common:
    """Every two people seen at once, moment by moment: points normalised to mean 0 and spread 1.

    Attributes:
        pairs: (p, 2) visits; count: (p,) moments of each.
        pair: (k,) which pair each moment is of.
        x, y: (k, 3) feet in both views, homogeneous; size_x, size_y: (k,) heights.
        worth: (k,) of each moment, less the longer the two have stood: who stands fits many homographies.
        near_x, near_y: (k,) the same on the rough maps.
        normal: (k, 9, 9) of the direct linear transformation.
        scale_a, scale_b: (3, 3), pixels → normalised.
    """

    pairs: Ints
    count: Ints
    pair: Ints
    x: Doubles
    y: Doubles
    size_x: Doubles
    size_y: Doubles
    worth: Doubles
    near_x: Complexes
    near_y: Complexes
    normal: Doubles
    scale_a: Doubles
    scale_b: Doubles

    @classmethod
    def of(cls, a: Feet, b: Feet) -> _Common:
        order = np.argsort(b.tick, kind="stable")
        low, high = np.searchsorted(b.tick[order], a.tick), np.searchsorted(b.tick[order], a.tick, side="right")
        i = np.repeat(np.arange(len(a.tick)), high - low)
        begin = np.cumsum(high - low) - (high - low)
        j = order[np.arange(len(i)) - np.repeat(begin, high - low) + np.repeat(low, high - low)]
        pairs, pair = np.unique(np.stack([a.visit[i], b.visit[j]], 1), axis=0, return_inverse=True)
        pair = pair.ravel()
        scale_a, scale_b = _scale(a.foot), _scale(b.foot)
        x, y = _homogeneous(a.foot[i]) @ scale_a.T, _homogeneous(b.foot[j]) @ scale_b.T
        size_x, size_y = a.height[i] * scale_a[0, 0], b.height[j] * scale_b[0, 0]
        count = np.bincount(pair, minlength=len(pairs))
        floor_a, floor_b = a.floor(), b.floor()
        assert floor_a is not None
        assert floor_b is not None
        zero = np.zeros_like(x)
        rows = np.stack([np.concatenate([zero, -x, y[:, 1:2] * x], 1), np.concatenate([x, zero, -y[:, :1] * x], 1)], 1)
        normal = np.einsum("kri,krj->kij", rows, rows)
        worth = _worth(pair, x[:, :2] / size_x[:, None], y[:, :2] / size_y[:, None])
        return cls(pairs, count, pair, x, y, size_x, size_y, worth, floor_a[i], floor_b[j], normal, scale_a, scale_b)

    def distance(self, matrices: Doubles) -> Doubles:
        """How far apart the feet are under each homography (h, 3, 3), in heights, mean of both views: (h, k)."""
        there = self.x @ matrices.transpose(0, 2, 1)
        back = self.y @ np.linalg.inv(matrices).transpose(0, 2, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            one = np.hypot(there[..., 0] / there[..., 2] - self.y[:, 0], there[..., 1] / there[..., 2] - self.y[:, 1])
            two = np.hypot(back[..., 0] / back[..., 2] - self.x[:, 0], back[..., 1] / back[..., 2] - self.x[:, 1])
        both = 0.5 * (one / self.size_y + two / self.size_x)
        both[~(np.isfinite(both) & (there[..., 2] * np.sign(matrices[:, 2, 2])[:, None] > 0))] = np.inf
        return both

    def close(self, distance: Doubles, limit: float = CLOSE) -> Doubles:
        """(h, k) → (h, p): worth of the moments at which each pair is close, where it is so mostly; else 0."""
        h, p = len(distance), len(self.pairs)
        slot = np.arange(h)[:, None] * p + self.pair
        which = distance < limit
        near = np.bincount(slot[which], minlength=h * p).reshape(h, p)
        worth = np.bincount(slot[which], np.broadcast_to(self.worth, which.shape)[which], h * p).reshape(h, p)
        out: Doubles = np.where((near >= MOSTLY * self.count) & (self.count >= LEAST_TICKS), worth, 0.0)
        return out

    def explained(self, close: Doubles) -> Doubles:
        """(h, p) → (h,): moments explained when everybody is one person in the other view at most, roughly."""
        totals = []
        for column in (0, 1):
            who = self.pairs[:, column]
            order = np.argsort(who, kind="stable")
            begin = np.flatnonzero(np.diff(who[order], prepend=-1))
            totals.append(np.maximum.reduceat(close[:, order], begin, axis=1).sum(1))
        fewest: Doubles = np.minimum(*totals)
        return fewest

    def together(self, distance: Doubles, limit: float = CLOSE) -> Ints:
        """(k,) → pairs, each visit in one at most, that are close most of the time."""
        close = self.close(distance[None], limit)[0]
        _, row = np.unique(self.pairs[:, 0], return_inverse=True)
        _, column = np.unique(self.pairs[:, 1], return_inverse=True)
        table, name = np.zeros((row.max() + 1, column.max() + 1)), np.full((row.max() + 1, column.max() + 1), -1)
        table[row, column], name[row, column] = close, np.arange(len(row))
        i, j = linear_sum_assignment(table, maximize=True)
        chosen: Ints = name[i, j][table[i, j] > 0]
        return chosen

    def denormalised(self, matrix: Doubles) -> Doubles:
        """To pixels."""
        pixels = np.linalg.inv(self.scale_b) @ matrix @ self.scale_a
        out: Doubles = pixels / pixels[2, 2]
        return out


def _search(common: _Common, rng: np.random.Generator) -> tuple[Doubles, float] | None:
    """The homography (3, 3) of normalised points that explains most, and how many moments it explains."""
    turn, shift = _turns(common, rng)
    rough: list[tuple[float, Doubles]] = []
    for begin in range(0, len(turn), CHUNK):
        part = slice(begin, begin + CHUNK)
        distance = np.abs(turn[part, None] * common.near_x + shift[part, None] - common.near_y)
        rough += list(zip(common.explained(common.close(distance, LOOSE)).tolist(), distance, strict=True))
        rough = sorted(rough, key=lambda item: -item[0])[:KEPT]
    best: tuple[Doubles, float] | None = None
    for _, distance in rough:
        limit = LOOSE
        for _ in range(ROUNDS):
            same = common.together(distance, limit)
            mine = np.isin(common.pair, same) & (distance < 2 * limit)
            if len(same) < 2 or mine.sum() < LEAST_TICKS:
                break
            matrix = _solve(common.normal[mine].sum(0)[None])[0]
            distance, limit = common.distance(matrix[None])[0], max(CLOSE, 0.8 * limit)
            explained = float(common.explained(common.close(distance[None]))[0])
            if explained and (best is None or explained > best[1]):
                best = matrix, explained
    return best


def _turns(common: _Common, rng: np.random.Generator) -> tuple[Complexes, Complexes]:
    """Turn and shift (h,) of the first rough map onto the second, from every two guesses that fit one another.

    A turn is a complex number, whose length is the maps' ratio of scales; least squares over the moments of both.
    """
    p = len(common.pairs)
    guess = (common.count >= LEAST_TICKS).nonzero()[0]
    x, y = common.near_x, common.near_y

    def total(values: NDArray[Any]) -> Complexes:
        return np.bincount(common.pair, values.real, p) + 1j * np.bincount(common.pair, values.imag, p)

    # Moments count together as one: who stands long would outweigh who walks.
    share = 1 / np.maximum(common.count, 1)[common.pair]
    sums = np.stack([total(share * v)[guess] for v in (x, y, x * x.conj(), y * y.conj(), x.conj() * y)])
    i, j = np.triu_indices(len(guess), 1)
    apart = (common.pairs[guess[i]] != common.pairs[guess[j]]).all(1)
    apart &= np.abs(sums[0, i] - sums[0, j]) > APART
    i, j = i[apart], j[apart]
    sx, sy, xx, yy, xy = 0.5 * (sums[:, i] + sums[:, j])
    spread_x, spread_y, both = (xx - sx * sx.conj()).real, (yy - sy * sy.conj()).real, xy - sx.conj() * sy
    turn = both / np.maximum(spread_x, 1e-9)
    misfit = np.sqrt(np.maximum(spread_y - np.abs(both) ** 2 / np.maximum(spread_x, 1e-9), 0))
    good = ((np.abs(np.log(np.maximum(np.abs(turn), 1e-9))) < np.log(SCALE)) & (misfit < MISFIT)).nonzero()[0]
    if len(good) > HYPOTHESES:
        ticks = np.minimum(common.count[guess[i[good]]], common.count[guess[j[good]]]).astype(float)
        good = rng.choice(good, HYPOTHESES, replace=False, p=ticks / ticks.sum())
    return turn[good], (sy - turn * sx)[good]


def _evidence(common: _Common, distance: Doubles, same: Ints) -> Doubles:
    """What the distances of each pair say: as rare for strangers, or as usual for one person, as they turned out.

    Far from where the pairs `same` walked nobody knows the floor, and nothing is said.
    """
    friend = np.isin(common.pair, same)
    known = np.ones(len(distance), np.bool_)
    for points, size in ((common.x, common.size_x), (common.y, common.size_y)):
        known &= cKDTree(points[friend, :2]).query(points[:, :2])[0] <= SURE * size
    place = np.clip(np.searchsorted(BINS, distance, side="right") - 1, 0, len(BINS) - 2)
    counts = [np.bincount(place[mine & known], minlength=len(BINS) - 1) + 1.0 for mine in (friend, ~friend)]
    ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
    moments = np.bincount(common.pair[known], minlength=len(common.pairs))
    mean = np.bincount(common.pair[known], ratio[place[known]], len(common.pairs)) / np.maximum(moments, 1)
    whole: Doubles = mean * weight(np.maximum(moments, 1).astype(np.float32), DEPENDENCE)
    return np.clip(whole, -STRONGEST, STRONGEST)


def _solve(normal: Doubles) -> Doubles:
    """(h, 9, 9) → (h, 3, 3): the homographies of least algebraic error, the last number positive."""
    matrices = np.linalg.eigh(normal)[1][:, :, 0].reshape(-1, 3, 3)
    matrices = matrices + 1e-9 * np.eye(3)
    out: Doubles = matrices * np.where(matrices[:, 2:, 2:] < 0, -1.0, 1.0)
    return out


def _worth(pair: Ints, x: Doubles, y: Doubles) -> Doubles:
    """1 over the number of a pair's moments in one place, of half a height, in both views: (k,)."""
    cell = np.floor(np.concatenate([x, y], 1) / STANDING).astype(np.int64)
    _, place, count = np.unique(np.column_stack([pair, cell]), axis=0, return_inverse=True, return_counts=True)
    worth: Doubles = 1.0 / count[place.ravel()]
    return worth


def _scale(points: Doubles) -> Doubles:
    """(3, 3) that brings points to mean 0 and spread 1, the same in x and y."""
    mean, spread = points.mean(0), float(points.std()) or 1.0
    return np.array([[1, 0, -mean[0]], [0, 1, -mean[1]], [0, 0, spread]]) / spread


def _homogeneous(points: Doubles) -> Doubles:
    return np.concatenate([points, np.ones((len(points), 1))], 1)


def join(visits: Ints, pairs: Ints, evidence: Doubles, apart: Ints, stop: float) -> Ints:
    """Put visits together by evidence of place, the surest first.

    Pairs speak of different moments, so what speaks for two groups is the sum over their pairs.

    Args:
        visits: (n,) their numbers.
        pairs: (p, 2) numbers of visits; evidence: (p,) log-likelihood ratios. Pairs that are not there say nothing.
        apart: (q, 2) visits that cannot be one person.
        stop: what must speak for two groups, at least.

    Returns:
        (n,) int64, a number of the group of each.
    """
    ordered = np.sort(visits)
    total = np.zeros((len(visits), len(visits)))
    for some, value in ((pairs, evidence), (apart, np.full(len(apart), -np.inf))):
        i, j = np.searchsorted(ordered, some.reshape(-1, 2).T)
        np.add.at(total, (i, j), value)
        np.add.at(total, (j, i), value)
    np.fill_diagonal(total, -np.inf)
    label = np.arange(len(visits))
    while len(label):
        i, j = np.divmod(int(total.argmax()), len(label))
        if not total[i, j] > stop:
            break
        total[i] += total[j]
        total[:, i] = total[i]
        total[i, i] = -np.inf
        total[j] = total[:, j] = -np.inf
        label[label == j] = i
    out: Ints = label[np.searchsorted(ordered, visits)]
    return out
