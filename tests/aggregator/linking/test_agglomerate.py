"""The clustering gives what a slow, obvious one gives."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking.agglomerate import agglomerate, weight


def slowly(appearance: np.ndarray, transit: np.ndarray, size: np.ndarray, stop: float, dependence: float,
           linkage: str = "average") -> list[int]:
    """Each round anew from the nodes: the two clusters for which most speaks are joined."""
    clusters = [[k] for k in range(len(size))]

    def speaks(one: list[int], other: list[int]) -> float:
        pairs = [(a, b) for a in one for b in other]
        walks = [transit[a, b] for a, b in pairs]
        if -np.inf in walks:
            return -np.inf
        alike = [appearance[a, b] for a, b in pairs]
        if linkage != "average":
            return float(max(alike) if linkage == "single" else min(alike)) + float(max(walks))
        many = np.array([size[a] * size[b] for a, b in pairs])
        mean = float((np.array(alike) * many).sum() / many.sum())
        return mean * float(weight(np.float32(many.sum()), dependence)) + float(max(walks))

    while True:
        best = max(((speaks(a, b), i, j) for i, a in enumerate(clusters) for j, b in enumerate(clusters) if i < j),
                   default=(-np.inf, 0, 0))
        if not best[0] > stop:
            return [min(part) for k in range(len(size)) for part in clusters if k in part]
        clusters[best[1]] += clusters.pop(best[2])


def case(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    appearance, transit = rng.normal(-1, 3, (n, n)), rng.normal(-1, 1, (n, n))
    appearance, transit = (appearance + appearance.T).astype(np.float32), (transit + transit.T).astype(np.float32)
    never = rng.random((n, n)) < 0.08
    transit[never | never.T] = -np.inf
    return appearance, transit, rng.integers(1, 4, n).astype(np.float32)


@pytest.mark.parametrize("linkage", ["average", "single", "complete"])
@pytest.mark.parametrize("seed", range(25))
def test_as_the_slow_way(seed: int, linkage: str) -> None:
    appearance, transit, size = case(seed, 4 + seed)
    expected = slowly(appearance, transit, size, 1.0, 0.4, linkage)
    found = agglomerate(appearance.copy(), transit.copy(), size, stop=1.0, dependence=0.4, linkage=linkage)
    assert found.tolist() == expected


@pytest.mark.parametrize("seed", range(3))
def test_who_cannot_be_one_is_never_one_however_many_there_are(seed: int) -> None:
    appearance, transit, size = case(seed, 300)
    never = np.isneginf(transit)
    cluster = agglomerate(appearance.copy(), transit.copy(), size, stop=-5.0, dependence=0.4)
    same = cluster[:, None] == cluster
    np.fill_diagonal(same, False)
    assert same.any()
    assert not (same & never).any()


def test_none_and_one() -> None:
    for n in (0, 1):
        empty = np.zeros((n, n), np.float32)
        assert agglomerate(empty, empty.copy(), np.ones(n, np.float32), stop=0, dependence=0.4).tolist() == list(
            range(n))
