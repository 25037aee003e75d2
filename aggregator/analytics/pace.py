"""How fast people walk, measured in their own heights: far and near count alike, without a calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.geometry import foot_points

LONGEST_S = 2.0
"""Between two points further apart in time nobody knows the way."""


def pace(path: NDArray[np.int64], times: NDArray[np.float64], boxes: NDArray[np.float32], aspect: float,
         ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The ways between successive points of each path.

    Args:
        path: (n,) which path a point is of; points of one path stand together, in the order of time.
        times: (n,) UTC seconds.
        boxes: (n, 4) xyxy, shares of the view.
        aspect: of the view, width to height.

    Returns:
        (m,) the path, (m,) UTC seconds of each way's end, (m,) its length in heights of the walker's box, (m,) seconds
        it took.
    """
    if len(path) < 2:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0)
    feet = foot_points(boxes.astype(np.float64)) * [aspect, 1.0]
    tall = (boxes[:, 3] - boxes[:, 1]).astype(np.float64)
    gap, size = np.diff(times), (tall[1:] + tall[:-1]) / 2
    kept = (path[1:] == path[:-1]) & (gap > 0) & (gap <= LONGEST_S) & (size > 1e-3)
    way = np.hypot(*np.diff(feet, axis=0).T)
    return path[1:][kept], times[1:][kept], way[kept] / size[kept], gap[kept]
