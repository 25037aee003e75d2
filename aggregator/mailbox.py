"""`Mailbox`: between the inbox's thread and the engine's. Bounded; many messages cost one handing over."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Mailbox(queue.Queue[T]):
    """A queue that one thread fills and one empties, many items at a time.

    The taker is not woken before what it waits for is there: on two cores, each waking is time that neither has.

    Args:
        maxsize: items that wait at most; 0 for no limit.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._wanted = 1
        self._most = 0

    @property
    def room(self) -> int:
        """How many more may be put in."""
        return self.maxsize - len(self.queue) if self.maxsize > 0 else 1 << 30

    def put_all(self, items: Sequence[T]) -> None:
        """Put in at most `room` items, without waiting."""
        with self.mutex:
            self.queue.extend(items)
            self._most = max(self._most, len(self.queue))
            if len(self.queue) >= self._wanted:
                self.not_empty.notify()

    def peak(self) -> int:
        """How many waited at most since this was last asked: how many wait now says little, they go in thousands."""
        with self.mutex:
            most, self._most = self._most, len(self.queue)
            return most

    def take(self, most: int, patience_s: float, gather_s: float) -> list[T]:
        """Take up to `most` items: wait for the first, and after it for more.

        Args:
            most: at least 1.
            patience_s: seconds to wait for the first.
            gather_s: seconds to wait after it until there are `most`.
        """
        with self.not_empty:
            try:
                if not self._wait(1, patience_s):
                    return []
                self._wait(most, gather_s)
            finally:
                self._wanted = 1
            items = [self.queue.popleft() for _ in range(min(most, len(self.queue)))]
            self.not_full.notify_all()
            return items

    def _wait(self, wanted: int, seconds: float) -> bool:
        self._wanted = wanted
        enough: Callable[[], bool] = lambda: len(self.queue) >= wanted  # noqa: E731
        return self.not_empty.wait_for(enough, seconds)
