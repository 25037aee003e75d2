"""Clocks that are off, found from how people come and go: to and fro between two cameras takes equally long.

The seconds between the visits of one person in cameras a and b, b's less a's, lie evenly about zero where as many walk
one way as the other, and in two heaps at equal distance where not. A clock that is off moves both by as much. So the
centre of symmetry of each pair's seconds is the difference of two offsets, and the offsets are what makes all pairs of
cameras symmetrical at once. Of offsets common to all cameras, nothing can be known.

Where all walk one way, in at one door and out at another, each pair of cameras looks as if a clock were off by the
time to walk, and no stream can tell that from clocks. But then hardly two cameras agree, and most clocks are right:
so offsets are believed only where `AGREE` of the cameras agree, two at least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Doubles = NDArray[np.float64]

REACH = 600
"""Seconds apart at most of two visits that are looked at."""
MOST = 300
"""Seconds that a clock is off at most, as far as this can tell."""
BLUR = 4.0
"""Seconds, standard deviation: ways are not all walked alike."""
GAIN = 1.3
"""So many times better must the pairs of a camera fit before its clock counts as off."""
LEAST = 60.0
"""Pairs of visits of one person, above what chance makes, that a camera must have."""
WALKED = 36.0
"""Seconds by which one pair of visits may mislead, standard deviation."""
IDLE = 4.0
"""Seconds by which a clock may be off without being moved: that is within what ways differ."""
SURE = 2.5
"""Spreads by which it must be off."""
AGREE = 0.5
"""Share of the cameras with enough pairs whose clocks must agree."""
SLIGHT = 0.02
"""Pairs less likely than this to be of one person are left out: they are many, and say nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Clocks:
    """What is believed of the cameras' clocks.

    Attributes:
        offset: (cameras,) float64, seconds to add to a camera's times; 0 where nothing says otherwise.
        spread: (cameras,) float64, how many seconds this may be wrong, about one standard deviation; inf: not known.
    """

    offset: Doubles
    spread: Doubles

    @classmethod
    def right(cls, cameras: int) -> Clocks:
        """Nothing is known, so they are right."""
        return cls(np.zeros(cameras), np.full(cameras, np.inf))

    def on_top_of(self, known: Clocks) -> Clocks:
        """Both: these were found after `known` had been put right. What is said of a camera by one alone holds."""
        count = max(len(self.offset), len(known.offset))
        offset, spread = np.zeros(count), np.full(count, np.inf)
        for clocks in (known, self):
            offset[: len(clocks.offset)] += clocks.offset
            spread[: len(clocks.offset)] = np.minimum(spread[: len(clocks.offset)], clocks.spread)
        return Clocks(offset, spread)

    def of(self, camera: NDArray[np.int32]) -> Doubles:
        """Seconds to add to the times of visits in (n,) cameras; 0 for those that were not there then."""
        if not len(self.offset):
            return np.zeros(len(camera))
        out: Doubles = np.where(camera < len(self.offset), self.offset[np.minimum(camera, len(self.offset) - 1)], 0.0)
        return out


def find_clocks(
    first: NDArray[np.int32], then: NDArray[np.int32], seconds: Doubles, weight: Doubles, cameras: int
) -> Clocks:
    """Offsets that make the way to and the way fro equally long.

    Args:
        first, then: (p,) cameras of pairs of visits, in any order of time.
        seconds: (p,) middle of the visit in `then` less that of the one in `first`, by their own clocks.
        weight: (p,) probability of being of one person, by looks alone.
        cameras: how many.
    """
    offset = np.zeros(cameras)
    some = np.flatnonzero((weight > SLIGHT) & (first != then) & (np.abs(seconds) < REACH))
    first, then, seconds, weight = first[some], then[some], seconds[some], weight[some]
    # With very many cameras hardly any has so many, and nothing is to be said.
    if (np.bincount(first, weight, cameras) + np.bincount(then, weight, cameras)).max(initial=0) < LEAST:
        return Clocks.right(cameras)
    turned = first > then
    low, high = np.where(turned, then, first), np.where(turned, first, then)
    bins = (np.where(turned, -seconds, seconds) + REACH).astype(np.int64)
    # Of many cameras most pairs share hardly anybody. Blurring adds nothing, so who has no more than one has no excess.
    ways, way = np.unique(low.astype(np.int64) * cameras + high, return_inverse=True)
    much = np.bincount(way, weights=weight, minlength=len(ways)) > 1
    row = np.cumsum(much) - 1
    kept = much[way]
    table: Doubles = np.bincount(
        row[way[kept]] * 2 * REACH + bins[kept], weights=weight[kept], minlength=int(much.sum()) * 2 * REACH,
    ).astype(np.float64).reshape(-1, 2 * REACH)
    excess = _excess(table)
    total = excess.sum(axis=1)
    several = total > 1
    excess, total, ways = excess[several], total[several], ways[much][several]
    a, b = ways // cameras, ways % cameras
    mass: Doubles = (np.bincount(a, total, cameras) + np.bincount(b, total, cameras)).astype(np.float64)
    enough = mass >= LEAST
    # Only pairs of cameras that may be moved are tried.
    told = enough[a] | enough[b]
    fits = dict(zip(zip(a[told].tolist(), b[told].tolist(), strict=True),
                    _with_itself(excess[told]) / total[told, None], strict=True))
    # Whose pairs gain most is moved first: one clock that is off makes all its neighbours look bad a little.
    for _ in range(4 * cameras):
        moves = {camera: _best(camera, offset, fits) for camera in np.flatnonzero(enough).tolist()}
        camera = max(moves, key=lambda one: moves[one][1], default=-1)
        if camera < 0 or moves[camera][1] < GAIN or abs(moves[camera][0] - offset[camera]) < 1:
            break
        offset[camera] = moves[camera][0]
    common = _common(offset, mass)
    if common is None:
        return Clocks.right(cameras)
    offset -= common
    spread = np.where(mass >= LEAST, WALKED / np.sqrt(np.maximum(mass, 1)), np.inf)
    offset[np.abs(offset) < np.maximum(IDLE, SURE * spread)] = 0.0
    moved = np.flatnonzero(offset)
    for _ in range(3):
        for camera in moved.tolist():
            offset[camera] = _best(camera, offset, fits)[0]
    return Clocks(offset, spread)


def _excess(counts: Doubles) -> Doubles:
    """(w, seconds) → the same: pairs by second above what strangers make, who lie evenly, blurred."""
    smooth: Doubles = gaussian_filter1d(counts, BLUR, axis=1, mode="constant")
    level = (counts[:, : REACH // 4].mean(axis=1) + counts[:, -REACH // 4 :].mean(axis=1))[:, None] / 2
    noise = np.sqrt(np.maximum(level, 1e-9) / (2 * np.sqrt(np.pi) * BLUR))
    out: Doubles = np.maximum(smooth - level - noise, 0)
    return out


def _with_itself(values: Doubles) -> Doubles:
    """`np.convolve` of each row of (w, n) with itself, by way of the spectrum, which takes a third of the time."""
    size = 2 * values.shape[1]
    out: Doubles = np.fft.irfft(np.fft.rfft(values, size) ** 2, size)[:, :-1]
    return out


def _best(camera: int, offset: Doubles, fits: dict[tuple[int, int], Doubles]) -> tuple[float, float]:
    """The offset of one camera that fits the others' best, and how many times better than the present one."""
    tried = np.arange(-MOST, MOST + 1, 0.5)
    score = np.zeros(len(tried))
    now = 0.0
    for (a, b), fit in fits.items():
        if camera not in (a, b):
            continue
        # Seconds b - a lie about offset a - offset b, and twice that in their convolution.
        about = tried - offset[b] if camera == a else offset[a] - tried
        score += np.interp(2 * about + 2 * REACH - 1, np.arange(len(fit)), fit, left=0, right=0)
        now += float(np.interp(2 * (offset[a] - offset[b]) + 2 * REACH - 1, np.arange(len(fit)), fit, left=0, right=0))
    best = int(score.argmax())
    return float(tried[best]), float(score[best]) / max(now, 1e-9)


def _common(offset: Doubles, mass: Doubles) -> float | None:
    """What is taken off all offsets: the one that most of what was seen agrees on, of cameras that know any; None where
    too few of them agree."""
    known = np.flatnonzero(mass >= LEAST)
    if not len(known):
        return 0.0
    agree = [float(mass[known][np.abs(offset[known] - value) < 2 * IDLE].sum()) for value in offset[known]]
    best = float(offset[known][int(np.argmax(agree))])
    near = known[np.abs(offset[known] - best) < 2 * IDLE]
    if len(near) < max(2, AGREE * len(known)):
        return None
    return 0.0 if 0.0 in offset[near] else float(np.median(offset[near]))
