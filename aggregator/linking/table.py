"""`VisitTable`: what linking compares with, column by column, in blocks that know which span of time they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.evidence import Evidence
from aggregator.linking.faces import FaceRows
from aggregator.visit import Visit

BLOCK = 256
"""Rows a block. Visits come about in order of time, so the rows of a time window are few whole blocks."""

Rows = NDArray[np.intp]


class VisitTable:
    """The visits of one model and one label. Rows are added at the end; only `keep` moves them.

    Args:
        dimensions: of the embeddings; 0 for visits without.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.row_of: dict[int, int] = {}
        self.faces = FaceRows()
        self._n = 0
        self._visit = np.zeros(BLOCK, np.int64)
        self._camera = np.zeros(BLOCK, np.int32)
        self._start = np.zeros(BLOCK)
        self._end = np.zeros(BLOCK)
        self._ripe = np.zeros(BLOCK, bool)
        self._placed = np.zeros(BLOCK, bool)
        self._identity = np.zeros(BLOCK, np.int64)
        self._confidence = np.zeros(BLOCK, np.float32)
        self._came = np.zeros(BLOCK, np.int32)
        self._went = np.zeros(BLOCK, np.int32)
        # As sent and stored: half the memory, and the same numbers after a restart.
        self._embedding = np.zeros((BLOCK, dimensions), np.float16)
        self._projected = np.zeros((BLOCK, dimensions), np.float32)
        self._level = np.zeros(BLOCK, np.float32)
        self._scale = np.full(BLOCK, 0.5, np.float32)
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
    def ripe(self) -> NDArray[np.bool_]:
        """Whether each was seen in enough frames to get an identity, (n,) bool."""
        return self._ripe[: self._n]

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Whether `place` was called for each since its embedding last changed, (n,) bool."""
        return self._placed[: self._n]

    @property
    def identity(self) -> NDArray[np.int64]:
        """(n,) int64, 0 for none."""
        return self._identity[: self._n]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Of the identity, (n,) float32."""
        return self._confidence[: self._n]

    @property
    def came(self) -> NDArray[np.int32]:
        """By which door of the layout, (n,) int32; 0 for none known."""
        return self._came[: self._n]

    @property
    def went(self) -> NDArray[np.int32]:
        """The same, of leaving."""
        return self._went[: self._n]

    @property
    def embedding(self) -> NDArray[np.float16]:
        """(n, d) float16, unit rows as they came."""
        return self._embedding[: self._n]

    @property
    def projected(self) -> NDArray[np.float32]:
        """(n, p) float32, unit rows that are compared."""
        return self._projected[: self._n]

    @property
    def level(self) -> NDArray[np.float32]:
        """Where strangers end, (n,) float32; see `normalised`."""
        return self._level[: self._n]

    @property
    def scale(self) -> NDArray[np.float32]:
        """Of the likest strangers' spread, (n,) float32; see `normalised`."""
        return self._scale[: self._n]

    def put(
        self, visit: Visit, camera: int, start: float, end: float, ripe: bool, doors: tuple[int, int] = (0, 0)
    ) -> int:
        """Add a visit, or let a known one grow; its row. Times are those of the common clock, doors the layout's.

        Its projection is not there until `place` was called for the row.
        """
        row = self.row_of.get(visit.visit, -1)
        if row < 0:
            row = self._n
            if row == len(self._visit):
                self._grow()
            self._n += 1
            self.row_of[visit.visit] = row
            self._visit[row] = visit.visit
            self._identity[row] = 0
            self._confidence[row] = 0.0
            self._placed[row] = False
        self._camera[row] = camera
        self._start[row], self._end[row], self._ripe[row] = start, end, ripe
        self._came[row], self._went[row] = doors
        if self.dimensions:
            embedding = visit.embedding.astype(np.float16)
            # Parts without a picture that was better than those before say the same again.
            if self._placed[row] and not np.array_equal(embedding, self._embedding[row]):
                self._placed[row] = False
            self._embedding[row] = embedding
        if visit.face is not None:
            self.faces.put(row, visit.face)
        self._span(row // BLOCK, start, end)
        return row

    def identity_of(self, visit: int) -> int:
        """The identity of a visit, by the store's number; 0 for none."""
        row = self.row_of.get(visit, -1)
        return int(self._identity[row]) if row >= 0 else 0

    def place(self, rows: Rows, evidence: Evidence) -> None:
        """Project the rows' embeddings and place them among strangers."""
        if not self.dimensions or not len(rows):
            return
        projected = evidence.projection.apply(self._embedding[rows].astype(np.float32), self._camera[rows])
        self.take(rows, projected, *evidence.cohort.place(projected))

    def take(self, rows: Rows, projected: NDArray[np.float32], level: NDArray[np.float32],
             scale: NDArray[np.float32]) -> None:
        """Note how (n,) rows look: (n, p) projected unit rows, and their (n,) places among strangers."""
        if projected.shape[1] != self._projected.shape[1]:
            self._projected = np.zeros((len(self._visit), projected.shape[1]), np.float32)
        self._projected[rows], self._level[rows], self._scale[rows] = projected, level, scale
        self._placed[rows] = True

    def between(self, since: float, until: float) -> Rows:
        """Rows of visits that overlap [since, until], rising."""
        blocks = np.flatnonzero((self._last >= since) & (self._first <= until))
        if not len(blocks):
            return np.zeros(0, np.intp)
        if len(blocks) == blocks[-1] - blocks[0] + 1:  # the usual case, as slices
            low, high = int(blocks[0]) * BLOCK, min(self._n, (int(blocks[-1]) + 1) * BLOCK)
            inside = (self._end[low:high] >= since) & (self._start[low:high] <= until)
            return np.flatnonzero(inside) + low
        rows: Rows = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        rows = rows[rows < self._n]
        return rows[(self._end[rows] >= since) & (self._start[rows] <= until)]

    def block_span(self, since: float, until: float) -> slice:
        """The rows from the first to the last block in which something overlaps [since, until]."""
        blocks = np.flatnonzero((self._last >= since) & (self._first <= until))
        if not len(blocks):
            return slice(0, 0)
        return slice(int(blocks[0]) * BLOCK, min(self._n, (int(blocks[-1]) + 1) * BLOCK))

    def keep(self, rows: Rows) -> None:
        """Forget all rows but these (rising). Rows are numbered anew, and what is left over is overwritten."""
        n = len(rows)
        for name in _COLUMNS:
            column = getattr(self, name)
            column[:n] = column[rows]
            column[n : self._n] = 0
        self._n = n
        self.faces.keep(rows)
        self.row_of = {int(visit): row for row, visit in enumerate(self.visit)}
        self._spans()

    def shift(self, seconds: NDArray[np.float64]) -> None:
        """Move all visits in time, each by its own of (n,) seconds."""
        self._start[: self._n] += seconds
        self._end[: self._n] += seconds
        self._spans()

    def _spans(self) -> None:
        self._first[:], self._last[:] = np.inf, -np.inf
        for block in range((self._n + BLOCK - 1) // BLOCK):
            part = slice(block * BLOCK, min(self._n, (block + 1) * BLOCK))
            self._span(block, float(self.start[part].min()), float(self.end[part].max()))

    def _span(self, block: int, start: float, end: float) -> None:
        self._first[block] = min(self._first[block], start)
        self._last[block] = max(self._last[block], end)

    def _grow(self) -> None:
        for name in _COLUMNS:
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


_COLUMNS = (
    "_visit", "_camera", "_start", "_end", "_ripe", "_placed", "_identity", "_confidence", "_came", "_went",
    "_embedding", "_projected", "_level", "_scale",
)
