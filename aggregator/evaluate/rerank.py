"""Re-ranking by k-reciprocal neighbours: who is near to me is believed more when I am near to them.

Zhong, Zheng, Cao and Li, Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017; equations are
theirs. Everything but the queries' own rows is held sparsely: the paper's own dense table of all pairs takes 2 GB for
Market-1501.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NEIGHBOURS = 20  # k1
AVERAGED = 6  # k2
WEIGHT = 0.3  # λ, of the original distance
BLOCK = 1024  # rows of distances held at once


def rerank(
    rows: Floats, query: NDArray[np.intp], gallery: NDArray[np.intp], k1: int = NEIGHBOURS, k2: int = AVERAGED,
    weight: float = WEIGHT,
) -> Floats:
    """Distances after re-ranking.

    Args:
        rows: (n, d) float32 unit rows, all of which are neighbours of one another.
        query: (q,) which of them are asked.
        gallery: (g,) which of them answer; may hold the queries themselves.
        k1: how many neighbours are looked at.
        k2: over how many neighbours the encodings are averaged (local query expansion).
        weight: of the original distance in the outcome, in [0, 1].

    Returns:
        (q, g) float32, (1 − weight) × Jaccard distance + weight × original distance (eq. 12). The original is the
        squared Euclidean distance, divided by the largest of its row, as in the authors' code.
    """
    k1, k2 = min(k1, len(rows) - 1), min(k2, len(rows))
    near, far = _neighbours(rows, k1)
    encoded = _encode(rows, near, far, k1)
    if k2 > 1:
        encoded = _averaged(encoded, near[:, :k2])
    out = _jaccard(encoded[query], encoded[gallery])
    out *= 1 - weight
    for begin in range(0, len(query), BLOCK):
        some = query[begin : begin + BLOCK]
        out[begin : begin + BLOCK] += weight * _distance(rows[some], rows[gallery]) / far[some, None]
    return out


def _distance(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances of unit rows, (n, m)."""
    out = a @ b.T
    out *= -2
    out += 2
    np.maximum(out, 0, out=out)
    return out


def _neighbours(rows: Floats, k: int) -> tuple[NDArray[np.intp], Floats]:
    """The k + 1 nearest of each row, nearest first and itself before all, (n, k + 1); and how far its farthest is."""
    near, far = np.empty((len(rows), k + 1), np.intp), np.empty(len(rows), np.float32)
    for begin in range(0, len(rows), BLOCK):
        distance = _distance(rows[begin : begin + BLOCK], rows)
        mine = np.arange(len(distance))
        far[begin : begin + BLOCK] = np.maximum(distance.max(1), 1e-12)
        distance[mine, begin + mine] = -1.0
        some = np.argpartition(distance, k, axis=1)[:, : k + 1]
        order = np.argsort(np.take_along_axis(distance, some, 1), axis=1, kind="stable")
        near[begin : begin + BLOCK] = np.take_along_axis(some, order, 1)
    return near, far


def _reciprocal(near: NDArray[np.intp], k: int) -> sp.csr_array:
    """R(p, k), eq. 2: those among the k nearest of p (and p) that have p among theirs; a table of n × n yes or no."""
    n = len(near)
    some = near[:, : k + 1]
    forward = sp.csr_array((np.ones(some.size, np.float32), some.ravel(), np.arange(0, some.size + 1, k + 1)), (n, n))
    return forward.multiply(forward.T).tocsr()


def _encode(rows: Floats, near: NDArray[np.intp], far: Floats, k: int) -> sp.csr_array:
    """V, eqs. 5 and 7: each row's expanded neighbours R*, weighted by nearness; rows sum to 1. n × n, sparse.

    R* adds to R(p, k) the set R(q, k/2) of each q in it, where two thirds of that set are in R(p, k) already (eq. 5).
    """
    wide, narrow = _reciprocal(near, k), _reciprocal(near, round(k / 2))
    size = np.diff(narrow.indptr)
    shared = wide @ narrow.T  # (p, q): how many of R(q, k/2) are in R(p, k)
    member = wide.tocoo()
    enough = np.asarray(shared[member.row, member.col]).ravel() > 2 / 3 * size[member.col]
    taken = sp.csr_array((np.ones(int(enough.sum()), np.float32), (member.row[enough], member.col[enough])), wide.shape)
    expanded = (wide + taken @ narrow).tocoo()
    i, j = expanded.row, expanded.col
    weight = np.empty(len(i), np.float32)
    for begin in range(0, len(i), BLOCK * 64):
        part = slice(begin, begin + BLOCK * 64)
        apart = np.maximum(2 - 2 * np.einsum("ij,ij->i", rows[i[part]], rows[j[part]]), 0)
        weight[part] = np.exp(-apart / far[i[part]])
    encoded = sp.csr_array((weight, (i, j)), wide.shape)
    total = np.asarray(encoded.sum(1)).ravel()
    encoded.data /= np.repeat(total, np.diff(encoded.indptr))
    return encoded


def _averaged(encoded: sp.csr_array, near: NDArray[np.intp]) -> sp.csr_array:
    """Local query expansion, eq. 11: the mean of the encodings of the nearest, `near` (n, k2), itself among them."""
    n, k = near.shape
    mean = sp.csr_array((np.full(near.size, 1 / k, np.float32), near.ravel(), np.arange(0, near.size + 1, k)), (n, n))
    return (mean @ encoded).tocsr()


def _jaccard(queries: sp.csr_array, gallery: sp.csr_array) -> Floats:
    """1 − Σ min / Σ max of encodings, eq. 10, (q, g). As rows sum to 1, Σ max = 2 − Σ min."""
    by_column = gallery.tocsc()
    out = np.empty((queries.shape[0], gallery.shape[0]), np.float32)
    for row in range(queries.shape[0]):
        least = np.zeros(gallery.shape[0], np.float32)
        part = slice(queries.indptr[row], queries.indptr[row + 1])
        for column, value in zip(queries.indices[part].tolist(), queries.data[part].tolist(), strict=True):
            some = slice(by_column.indptr[column], by_column.indptr[column + 1])
            least[by_column.indices[some]] += np.minimum(by_column.data[some], value)
        out[row] = 1 - least / (2 - least)
    return out
