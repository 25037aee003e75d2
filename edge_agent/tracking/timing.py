"""When each camera was last heard of; frame rates may differ between cameras and change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking.association import Ints

# A camera that was silent for more than this many of its usual intervals was away.
_AWAY = 3.0
# Weight of the latest interval in the usual one.
_PACE = 0.1


class Timing:
    """The cameras' clocks.

    Args:
        cameras: how many there are.
    """

    def __init__(self, cameras: int) -> None:
        self._latest = np.full(cameras, np.nan)
        self._interval = np.full(cameras, np.nan)

    def tick(
        self, cameras: Ints, times: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """A frame each of `cameras` (f,), taken at `times` (f,) UTC seconds.

        Returns:
            seconds: (f,) float64, since the camera's frame before; 0 for its first and when its time jumps back.
            first: (f,) bool, it is the camera's first.
            steady: (f,) bool, the camera was not away in between.
        """
        latest, usual = self._latest[cameras], self._interval[cameras]
        first = np.isnan(latest)
        seconds = np.where(first, 0.0, np.maximum(times - latest, 0.0))
        usual = np.where(np.isnan(usual) & ~first, seconds, usual)
        steady = ~(seconds > _AWAY * usual)
        self._latest[cameras] = times
        self._interval[cameras] = np.where(steady, usual + _PACE * (seconds - usual), usual)
        return seconds, first, steady
