"""`HistoryIndex`: who, of everybody ever seen, looks like this? HNSW over all visits of each model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import hnswlib
import numpy as np
from numpy.typing import NDArray

Found = tuple[int, int, float]
"""(visit, identity, cosine)."""

EF_CONSTRUCTION = 200
LINKS = 16


class HistoryIndex:
    """All visits with an embedding, by model. API threads search while the engine adds: a lock guards each model.

    Nothing here needs saving: `add` everything from the store after a start.

    Args:
        ef: how many neighbours HNSW looks at; more finds more and takes longer.
        overfetch: candidates taken from HNSW for each answer wanted, checked exactly.
    """

    def __init__(self, *, ef: int = 128, overfetch: int = 4) -> None:
        self._ef = ef
        self._overfetch = overfetch
        self._parts: dict[str, _Part] = {}
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
        return part.search(query / norm, k, self._overfetch, since, until, cameras)

    def __len__(self) -> int:
        return sum(part.count for part in self._parts.values())

    def _part(self, model: str, dimensions: int) -> _Part:
        with self._lock:
            if model not in self._parts:
                self._parts[model] = _Part(dimensions, self._ef)
        part = self._parts[model]
        if part.dimensions != dimensions:
            raise ValueError(f"model {model}: expected embeddings of {part.dimensions} numbers, got {dimensions}")
        return part


@dataclass
class _Part:
    """One model's visits: exact vectors and columns, and HNSW over them once there are enough."""

    dimensions: int
    ef: int
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.row_of: dict[int, int] = {}
        self.rows = 0
        self.visit = np.zeros(1024, np.int64)
        self.identity = np.zeros(1024, np.int64)
        self.camera = np.zeros(1024, np.int32)
        self.start = np.zeros(1024)
        self.end = np.zeros(1024)
        self.alive = np.zeros(1024, bool)
        self.vector = np.zeros((1024, self.dimensions), np.float32)
        self.camera_of: dict[str, int] = {}
        self.index: hnswlib.Index | None = None

    @property
    def count(self) -> int:
        return len(self.row_of)

    def add(
        self,
        visits: Sequence[int],
        identities: Sequence[int],
        vectors: NDArray[np.float32],
        cameras: Sequence[str],
        starts: Sequence[float],
        ends: Sequence[float],
    ) -> None:
        with self.lock:
            rows = np.empty(len(visits), np.int64)
            for k, visit in enumerate(visits):
                row = self.row_of.get(visit, -1)
                if row < 0:
                    row = self.rows
                    if row == len(self.visit):
                        self._grow()
                    self.rows += 1
                    self.row_of[visit] = row
                rows[k] = row
                self.visit[row], self.identity[row] = visit, identities[k]
                self.camera[row] = self.camera_of.setdefault(cameras[k], len(self.camera_of))
                self.start[row], self.end[row] = starts[k], ends[k]
                self.vector[row], self.alive[row] = vectors[k], True
            self._index(rows)

    def reassign(self, identities: dict[int, int]) -> None:
        with self.lock:
            for visit, identity in identities.items():
                row = self.row_of.get(visit)
                if row is not None:
                    self.identity[row] = identity

    def remove(self, visits: Collection[int]) -> None:
        with self.lock:
            for visit in visits:
                row = self.row_of.pop(visit, None)
                if row is not None:
                    self.alive[row], self.vector[row] = False, 0.0
            # What HNSW copied must go too, and it cannot delete: build it anew without.
            if self.index is not None:
                self._rebuild()

    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        overfetch: int,
        since: float | None,
        until: float | None,
        cameras: Collection[str] | None,
    ) -> list[Found]:
        with self.lock:
            mask = self._mask(since, until, cameras)
            allowed = self.alive[: self.rows] if mask is None else mask
            wanted = int(allowed.sum())
            if not wanted:
                return []
            # HNSW with a Python filter costs more than looking at every allowed row when these are few.
            few = self.index is None or wanted < max(EXACT_BELOW, self.rows // 50)
            rows = None if few else self._neighbours(query, k, overfetch, mask)
            if rows is None:
                rows = np.flatnonzero(allowed)
            cosine = self.vector[rows] @ query
            best = np.argsort(-cosine, kind="stable")[:k]
            return [
                (int(self.visit[rows[j]]), int(self.identity[rows[j]]), float(cosine[j])) for j in best
            ]

    def _mask(
        self, since: float | None, until: float | None, cameras: Collection[str] | None
    ) -> NDArray[np.bool_] | None:
        if since is None and until is None and cameras is None:
            return None
        mask = self.alive[: self.rows].copy()
        if since is not None:
            mask &= self.end[: self.rows] >= since
        if until is not None:
            mask &= self.start[: self.rows] <= until
        if cameras is not None:
            mask &= np.isin(self.camera[: self.rows], [self.camera_of.get(name, -1) for name in cameras])
        return mask

    def _neighbours(
        self, query: NDArray[np.float32], k: int, overfetch: int, mask: NDArray[np.bool_] | None
    ) -> NDArray[np.int64] | None:
        """Candidates from HNSW; None if it could not give enough of them."""
        assert self.index is not None
        wanted = min(max(k * overfetch, 32), self.count)
        accept: Callable[[int], bool] | None = None
        if mask is not None:
            allowed = mask
            accept = lambda row: bool(allowed[row])  # noqa: E731
        self.index.set_ef(max(self.ef, wanted))
        try:
            labels, _ = self.index.knn_query(query[None], k=wanted, num_threads=1, filter=accept)
        except RuntimeError:  # fewer than `wanted` could be reached
            return None
        rows: NDArray[np.int64] = labels[0].astype(np.int64)
        return rows[self.alive[rows]]

    def _index(self, rows: NDArray[np.int64]) -> None:
        if self.index is None:
            if self.rows >= EXACT_BELOW:
                self._rebuild()
            return
        if int(self.index.get_max_elements()) < len(self.visit):
            self.index.resize_index(len(self.visit))
        self.index.add_items(self.vector[rows], rows, num_threads=1)

    def _rebuild(self) -> None:
        index = hnswlib.Index(space="ip", dim=self.dimensions)
        index.init_index(max_elements=len(self.visit), ef_construction=EF_CONSTRUCTION, M=LINKS, random_seed=1)
        rows = np.flatnonzero(self.alive[: self.rows])
        if len(rows):
            index.add_items(self.vector[rows], rows, num_threads=1)
        self.index = index

    def _grow(self) -> None:
        for name in ("visit", "identity", "camera", "start", "end", "alive", "vector"):
            old = getattr(self, name)
            new = np.zeros((2 * len(old), *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)


EXACT_BELOW = 4096
"""With fewer rows than this, looking at all of them is faster than HNSW and finds everything."""
