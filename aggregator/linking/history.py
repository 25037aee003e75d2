"""`HistoryIndex`: who, of everybody ever seen, looks like this? All visits of each model, searched from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.gallery import Found, Gallery
from aggregator.linking.recall import GOOD, Recall, Trials

__all__ = ["GOOD", "Found", "HistoryIndex", "Recall"]

ENOUGH = 2000
"""Questions that say how many neighbours to look at."""


class HistoryIndex:
    """All visits with an embedding, by model. API threads search while the engine adds.

    What was added is found at once. `maintain` moves it into a graph, so that searching stays fast: call it from a
    thread of its own. Nothing here needs saving: `add` everything from the store after a start.

    Args:
        ef: how many neighbours the graph looks at, until recall was measured; more finds more and takes longer. From
            then on as few as surely find what is asked, but no fewer than this.
    """

    def __init__(self, *, ef: int = 192) -> None:
        self._ef = ef
        self._parts: dict[str, Gallery] = {}
        self._trials: dict[str, Trials] = {}
        self._recall: dict[str, Recall] = {}
        self._random = np.random.default_rng(0)
        self._lock = threading.Lock()

    def add(
        self,
        model: str,
        visits: Sequence[int],
        identities: Sequence[int],
        embeddings: NDArray[np.float32],
        cameras: Sequence[str],
        starts: Sequence[float],
        ends: Sequence[float],
    ) -> None:
        """Add visits of one model, or replace those that are known by number.

        Args:
            model: fingerprint of the network.
            visits, identities: (n,) numbers; identity 0 for none yet.
            embeddings: (n, d) float32, unit rows.
            cameras, starts, ends: where and when (UTC seconds).
        """
        rows = np.ascontiguousarray(embeddings, np.float32)
        if rows.ndim != 2 or len(rows) != len(visits):
            raise ValueError(f"embeddings: expected shape ({len(visits)}, d), got {rows.shape}")
        if not len(rows):
            return
        part = self._part(model, rows.shape[1])
        part.add(visits, identities, rows, cameras, starts, ends)

    def reassign(self, model: str, identities: dict[int, int]) -> None:
        """Visits, by number, that belong to another identity now."""
        part = self._parts.get(model)
        if part is not None:
            part.reassign(identities)

    def remove(self, model: str, visits: Collection[int]) -> None:
        """Forget visits: they are never found again, and their embeddings are overwritten with zeros."""
        part = self._parts.get(model)
        if part is not None:
            part.remove(visits)

    def search(
        self,
        embedding: NDArray[np.float32],
        model: str,
        k: int,
        since: float | None = None,
        until: float | None = None,
        cameras: Collection[str] | None = None,
    ) -> list[Found]:
        """The `k` visits most like `embedding`, best first, with their identity and exact cosine.

        Args:
            embedding: (d,) float32, of the same model.
            model: fingerprint; only visits of this model are compared.
            k: how many.
            since, until: only visits that overlap this span, UTC seconds.
            cameras: only visits there.
        """
        part = self._parts.get(model)
        if part is None or k < 1:
            return []
        query = np.asarray(embedding, np.float32).ravel()
        if len(query) != part.dimensions:
            raise ValueError(f"embedding: expected shape ({part.dimensions},), got {query.shape}")
        norm = float(np.linalg.norm(query))
        if not norm > 0:
            return []
        return part.search(query / np.float32(norm), k, since, until, cameras)

    def maintain(self, *, least: int = 1, threads: int = 1, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Move what is new into the graphs, and build anew those that copied what was removed; from one thread.

        Args:
            least: rows that must wait before any are moved.
            threads: that work at a graph that is built anew.
            go_on: asked now and then; False ends it early, and the next call begins again.

        Returns:
            Whether there was anything to do.
        """
        busy = [part.maintain(least, threads, go_on) for part in list(self._parts.values()) if go_on()]
        return any(busy)

    def measure(self, sample: int = 50) -> dict[str, Recall]:
        """Search for visits of a random sample both ways, and look at as many neighbours from then on as that and what
        was measured before say is enough; by model.

        Takes as long as looking at every visit `sample` times. Models with few visits have no graph and no recall.
        """
        for model, part in list(self._parts.items()):
            if part.graph is None:
                self._recall.pop(model, None)
                self._trials.pop(model, None)
                continue
            trials = self._trials.setdefault(model, Trials(self._ef))
            queries = part.some(sample, self._random)
            if not len(queries):
                continue
            _, exact = part.exact(queries, 11)
            for query, best in zip(queries, exact.min(axis=1), strict=True):
                trials.ask(partial(_found, part, query, float(best)), part.count)
            part.ef = trials.enough()
            self._recall[model] = trials.recall(part.ef)
        return dict(self._recall)

    def settle(self, sample: int = 250, go_on: Callable[[], bool] = lambda: True) -> dict[str, Recall]:
        """Measure, and again until enough is known.

        Args:
            sample: visits that are searched for at a time.
            go_on: asked now and then; False ends it early.
        """
        found: dict[str, Recall] = {}
        for _ in range(-(-ENOUGH // sample)):
            found = self.measure(sample)
            if not go_on() or all(recall.sample >= ENOUGH for recall in found.values()):
                break
        return found

    def figures(self) -> dict[str, dict[str, float]]:
        """By model: visits, how many of them wait for the graph, bytes of memory, ef, and recall@10 once measured."""
        out: dict[str, dict[str, float]] = {}
        for model, part in list(self._parts.items()):
            out[model] = {"visits": part.count, "waiting": part.rows - part.through, "bytes": part.nbytes,
                          "ef": part.ef}
            if model in self._recall:
                recall = self._recall[model]
                out[model] |= {"recall_at_10": round(recall.at_10, 4), "recall_at_least": round(recall.at_least, 4),
                               "measured_visits": recall.visits}
        return out

    def __len__(self) -> int:
        return sum(part.count for part in self._parts.values())

    def _part(self, model: str, dimensions: int) -> Gallery:
        with self._lock:
            if model not in self._parts:
                self._parts[model] = Gallery(dimensions, self._ef)
        part = self._parts[model]
        if part.dimensions != dimensions:
            raise ValueError(f"model {model}: expected embeddings of {part.dimensions} numbers, got {dimensions}")
        return part


def _found(part: Gallery, query: NDArray[np.float32], least: float, ef: int) -> float:
    """Share of the ten others most like a visit that a search finds; `least` is the last one's cosine."""
    # The first is the visit itself. Of visits equally alike any will do.
    cosines = [cosine for _, _, cosine in part.search(query, 11, None, None, None, ef)]
    return sum(cosine >= least - 1e-6 for cosine in cosines[1:]) / 10
