"""When to try again, and which frames to leave out: plain values, no clock of their own."""

from __future__ import annotations

import random

_ROUNDING = 1e-9


class Backoff:
    """Delays that double, with jitter, so that a hundred cameras do not come back in the same instant.

    Args:
        first: seconds before the first retry.
        longest: seconds that no delay exceeds.
        source: of randomness.
    """

    def __init__(self, first: float, longest: float, source: random.Random) -> None:
        self._first, self._longest, self._random = first, longest, source
        self._next = first

    def delay(self) -> float:
        """Seconds to wait now: between half and all of what it has grown to."""
        whole = self._next
        self._next = min(self._next * 2, self._longest)
        return whole * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked."""
        self._next = self._first


class Thinning:
    """Keeps at most so many frames a second, evenly.

    Args:
        max_fps: None keeps all.
    """

    def __init__(self, max_fps: float | None) -> None:
        self._interval = 1 / max_fps if max_fps else 0.0
        self._due: float | None = None
        self._last = 0.0

    def keep(self, time: float) -> bool:
        """Whether the frame of this time, in seconds, is kept. Times rise."""
        if not self._interval:
            return True
        # The frame nearest to when one is due: the next one would be as late as this one is early, or later.
        early = min(time - self._last, self._interval) / 2
        self._last = time
        if self._due is not None and time < self._due - early - _ROUNDING:
            return False
        self._due = (self._due if self._due is not None and time - self._due < self._interval else time)
        self._due += self._interval
        return True
