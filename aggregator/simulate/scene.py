"""`Scene`: people who walk in one picture as a script says, and what must be counted of them, exactly.

A script is a polyline through time, so entries, exits and crossings follow from geometry and not from samples: they are
the same at every frame rate, and what counts them has to be too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One person's way: straight and even from corner to corner.

    Attributes:
        times: (k,) float64, seconds, rising, k ≥ 2; seen from the first to the last.
        points: (k, 2) float64, foot point as shares of the picture's width and height, y downwards.
    """

    times: Floats
    points: Floats

    def __post_init__(self) -> None:
        if self.points.shape != (len(self.times), 2) or len(self.times) < 2:
            raise ValueError(f"Walk.points: expected shape ({max(2, len(self.times))}, 2), got {self.points.shape}")
        if (np.diff(self.times) <= 0).any():
            raise ValueError("Walk.times: must rise")

    def at(self, times: Floats) -> Floats:
        """Foot points at (n,) seconds, (n, 2)."""
        return np.stack([np.interp(times, self.times, self.points[:, axis]) for axis in (0, 1)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Foot points as a camera of some frame rate sees them, by time and then by track.

    Attributes:
        time: (n,) float64 seconds, whole frames from 0.
        frame: (n,) int64, from 0.
        track: (n,) int64, index of the walk.
        x, y: (n,) float64, shares of the picture's width and height.
    """

    time: Floats
    frame: NDArray[np.int64]
    track: NDArray[np.int64]
    x: Floats
    y: Floats

    def boxes(self, width: float = 0.04, height: float = 0.16) -> NDArray[np.float32]:
        """(n, 4) xyxy that stand on the foot points."""
        return np.stack([self.x - width / 2, self.y - height, self.x + width / 2, self.y], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """What happened at a border, in order of time.

    Attributes:
        time: (n,) float64, the exact second.
        track: (n,) int64.
        inward: (n,) bool. Of a zone: into it. Of a line from `a` to `b`: from its left to its right, as somebody sees
            it who stands at `a` and looks to `b` in the picture (y downwards), that is to where the cross product
            (b - a) × (p - a) is above 0.
    """

    time: Floats
    track: NDArray[np.int64]
    inward: NDArray[np.bool_]

    @property
    def entries(self) -> int:
        """How many went in, or from left to right."""
        return int(self.inward.sum())

    @property
    def exits(self) -> int:
        """How many went out, or from right to left."""
        return int((~self.inward).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """Who was in a zone from when to when, in order of beginning.

    Attributes:
        track: (n,) int64.
        since, until: (n,) float64 seconds.
        came, left: (n,) bool, whether the stay began and ended at the zone's border; otherwise the person was first,
            or last, seen inside.
    """

    track: NDArray[np.int64]
    since: Floats
    until: Floats
    came: NDArray[np.bool_]
    left: NDArray[np.bool_]

    @property
    def peak(self) -> int:
        """Most people at one moment."""
        moments = np.concatenate([self.since, self.until])
        step = np.concatenate([np.ones(len(self.since)), -np.ones(len(self.until))])
        # Who leaves as another comes does not meet them.
        running = np.cumsum(step[np.lexsort((step, moments))])
        return int(running.max(initial=0))

    def inside(self, time: float) -> int:
        """People at one moment."""
        return int(((self.since <= time) & (time < self.until)).sum())


@dataclass(frozen=True, slots=True)
class Scene:
    """Walks, and the zone and line they were written for.

    Attributes:
        walks: see there; a walk's index is its track.
        zone: (k, 2) corners of a polygon, shares of the picture; empty for none.
        line: (2, 2) from `a` to `b`; empty for none.
        margin: nobody turns round within this distance of zone or line, unless they do not pass it at all: so much
            hysteresis, or jitter, changes no count. Who waits before a border stands `margin` / 2 away.
    """

    walks: tuple[Walk, ...]
    zone: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    line: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    margin: float = 0.0

    @property
    def duration(self) -> float:
        """Seconds until the last walk has ended."""
        return max((float(walk.times[-1]) for walk in self.walks), default=0.0)

    def paths(self, fps: float, *, jitter: float = 0.0, seed: int = 0) -> Paths:
        """Every walk, frame by frame.

        Args:
            fps: frames a second.
            jitter: foot points are off by at most this in x and y, evenly spread, anew in every frame.
            seed: of the jitter.
        """
        parts = []
        for track, walk in enumerate(self.walks):
            first, last = np.ceil(walk.times[0] * fps - 1e-9), np.floor(walk.times[-1] * fps + 1e-9)
            frames = np.arange(first, last + 1).astype(np.int64)
            parts.append((frames, np.full(len(frames), track), walk.at(frames / fps)))
        frame = np.concatenate([part[0] for part in parts] or [np.zeros(0, np.int64)])
        tracks = np.concatenate([part[1] for part in parts] or [np.zeros(0, np.int64)])
        point = np.concatenate([part[2] for part in parts] or [np.zeros((0, 2))])
        order = np.lexsort((tracks, frame))
        point = point[order] + np.random.default_rng(seed).uniform(-jitter, jitter, point.shape)
        return Paths(frame[order] / fps, frame[order], tracks[order], point[:, 0], point[:, 1])

    def stays(self, zone: ArrayLike | None = None) -> Stays:
        """Who was in `zone` (the scene's own if None) from when to when."""
        corners = self.zone if zone is None else np.asarray(zone, np.float64)
        rows = []
        for track, walk in enumerate(self.walks):
            moments = np.concatenate([walk.times[:1], _meetings(walk, _edges(corners)), walk.times[-1:]])
            within = _inside(walk.at((moments[:-1] + moments[1:]) / 2), corners)
            turn = np.flatnonzero(np.diff(within.astype(np.int8), prepend=0, append=0))
            for a, b in zip(turn[::2].tolist(), turn[1::2].tolist(), strict=True):
                rows.append((track, moments[a], moments[b], a > 0, b < len(within)))
        rows.sort(key=lambda row: (row[1], row[0]))
        column = list(zip(*rows, strict=True)) or [()] * 5
        return Stays(np.asarray(column[0], np.int64), np.asarray(column[1], np.float64),
                     np.asarray(column[2], np.float64), np.asarray(column[3], bool), np.asarray(column[4], bool))

    def passages(self, zone: ArrayLike | None = None) -> Passages:
        """Entries into `zone` (the scene's own if None) and exits; being seen first or last inside is neither."""
        stays = self.stays(zone)
        return _in_order(
            np.concatenate([stays.since[stays.came], stays.until[stays.left]]),
            np.concatenate([stays.track[stays.came], stays.track[stays.left]]),
            np.concatenate([np.ones(int(stays.came.sum()), bool), np.zeros(int(stays.left.sum()), bool)]))

    def crossings(self, line: ArrayLike | None = None) -> Passages:
        """Every crossing of the piece `line` (the scene's own if None) from its first point to its second."""
        ends = self.line if line is None else np.asarray(line, np.float64)
        times, tracks, inward = [], [], []
        for track, walk in enumerate(self.walks):
            found = _meetings(walk, ends.reshape(-1, 2, 2))
            if not len(found):
                continue
            # Between two meetings one stays on one side or goes round the end: look beside each, not between them.
            aside = np.minimum(1e-6, np.diff(np.concatenate([walk.times[:1], found, walk.times[-1:]])).min() / 3)
            before, after = (_side(walk.at(found + step), ends) for step in (-aside, aside))
            through = before * after < 0
            times.append(found[through])
            tracks.append(np.full(int(through.sum()), track))
            inward.append(after[through] > 0)
        return _in_order(np.concatenate([*times, np.zeros(0)]), np.concatenate([*tracks, np.zeros(0, np.int64)]),
                         np.concatenate([*inward, np.zeros(0, bool)]))


def distance(points: Floats, edges: Floats) -> Floats:
    """How far each of (n, 2) points is from the nearest of (m, 2, 2) pieces of line: (n,)."""
    a, along = edges[:, 0], edges[:, 1] - edges[:, 0]
    share = ((points[:, None] - a) * along).sum(2) / np.maximum((along**2).sum(1), 1e-18)
    nearest = a + np.clip(share, 0, 1)[..., None] * along
    out: Floats = np.linalg.norm(points[:, None] - nearest, axis=2).min(axis=1)
    return out


def _in_order(time: Floats, track: NDArray[np.int64], inward: NDArray[np.bool_]) -> Passages:
    order = np.lexsort((track, time))
    return Passages(time[order], track[order].astype(np.int64), inward[order].astype(bool))


def _edges(corners: Floats) -> Floats:
    """A polygon's (k, 2, 2) sides."""
    return np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)


def _meetings(walk: Walk, edges: Floats) -> Floats:
    """The seconds at which a walk meets any of (m, 2, 2) pieces of line, rising, each once."""
    if not len(edges):
        return np.zeros(0)
    p, way = walk.points[:-1, None], (walk.points[1:] - walk.points[:-1])[:, None]
    q, along = edges[None, :, 0], (edges[:, 1] - edges[:, 0])[None]
    cross = way[..., 0] * along[..., 1] - way[..., 1] * along[..., 0]
    gap = q - p
    parallel = np.abs(cross) < 1e-15
    safe = np.where(parallel, 1.0, cross)
    on_way = (gap[..., 0] * along[..., 1] - gap[..., 1] * along[..., 0]) / safe
    on_edge = (gap[..., 0] * way[..., 1] - gap[..., 1] * way[..., 0]) / safe
    leg, _ = hit = np.nonzero(~parallel & (on_way >= 0) & (on_way <= 1) & (on_edge >= 0) & (on_edge <= 1))
    times = np.sort(walk.times[leg] + on_way[hit] * np.diff(walk.times)[leg])
    inner: Floats = times[(times > walk.times[0]) & (times < walk.times[-1])]
    return inner[np.append(True, np.diff(inner) > 1e-9)] if len(inner) else inner


def _inside(points: Floats, corners: Floats) -> NDArray[np.bool_]:
    """Even-odd rule, (n,)."""
    if not len(corners):
        return np.zeros(len(points), bool)
    (ax, ay), (bx, by) = corners.T, np.roll(corners, -1, axis=0).T
    x, y = points[:, :1], points[:, 1:]
    straddles = (ay > y) != (by > y)
    at = ax + (y - ay) * (bx - ax) / np.where(by == ay, 1.0, by - ay)
    odd: NDArray[np.bool_] = (straddles & (x < at)).sum(axis=1) % 2 == 1
    return odd


def _side(points: Floats, line: Floats) -> Floats:
    """Above 0 to the right of the line from a to b in the picture, y downwards."""
    along, to = line[1] - line[0], points - line[0]
    out: Floats = along[0] * to[:, 1] - along[1] * to[:, 0]
    return out
