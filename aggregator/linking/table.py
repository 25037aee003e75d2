"""`VisitTable`: what linking compares with, column by column, in blocks that know which span of time they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.visit import Visit

BLOCK = 256
"""Rows a block. Visits come about in order of time, so the rows of a time window are few whole blocks."""


class VisitTable:
    """The visits of one model and one label. Rows are added at the end and never move.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.row_of: dict[int, int] = {}
        self._n = 0
        self._visit = np.zeros(BLOCK, np.int64)
        self._camera = np.zeros(BLOCK, np.int32)
        self._start = np.zeros(BLOCK)
        self._end = np.zeros(BLOCK)
        self._frames = np.zeros(BLOCK, np.int32)
        self._identity = np.zeros(BLOCK, np.int64)
        self._embedded = np.zeros(BLOCK, bool)
        self._embedding = np.zeros((BLOCK, dimensions), np.float32)
        self._first = np.full(1, np.inf)
        self._last = np.full(1, -np.inf)

    def __len__(self) -> int:
        return self._n

    @property
    def visit(self) -> NDArray[np.int64]:
        """The store's numbers, (n,) int64."""
        return self._visit[: self._n]

    @property
    def camera(self) -> NDArray[np.int32]:
        """Camera indices, (n,) int32."""
        return self._camera[: self._n]

    @property
    def start(self) -> NDArray[np.float64]:
        """Seconds of the common clock, (n,) float64."""
        return self._start[: self._n]

    @property
    def end(self) -> NDArray[np.float64]:
        """Seconds of the common clock, (n,) float64."""
        return self._end[: self._n]

    @property
    def frames(self) -> NDArray[np.int32]:
        """In how many frames each was seen, (n,) int32."""
        return self._frames[: self._n]

    @property
    def identity(self) -> NDArray[np.int64]:
        """(n,) int64, 0 for none."""
        return self._identity[: self._n]

    @property
    def embedded(self) -> NDArray[np.bool_]:
        """Whether there is an embedding, (n,) bool."""
        return self._embedded[: self._n]

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(n, d) float32, unit rows or zeros."""
        return self._embedding[: self._n]

    def put(self, visit: Visit, camera: int, start: float, end: float) -> int:
        """Add a visit, or let a known one grow; its row. Times are those of the common clock."""
        row = self.row_of.get(visit.visit, -1)
        if row < 0:
            row = self._n
            if row == len(self._visit):
                self._grow()
            self._n += 1
            self.row_of[visit.visit] = row
            self._visit[row] = visit.visit
            self._identity[row] = 0
        self._camera[row] = camera
        self._start[row], self._end[row], self._frames[row] = start, end, visit.frames
        if len(visit.embedding):
            self._embedding[row] = visit.embedding
        self._embedded[row] = bool(len(visit.embedding))
        block = row // BLOCK
        self._first[block] = min(self._first[block], start)
        self._last[block] = max(self._last[block], end)
        return row

    def between(self, since: float, until: float) -> NDArray[np.intp]:
        """Rows of visits that overlap [since, until], rising."""
        blocks = np.flatnonzero((self._last >= since) & (self._first <= until))
        if not len(blocks):
            return np.zeros(0, np.intp)
        rows: NDArray[np.intp] = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        rows = rows[rows < self._n]
        rows = rows[(self._end[rows] >= since) & (self._start[rows] <= until)]
        return rows

    def _grow(self) -> None:
        for name in ("_visit", "_camera", "_start", "_end", "_frames", "_identity", "_embedded", "_embedding"):
            old = getattr(self, name)
            new = np.zeros((2 * len(old), *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)
        blocks = len(self._visit) // BLOCK
        for name, empty in (("_first", np.inf), ("_last", -np.inf)):
            old = getattr(self, name)
            new = np.full(blocks, empty)
            new[: len(old)] = old
            setattr(self, name, new)
