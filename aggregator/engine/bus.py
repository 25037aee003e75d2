"""`Bus`: what the engine has committed, told to whoever in this process wants to know."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

log = logging.getLogger("engine")

News = Mapping[str, Any]
"""Ready for JSON: `type` first (`event`, `link`, `agent`), then its fields; times in RFC 3339, ids such as `G17`."""


class Bus:
    """Passes news on, in the publisher's thread and in order. Safe to use from several threads.

    Whoever subscribes keeps a bounded queue of its own and drops from it: a slow reader must not hold the engine up.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._takers: tuple[Callable[[News], None], ...] = ()

    def subscribe(self, take: Callable[[News], None]) -> Callable[[], None]:
        """Call `take` for all news until the returned function is called. `take` must return at once."""
        with self._lock:
            # A wrapper of its own, so that one function that subscribes twice also leaves one at a time.
            entry: Callable[[News], None] = lambda news: take(news)  # noqa: E731
            self._takers = (*self._takers, entry)

        def leave() -> None:
            with self._lock:
                self._takers = tuple(taker for taker in self._takers if taker is not entry)

        return leave

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return len(self._takers)

    def publish(self, news: Sequence[News]) -> None:
        """Tell everybody. One that raises is logged and stays; the others hear it all the same."""
        for take in self._takers:
            for item in news:
                try:
                    take(item)
                except Exception:  # noqa: PERF203  each item is its own
                    log.exception("somebody who listens to the bus failed")
