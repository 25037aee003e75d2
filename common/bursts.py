"""`Bursts`: the same complaint a thousand times a second is one line with a number."""

from __future__ import annotations

from collections.abc import Hashable

MOST_KEYS = 1000


class Bursts:
    """Says when a repeated complaint may be logged: at once, and then at most every `every_s` seconds.

    Not thread-safe: one for each thread that logs.
    """

    def __init__(self, every_s: float = 10.0) -> None:
        self.every_s = every_s
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def due(self, key: Hashable, now: float) -> int:
        """How many complaints the line stands for (this one and those kept back before it); 0 means keep this one back.

        Args:
            key: which complaint.
            now: seconds of any clock that does not jump.
        """
        last, kept = self._seen.get(key, (float("-inf"), 0))
        if now - last < self.every_s:
            self._seen[key] = (last, kept + 1)
            return 0
        if len(self._seen) >= MOST_KEYS:  # keys come from outside: forget rather than grow
            self._seen.clear()
        self._seen[key] = (now, 0)
        return kept + 1
