"""`Vectors`: millions of unit vectors in 16 bits a number, compared at the speed of memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

CHUNK = 1 << 16
"""Rows of one piece of memory: what is full is never copied again."""
FIRST = 1024
STEP = 2048
"""Rows that are turned into floats at once: they stay in the processor's cache."""
SCALE = 32767.0


class Vectors:
    """Rows of a fixed length, added at the end.

    Numbers are kept as whole multiples of 1 / 32767. That is as exact as the float16 of the wire (a cosine is off by
    1e-5), and processors turn whole numbers into floats ten times faster than float16.

    Args:
        dimensions: of each row.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._chunks: list[NDArray[np.int16]] = []
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def nbytes(self) -> int:
        """Of memory."""
        return sum(chunk.nbytes for chunk in self._chunks)

    def append(self, vectors: Floats) -> None:
        """Add (n, d) float32 unit rows."""
        done = 0
        while done < len(vectors):
            place = self._n % CHUNK
            if place == 0 and self._n == CHUNK * len(self._chunks):
                # The first piece grows, so that a small history is small.
                self._chunks.append(np.zeros((FIRST if not self._chunks else CHUNK, self.dimensions), np.int16))
            chunk = self._chunks[-1]
            if place == len(chunk):
                chunk = self._chunks[-1] = np.concatenate([chunk, np.zeros_like(chunk)])
            part = vectors[done : done + len(chunk) - place]
            chunk[place : place + len(part)] = _whole(part)
            self._n += len(part)
            done += len(part)

    def put(self, rows: Rows, vectors: Floats) -> None:
        """Replace (n,) rows by (n, d) vectors; zeros erase them."""
        piece = rows // CHUNK
        for k in np.unique(piece).tolist():
            at = piece == k
            self._chunks[k][rows[at] % CHUNK] = _whole(vectors[at])

    def take(self, rows: Rows) -> Floats:
        """(n,) rows → (n, d) float32."""
        out = np.empty((len(rows), self.dimensions), np.float32)
        piece = rows // CHUNK
        for k in np.unique(piece).tolist():
            at = piece == k
            out[at] = self._chunks[k][rows[at] % CHUNK]
        out *= np.float32(1 / SCALE)
        return out

    def dot(self, rows: Rows, query: Floats) -> Floats:
        """Scalar products of (n,) rows, rising, with `query`: (d,) → (n,), or (d, m) → (n, m). All float32."""
        scaled = (query / SCALE).astype(np.float32)
        out = np.empty((len(rows), *query.shape[1:]), np.float32)
        buffer = np.empty((STEP, self.dimensions), np.float32)
        # Where rows begin and end in each piece, and whether they fill it so well that all of it is taken.
        edges = np.searchsorted(rows, np.arange(len(self._chunks) + 1) * CHUNK)
        for k, chunk in enumerate(self._chunks):
            low, high = int(edges[k]), int(edges[k + 1])
            for a in range(low, high, STEP):
                own = rows[a : min(a + STEP, high)] - k * CHUNK
                first, last = int(own[0]), int(own[-1]) + 1
                floats = buffer[: len(own)]
                # Clipping does nothing to rows that are there, and spares the check of each: a third of the time.
                floats[:] = chunk[first:last] if last - first == len(own) else chunk.take(own, axis=0, mode="clip")
                if scaled.ndim == 1:
                    products(floats, scaled, out[a : a + len(own)])
                else:
                    np.dot(floats, scaled, out=out[a : a + len(own)])
        return out

    def kept(self, rows: Rows) -> Vectors:
        """Only these rows, rising, numbered anew."""
        new = Vectors(self.dimensions)
        for a in range(0, len(rows), STEP):
            new.append(self.take(rows[a : a + STEP]))
        return new


def products(rows: Floats, query: Floats, out: Floats) -> Floats:
    """Scalar products of (n, d) rows with one query (d,), into `out` (n,).

    In one thread: BLAS would share even such a little among all cores and wait for the slowest. On two busy cores that
    made a search of 10,000 rows twenty times as expensive.
    """
    if hasattr(np, "vecdot"):
        found: Floats = np.vecdot(rows, query, out=out)
        return found
    return np.einsum("ij,j->i", rows, query, out=out)


def _whole(vectors: Floats) -> NDArray[np.int16]:
    out: NDArray[np.int16] = np.rint(np.clip(vectors, -1, 1) * SCALE).astype(np.int16)
    return out
