"""What the API asks of the rest of the aggregator, so that it can be tested without it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aggregator.corrections.asked import Asked
from aggregator.linking.ways import SiteMap
from aggregator.privacy.receipt import Receipt
from aggregator.store.reader import StoreReader
from aggregator.store.records import CorrectionRow

ReaderFactory = Callable[[], StoreReader]
"""Opens one more read-only connection; every reading thread has its own."""

Message = Mapping[str, Any]
"""Something that happened, as published on the bus: `type` first, then its fields, ready for JSON."""


class Bus(Protocol):
    """Where the engine tells what it has committed."""

    def subscribe(self, take: Callable[[Message], None]) -> Callable[[], None]:
        """Call `take` in the publisher's thread for every message, until the returned function is called.

        `take` must return at once and may not raise.
        """
        ...


class History(Protocol):
    """Everybody ever seen, by what they looked like."""

    def search(self, embedding: NDArray[np.float32], model: str, k: int, since: float | None = None,
               until: float | None = None, cameras: Collection[str] | None = None) -> list[tuple[int, int, float]]:
        """The `k` visits most like `embedding` (d,): (visit, identity or 0, cosine), best first; from any thread."""
        ...


class Engine(Protocol):
    """The running engine, seen from the API."""

    @property
    def history(self) -> History:
        """To search in."""
        ...

    def site_map(self) -> SiteMap:
        """What was learned of the ways between cameras, and of their clocks; any thread may ask."""
        ...

    def stats(self) -> dict[str, Any]:
        """Numbers of this moment, ready for JSON; any thread may ask."""
        ...

    def forget(self, identity: int) -> Future[Receipt]:
        """Forget somebody; any thread may ask. The future may have a `NobodyError` or `StoreError`."""
        ...

    def correct(self, asked: Asked) -> Future[CorrectionRow]:
        """Let a person correct what was decided; any thread may ask. The future may have a `CorrectionError`."""
        ...
