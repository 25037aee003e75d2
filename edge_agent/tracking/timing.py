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
        self._latest: list[float | None] = [None] * cameras
        self._interval: list[float | None] = [None] * cameras

    def tick(
        self, cameras: Ints, times: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """A frame each of `cameras` (f,), taken at `times` (f,) UTC seconds.

        Returns:
            seconds: (f,) float64, since the camera's frame before; 0 for its first and when its time jumps back.
            first: (f,) bool, it is the camera's first.
            steady: (f,) bool, the camera was not away in between.
        """
        seconds, first, steady = [], [], []
        for camera, time in zip(cameras.tolist(), times.tolist(), strict=True):
            latest, usual = self._latest[camera], self._interval[camera]
            passed = 0.0 if latest is None else max(time - latest, 0.0)
            regular = usual is None or passed <= _AWAY * usual
            self._latest[camera] = time
            if latest is not None and regular:
                self._interval[camera] = passed if usual is None else usual + _PACE * (passed - usual)
            seconds.append(passed)
            first.append(latest is None)
            steady.append(regular)
        return np.array(seconds), np.array(first), np.array(steady)
