"""Points against polygons and lines, many at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def inside(points: Points, polygon: Points) -> NDArray[np.bool_]:
    """Even-odd rule: a ray to the right crosses the outline an odd number of times. (n, 2), (m, 2) → (n,)."""
    x, y = points[:, :1], points[:, 1:]
    x1, y1 = polygon.T
    x2, y2 = np.roll(polygon, -1, axis=0).T
    spans = (y1 > y) != (y2 > y)
    rise = np.where(y1 == y2, 1.0, y2 - y1)
    crossed = spans & (x < x1 + (y - y1) * (x2 - x1) / rise)
    result: NDArray[np.bool_] = crossed.sum(axis=1) % 2 == 1
    return result


def distance(points: Points, starts: Points, ends: Points) -> NDArray[np.float64]:
    """How far each point is from the nearest of some segments.

    Args:
        points: (n, 2).
        starts, ends: (m, 2) each, in the points' unit.

    Returns:
        (n,); infinite when there is no segment.
    """
    if not len(starts):
        return np.full(len(points), np.inf)
    along = ends - starts
    length = (along * along).sum(axis=1)
    from_start = points[:, None] - starts
    share = (from_start * along).sum(axis=2) / np.where(length > 0, length, 1.0)
    off = from_start - np.clip(share, 0, 1)[..., None] * along
    nearest: NDArray[np.float64] = np.sqrt((off * off).sum(axis=2).min(axis=1))
    return nearest


def crossings(a: Points, b: Points, points: Points) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How often each way a → b crosses a line of several pieces, and when last.

    A way from the line's left to its right (of somebody who walks it from its first point, y downwards) counts 1, the
    other way -1. A way that begins on the line does not cross there, one that ends on it does: ways that follow one
    another cross once.

    Args:
        a, b: (n, 2) ends of the ways.
        points: (m, 2) of the line.

    Returns:
        (n,) int64, the crossings added up; (n,) float64, the share of the way at which it last crosses; NaN for none.
    """
    p, q = points[:-1], points[1:]
    along, way = q - p, (b - a)[:, None]
    # y points downwards, so a positive cross product is to the right of the line.
    before = _cross(along, a[:, None] - p)
    after = _cross(along, b[:, None] - p)
    sign = (after >= 0).astype(np.int64) - (before >= 0)
    gap = before - after
    share = np.divide(before, gap, out=np.zeros_like(gap), where=gap != 0)
    hit = a[:, None] + share[..., None] * way
    # Half-open pieces: a way through the point where two meet crosses one of them.
    place = ((hit - p) * along).sum(axis=2)
    length = (along * along).sum(axis=1)
    last = np.arange(len(p)) == len(p) - 1
    met = (sign != 0) & (place >= 0) & ((place < length) | (last & (place <= length)))
    total: NDArray[np.int64] = np.where(met, sign, 0).sum(axis=1)
    when = np.where(met, share, -np.inf).max(axis=1, initial=-np.inf)
    return total, np.where(np.isinf(when), np.nan, when)


def _cross(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[Any] = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    return result


def open_edges(polygon: Points) -> tuple[Points, Points]:
    """The edges of a polygon that one can walk across: those on the view's border lead nowhere. (k, 2), (k, 2)."""
    ends = np.roll(polygon, -1, axis=0)
    on_border = ((polygon == ends) & ((polygon <= 0) | (polygon >= 1))).any(axis=1)
    return polygon[~on_border], ends[~on_border]


def widest(polygon: Points, starts: Points, ends: Points, steps: int = 48) -> float:
    """About how far from the given edges one can stand inside a polygon; infinite without edges."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    shares = (np.arange(steps) + 0.5) / steps
    grid = np.stack(np.meshgrid(shares, shares), axis=-1).reshape(-1, 2) * (high - low) + low
    within = grid[inside(grid, polygon)]
    return float(distance(within, starts, ends).max(initial=0.0)) if len(within) else 0.0
