"""`Graph`: HNSW over prototypes in fewer dimensions. It proposes; who asks checks exactly."""

from __future__ import annotations

import threading
from typing import Any

import hnswlib
import numpy as np

from aggregator.linking.vectors import Floats, Rows, products

DIMENSIONS = 96
"""Directions that the graph compares in. Candidates are checked with all, so these need only come close: less memory,
and half the time to build."""
LINKS = 32
EF_CONSTRUCTION = 150
BATCH = 8
"""Rows added while nobody may search: some milliseconds."""
SPARE = 1.5
PATIENCE_S = 0.05
"""Longest that adding stands back behind those who search."""


class Graph:
    """Points by number. Any number of threads search at once; adding waits for them, because hnswlib raises otherwise,
    and lets who wants to search go first.

    Args:
        sample: (s, d) float32 unit rows to choose the directions from.
        room: how many points will come, about.
    """

    def __init__(self, sample: Floats, room: int) -> None:
        power = sample.T.astype(np.float64) @ sample
        kept = min(sample.shape[1], DIMENSIONS)
        # Not centred: scalar products are to stay what they are.
        self._basis = np.ascontiguousarray(np.linalg.eigh(power)[1][:, ::-1][:, :kept], np.float32)
        self._rows = np.ascontiguousarray(self._basis.T)
        self._index: Any = hnswlib.Index(space="ip", dim=kept)
        self._index.init_index(max_elements=max(1024, int(room * SPARE)), ef_construction=EF_CONSTRUCTION, M=LINKS,
                               random_seed=1)
        self._turn = threading.Condition()
        self._waiting = self._searching = 0
        self._adding = False

    def __len__(self) -> int:
        count: int = self._index.element_count
        return count

    @property
    def nbytes(self) -> int:
        """Of memory, about: points, links of the lowest layer and those above, labels, locks."""
        point: int = 4 * self._basis.shape[1] + 4 * (2 * LINKS + 1) + 8
        room: int = self._index.max_elements
        count = len(self)
        return room * (point + 48 + 8) + count * 60

    def add(self, vectors: Floats, numbers: Rows, threads: int = 1, *, searched: bool = True) -> None:
        """Add (n, d) points.

        Args:
            threads: that work at it.
            searched: whether others may be searching already.
        """
        if not len(numbers):
            return
        short = vectors @ self._basis
        step = BATCH if searched else len(short)
        for a in range(0, len(short), max(1, step)):
            with self._turn:
                self._turn.wait_for(lambda: not self._waiting, PATIENCE_S)
                self._adding = True  # nobody begins to search from now on
                self._turn.wait_for(lambda: not self._searching)
            try:
                if len(self) + step > int(self._index.max_elements):
                    self._index.resize_index(int(SPARE * (len(self) + step)))
                self._index.add_items(short[a : a + step], numbers[a : a + step], num_threads=threads)
            finally:
                with self._turn:
                    self._adding = False
                    self._turn.notify_all()

    def nearest(self, query: Floats, count: int) -> Rows:
        """Numbers of about `count` points near `query` (d,), in no order."""
        short = products(self._rows, np.asarray(query, np.float32), np.empty(len(self._rows), np.float32))
        with self._turn:
            self._waiting += 1
            self._turn.wait_for(lambda: not self._adding)
            self._waiting -= 1
            self._searching += 1
        try:
            wanted = min(count, len(self))
            return self._ask(short, wanted) if wanted else np.zeros(0, np.int64)
        finally:
            with self._turn:
                self._searching -= 1
                self._turn.notify_all()

    def _ask(self, short: Floats, wanted: int) -> Rows:
        try:
            # It looks at as many neighbours as it is asked for: there is no setting that searches would have to share.
            found: Rows = self._index.knn_query(short[None], k=wanted, num_threads=1)[0][0].astype(np.int64)
        except RuntimeError:  # fewer could be reached
            return self._ask(short, wanted * 3 // 4) if wanted > 1 else np.zeros(0, np.int64)
        return found
