"""`Mailbox`: between the inbox's thread and the engine's. Bounded; many messages cost one handing over."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Mailbox(queue.Queue[T]):
    """A queue that one thread fills and one empties, many items at a time.

    The taker is not woken before what it waits for is there: on two cores, each waking is time that neither has.

    Args:
        maxsize: items that wait at most; 0 for no limit.
        most_bytes: there is no room either once what waits is so large.
    """

    def __init__(self, maxsize: int = 0, most_bytes: int = 1 << 62) -> None:
        super().__init__(maxsize)
        self.most_bytes = most_bytes
        self.bytes = 0
        self._runs: deque[tuple[int, int]] = deque()  # how many items were put in together, and their bytes
        self._wanted = 1
        self._most = 0

    @property
    def room(self) -> int:
        """How many more may be put in."""
        if self.bytes >= self.most_bytes:
            return 0
        return self.maxsize - len(self.queue) if self.maxsize > 0 else 1 << 30

    def put_all(self, items: Sequence[T], size: int = 0) -> None:
        """Put in at most `room` items, of `size` bytes together, without waiting."""
        with self.mutex:
            self.queue.extend(items)
            self._came(len(items), size)
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
            self._went(len(items))
            self.not_full.notify_all()
            return items

    def _put(self, item: T) -> None:
        super()._put(item)
        self._came(1, 0)

    def _get(self) -> T:
        self._went(1)
        return super()._get()

    def _came(self, count: int, size: int) -> None:
        self._runs.append((count, size))
        self.bytes += size

    def _went(self, count: int) -> None:
        """To the byte once all of a run is out; until then each of its items is taken for as large as the others."""
        while count > 0:
            run, size = self._runs.popleft()
            share = size if run <= count else size * count // run
            self.bytes -= share
            if run > count:
                self._runs.appendleft((run - count, size - share))
            count -= run

    def _wait(self, wanted: int, seconds: float) -> bool:
        self._wanted = wanted
        enough: Callable[[], bool] = lambda: len(self.queue) >= wanted  # noqa: E731
        return self.not_empty.wait_for(enough, seconds)
