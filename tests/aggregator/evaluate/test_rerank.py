"""Re-ranking against the paper's own words, set by set."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from aggregator.evaluate.ranking import rank
from aggregator.evaluate.rerank import rerank


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def slow(queries: NDArray[np.float32], gallery: NDArray[np.float32], k1: int, k2: int, weight: float
         ) -> NDArray[np.float64]:
    rows = np.concatenate([queries, gallery]).astype(np.float64)
    n = len(rows)
    d = [[sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) for b in rows.tolist()] for a in rows.tolist()]
    d = [[value / max(row) for value in row] for row in d]
    order = [sorted(range(n), key=lambda j, i=i: -1 if i == j else d[i][j]) for i in range(n)]

    def reciprocal(p: int, k: int) -> set[int]:
        return {q for q in order[p][: k + 1] if p in order[q][: k + 1]}

    encoded = []
    for p in range(n):
        wide = reciprocal(p, k1)
        expanded = set(wide)
        for q in wide:
            inner = reciprocal(q, round(k1 / 2))
            if len(inner & wide) > 2 / 3 * len(inner):
                expanded |= inner
        weights = {q: math.exp(-d[p][q]) for q in expanded}
        encoded.append([weights.get(q, 0.0) / sum(weights.values()) for q in range(n)])
    mean = [[sum(encoded[q][j] for q in order[p][:k2]) / k2 for j in range(n)] for p in range(n)]
    out = np.zeros((len(queries), len(gallery)))
    for p in range(len(queries)):
        for g in range(len(gallery)):
            a, b = mean[p], mean[len(queries) + g]
            least = sum(min(x, y) for x, y in zip(a, b, strict=True))
            most = sum(max(x, y) for x, y in zip(a, b, strict=True))
            out[p, g] = (1 - weight) * (1 - least / most) + weight * d[p][len(queries) + g]
    return out


@pytest.mark.parametrize(("seed", "q", "g", "k1", "k2", "weight"), [
    (0, 5, 30, 6, 3, 0.3), (1, 8, 40, 10, 1, 0.3), (2, 3, 25, 7, 6, 0.0), (3, 6, 12, 20, 6, 1.0), (4, 1, 3, 20, 6, 0.3),
])
def test_as_the_paper_says(seed: int, q: int, g: int, k1: int, k2: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(6, 12))
    some = unit(people[rng.integers(0, 6, q + g)] + rng.normal(0, 0.7, (q + g, 12)))
    got = rerank(some, np.arange(q), np.arange(q, q + g), k1, k2, weight)
    want = slow(some[:q], some[q:], min(k1, q + g - 1), min(k2, q + g), weight)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=2e-5)


def test_finds_people_that_plain_distance_misses() -> None:
    """People whose pictures form a chain: ends are alike only by way of what lies between."""
    rng = np.random.default_rng(5)
    people = rng.normal(size=(40, 32))
    turn = rng.normal(size=(40, 32))
    person = np.repeat(np.arange(40), 9)
    rows = unit(people[person] + np.tile(np.linspace(-1, 1, 9), 40)[:, None] * turn[person]
                + rng.normal(0, 0.3, (360, 32)))
    query = np.arange(0, 360, 9)
    gallery = np.setdiff1d(np.arange(360), query)
    one, two = np.zeros(40, np.int64), np.ones(320, np.int64)
    plain = rank(2 - 2 * rows[query] @ rows[gallery].T, person[query], one, person[gallery], two)
    better = rank(rerank(rows, query, gallery), person[query], one, person[gallery], two)
    assert better.mean_ap > plain.mean_ap + 0.05
