"""Global ids: 1, 2, 3 … for the whole site, none of them twice."""

from __future__ import annotations


class IdAllocator:
    """Gives out identities, rising.

    Args:
        after: the highest identity already taken, as the store knows it; the next one is `after + 1`.
    """

    def __init__(self, after: int = 0) -> None:
        self._last = after

    @property
    def last(self) -> int:
        """The highest identity given out so far."""
        return self._last

    def take(self) -> int:
        """The next identity."""
        self._last += 1
        return self._last

    def skip(self, identity: int) -> None:
        """Never give out `identity` or anything below it (it was found in a store)."""
        self._last = max(self._last, identity)
