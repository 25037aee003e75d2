"""`FaceRows`: the faces of a `VisitTable`'s visits, and what two of them say about being one person's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.tracklet import Face

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]

EVEN = 0.42
"""Cosine of two faces that says nothing. The network's authors accept at .363, on posed photographs; small and blurred
faces of strangers are more alike than that."""
STEEP = 15.0
"""Log-likelihood ratio for a cosine of one more, of faces of full quality."""
AGAINST, FOR = -3.0, 6.0
"""No two faces say more than this: networks err together, and heads turn away."""


class FaceRows:
    """Takes hardly any memory until there is a face. Rows are those of the table that holds it."""

    def __init__(self) -> None:
        self._slot: dict[int, int] = {}
        self._models: dict[str, int] = {}
        self._model = np.zeros(0, np.int32)
        self._quality = np.zeros(0, np.float32)
        self._mean = np.zeros((0, 0), np.float32)

    def __bool__(self) -> bool:
        return bool(self._slot)

    def put(self, row: int, face: Face) -> None:
        """The face of a row, which may have had another."""
        slot = self._slot.setdefault(row, len(self._slot))
        if slot >= len(self._model) or len(face.mean) > self._mean.shape[1]:
            self._grow(slot, len(face.mean))
        self._model[slot] = self._models.setdefault(face.model, len(self._models))
        self._quality[slot] = face.quality
        self._mean[slot] = 0
        self._mean[slot, : len(face.mean)] = face.mean

    def keep(self, rows: Rows) -> None:
        """Forget all rows but these (rising), which are numbered anew."""
        kept = [(new, self._slot[row]) for new, row in enumerate(rows.tolist()) if row in self._slot]
        slots = np.array([slot for _, slot in kept], np.intp)
        self._slot = {row: k for k, (row, _) in enumerate(kept)}
        self._model, self._quality, self._mean = self._model[slots], self._quality[slots], self._mean[slots]

    def add_to(self, likeness: Floats, rows: Rows, others: Rows) -> None:
        """Add to (n, m) log-likelihood ratios what the faces of `rows` and `others` say, where both have one."""
        a, slot_a = self._known(rows)
        b, slot_b = self._known(others) if len(a) else (a, slot_a)
        if len(b):
            likeness[np.ix_(a, b)] += self._ratios(slot_a, slot_b)

    def likest(self, row: int, others: Rows) -> float | None:
        """Cosine of a row's face and the one most like it of `others`; None where there are none to compare."""
        _, slot_a = self._known(np.array([row], np.intp))
        _, slot_b = self._known(others)
        if not len(slot_a) or not (same := self._model[slot_b] == self._model[slot_a[0]]).any():
            return None
        return float((self._mean[slot_b[same]] @ self._mean[slot_a[0]]).max())

    def _known(self, rows: Rows) -> tuple[Rows, Rows]:
        """Which of `rows` have a face, and its slot."""
        pairs = [(k, self._slot[row]) for k, row in enumerate(rows.tolist()) if row in self._slot]
        return (np.array([k for k, _ in pairs], np.intp), np.array([slot for _, slot in pairs], np.intp))

    def _ratios(self, a: Rows, b: Rows) -> Floats:
        ratio = np.clip((self._mean[a] @ self._mean[b].T - EVEN) * STEEP, AGAINST, FOR)
        ratio *= np.minimum(self._quality[a][:, None], self._quality[b])
        out: Floats = np.where(self._model[a][:, None] == self._model[b], ratio, 0).astype(np.float32)
        return out

    def _grow(self, slot: int, dimensions: int) -> None:
        size = max(64, 2 * len(self._model), slot + 1)
        mean = np.zeros((size, max(dimensions, self._mean.shape[1])), np.float32)
        mean[: len(self._mean), : self._mean.shape[1]] = self._mean
        self._mean = mean
        for name in ("_model", "_quality"):
            old = getattr(self, name)
            new = np.zeros(size, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)
