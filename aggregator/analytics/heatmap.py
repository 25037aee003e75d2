"""Where people stand: person-seconds a cell, spread by a Gaussian at the foot point and faded by age."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from common.geometry import foot_points

MOST_PARTS = 16
"""So many points are laid between two of a path at most."""
MOST_CELLS = 8.0
"""A Gaussian of a standard deviation of twice so many cells or more is computed on larger cells and enlarged."""


@dataclass(frozen=True, slots=True, eq=False)
class Footprints:
    """Foot points of many paths of one camera, column by column.

    Attributes:
        path: (n,) int64, which path a point belongs to; the points of one path stand together.
        times: (n,) float64, UTC seconds, rising within a path.
        feet: (n, 2) float32, x and y as shares of the view, 0 to 1, y downwards.
    """

    path: NDArray[np.int64]
    times: NDArray[np.float64]
    feet: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.times)
        for name, expected in (("path", (n,)), ("feet", (n, 2))):
            actual = getattr(self, name).shape
            if actual != expected:
                raise ValueError(f"Footprints.{name}: expected shape {expected}, got {actual}")

    @classmethod
    def of_boxes(cls, path: NDArray[np.int64], times: NDArray[np.float64],
                 boxes: NDArray[np.float32]) -> Footprints:
        """From (n, 4) boxes, shares of the view; the points of a path in time order, paths may be mixed."""
        order = np.argsort(path, kind="stable")
        return cls(path[order], times[order], foot_points(boxes[order]).astype(np.float32, copy=False))

    def __len__(self) -> int:
        return len(self.times)

    def between(self, since: float, until: float) -> Footprints:
        """The points of that stretch of time, both ends included."""
        keep = (self.times >= since) & (self.times <= until)
        return Footprints(self.path[keep], self.times[keep], self.feet[keep])


def trace(prints: Footprints, step: float, *, usual_s: float = 0.5, longest_s: float = 2.0,
          ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """The time that people spent, laid out along their ways: a walk is a line, not a row of dots.

    Between two points of a path the time between them is spread over points `step` apart. After a gap longer than
    `longest_s` (somebody was hidden) nobody knows the way: `longest_s` is split between its ends. A path's first and
    last point count `usual_s` / 2 more, so that a lone point counts `usual_s`.

    Args:
        prints: where people were seen.
        step: greatest distance between two points laid out, a share of the view.

    Returns:
        (m, 2) feet, (m,) UTC seconds, (m,) seconds that each stands for.
    """
    n = len(prints)
    same = prints.path[1:] == prints.path[:-1]
    gap = np.maximum(np.diff(prints.times), 0.0)
    known = same & (gap <= longest_s)
    ends = np.ones(n + 1, bool)
    ends[1:-1] = ~same
    own = (ends[:-1].astype(np.float64) + ends[1:]) * (usual_s / 2)
    hidden = np.flatnonzero(same & ~known)
    own[hidden] += longest_s / 2
    own[hidden + 1] += longest_s / 2
    start = np.flatnonzero(known)
    way = np.hypot(*(prints.feet[start + 1] - prints.feet[start]).T)
    parts = np.clip(np.ceil(way / step), 1, MOST_PARTS).astype(np.intp)
    segment = np.repeat(np.arange(len(start)), parts)
    share = (np.arange(len(segment)) - np.repeat(np.cumsum(parts) - parts, parts) + 0.5) / parts[segment]
    a, b = start[segment], start[segment] + 1
    alone = np.flatnonzero(own)
    feet = prints.feet[a] + (prints.feet[b] - prints.feet[a]) * share[:, None].astype(np.float32)
    times = prints.times[a] + (prints.times[b] - prints.times[a]) * share
    return (np.concatenate([prints.feet[alone], feet]), np.concatenate([prints.times[alone], times]),
            np.concatenate([own[alone], gap[a] / parts[segment]]))


def fade(times: NDArray[np.float64], now: float, half_life_s: float | None) -> NDArray[np.float64]:
    """Weight of each point by its age: 1 at `now`, ½ after each half-life; all 1 without one. (n,) float64."""
    if half_life_s is None:
        return np.ones(len(times))
    weights: NDArray[np.float64] = np.exp2(-np.maximum(now - times, 0.0) / half_life_s)
    return weights


def heatmap(feet: NDArray[np.float32], weights: NDArray[np.float64], *, width: int, height: int,
            sigma: float) -> NDArray[np.float32]:
    """Weights binned into cells and spread by a Gaussian.

    Args:
        feet: (n, 2) shares of the view. Feet outside of it count at its edge, as a detector's clipped boxes do.
        weights: (n,).
        width, height: cells across and down.
        sigma: standard deviation of the Gaussian, as a share of the view's width; cells are taken to be square.

    Returns:
        (height, width) float32, in the weights' unit. What the Gaussian spreads over the edge is lost, so the sum is
        at most the sum of weights.
    """
    # A wide Gaussian has no detail that small cells could show, and its time grows with its width in cells.
    coarse = math.floor(sigma * width / MOST_CELLS)
    if coarse > 1:
        small_width, small_height = math.ceil(width / coarse), math.ceil(height / coarse)
        small = _spread(_bin(feet, weights, small_width, small_height), sigma * small_width)
        share = small_width * small_height / (width * height)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) * share, np.float32)
    return _spread(_bin(feet, weights, width, height), sigma * width)


def _bin(feet: NDArray[np.float32], weights: NDArray[np.float64], width: int, height: int) -> NDArray[np.float32]:
    x = np.clip((feet[:, 0] * width).astype(np.intp), 0, width - 1)
    y = np.clip((feet[:, 1] * height).astype(np.intp), 0, height - 1)
    bins = np.bincount(y * width + x, weights=weights, minlength=width * height)
    return bins.reshape(height, width).astype(np.float32)


def _spread(bins: NDArray[np.float32], cells: float) -> NDArray[np.float32]:
    """A Gaussian of standard deviation `cells`, cut at four of them; four times as fast as scipy's."""
    side = 2 * max(1, int(4 * cells + 0.5)) + 1
    blurred = cv2.GaussianBlur(bins, (side, side), cells, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float32)
