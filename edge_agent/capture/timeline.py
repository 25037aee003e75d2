"""Times inside a file: the container's own where they make sense, counted from the frame rate where they do not."""

from __future__ import annotations

import math

LEAST_FPS = 0.1
MOST_FPS = 240.0
LONGEST_GAP_S = 60.0


def sane_fps(fps: float) -> float | None:
    """The frame rate that a header states, or None: broken files say 0, infinity, 1000 or 90000."""
    return fps if math.isfinite(fps) and LEAST_FPS <= fps <= MOST_FPS else None


class Timeline:
    """Seconds since a file's first frame.

    Steps between the container's stamps are taken as they are, so that a variable frame rate keeps its times; a step
    backwards, of nothing, or of more than a minute is a broken stamp and counts as one frame.

    Args:
        fps: frames a second, for stamps that are broken.
        stamped: whether the container's stamps may be used at all.
    """

    def __init__(self, fps: float, stamped: bool = True) -> None:
        self.period = 1.0 / fps
        self.seconds = 0.0
        self._stamped = stamped
        self._stamp: float | None = None
        self._count = 0

    def advance(self, stamp: float) -> float:
        """The next frame's time.

        Args:
            stamp: its presentation time in the container, seconds; anything when there is none.
        """
        self._count += 1
        if self._stamp is None:
            self.seconds = (self._count - 1) * self.period
            self._stamp = stamp if self._stamped and math.isfinite(stamp) else None
        else:
            step = stamp - self._stamp
            self.seconds += step if 0 < step <= LONGEST_GAP_S else self.period
            # One that is no number is taken to be a frame after the one before.
            self._stamp = stamp if math.isfinite(stamp) else self._stamp + self.period
        return self.seconds
