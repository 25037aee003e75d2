"""`Requests`: what was answered, counted."""

from __future__ import annotations

from collections import Counter


class Requests:
    """What was answered: counts by operation and status, seconds by operation."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = {}

    def add(self, operation: str, status: int, seconds: float) -> None:
        """One more."""
        self.answered[operation, str(status)] += 1
        self.seconds[operation] = self.seconds.get(operation, 0.0) + seconds
