"""Where heads are: the upper part of everybody's box, and a little longer than they are seen. Plain values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHARE = 0.25  # of a standing person's height: the head and then some
WIDE = 0.65  # of the box's width: who is seen to the waist only has a larger head in a box that is wider
MARGIN = 0.06
HOLD_S = 0.6


def head_parts(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part of each person's box that holds the head.

    A quarter of the height, or more of it where the box is wide for its height (sitting, or cut off at the waist), and
    a margin all around, because boxes tremble.

    Args:
        boxes: (n, 4) left, top, right, bottom.

    Returns:
        (n, 4), likewise, in the same units.
    """
    left, top, right, bottom = boxes.T
    width, height = right - left, bottom - top
    tall = np.minimum(np.maximum(SHARE * height, WIDE * width), height)
    aside, above = MARGIN * width, MARGIN * height
    return np.stack([left - aside, top - above, right + aside, top + tall], axis=1)


class Held:
    """Regions of the last moments of one camera: who is missed in one picture is hidden where they were.

    Args:
        seconds: how long.
    """

    def __init__(self, seconds: float = HOLD_S) -> None:
        self._seconds = seconds
        self._recent: list[tuple[float, NDArray[np.float32]]] = []

    def with_recent(self, regions: NDArray[np.float32], now: float) -> NDArray[np.float32]:
        """These and those of the last moments.

        Args:
            regions: (n, 4) float32.
            now: seconds that rise; a step back forgets what was.
        """
        self._recent = [(when, some) for when, some in self._recent if 0 <= now - when <= self._seconds]
        self._recent.append((now, regions))
        return np.concatenate([some for _, some in self._recent])
