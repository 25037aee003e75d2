"""How sure a link is said to be is how often it is right."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.evaluate.scores import calibration_error, judge_links
from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.linking.agglomerate import weight
from aggregator.linking.certainty import certainty, tempered
from aggregator.linking.layers import pooled
from tests.aggregator.linking.stream import groups, walks

pytestmark = pytest.mark.slow


def slowly(likeness: np.ndarray, walk: np.ndarray, cluster: np.ndarray, caution: float, dependence: float
           ) -> list[float]:
    """Visit by visit: every cluster as it would be without the visit, and to be by itself."""
    out = []
    for k in range(len(cluster)):
        odds = {}
        for name in sorted(set(cluster.tolist())):
            others = [i for i in np.flatnonzero(cluster == name).tolist() if i != k]
            if not others:
                continue
            never = any(walk[k, i] == -np.inf for i in others)
            mean = float(np.mean([likeness[k, i] for i in others]))
            often = float(weight(np.float32(len(others)), dependence))
            odds[name] = -np.inf if never else mean * often + max(float(walk[k, i]) for i in others)
        total = sum(np.exp(one) for one in odds.values()) + np.exp(caution)
        share = np.exp(odds.get(int(cluster[k]), caution)) / total
        out.append(float(tempered(share)))
    return out


@pytest.mark.parametrize("seed", range(10))
def test_as_the_slow_way(seed: int) -> None:
    dependence = (0.4, 0.0, 1.0)[seed % 3]
    rng = np.random.default_rng(seed)
    n = 5 + 30 * seed
    likeness, walk = rng.normal(0, 2, (n, n)), rng.normal(-2, 1, (n, n))
    likeness, walk = (likeness + likeness.T).astype(np.float32), (walk + walk.T).astype(np.float32)
    cluster = rng.integers(0, max(1, n // 3), n)
    never = (rng.random((n, n)) < 0.05) & (cluster[:, None] != cluster)
    walk[never | never.T] = -np.inf
    assert certainty(likeness.copy(), walk.copy(), cluster, 1.5, dependence) == pytest.approx(
        slowly(likeness, walk, cluster, 1.5, dependence), abs=1e-4)


@pytest.mark.parametrize("how", [np.add, np.maximum])
def test_pooled_is_what_groups_have_in_common(how: np.ufunc) -> None:
    rng = np.random.default_rng(3)
    matrix, group = rng.normal(size=(40, 40)), np.append(np.arange(12), rng.integers(0, 12, 28))
    rng.shuffle(group)
    found = pooled(matrix, group, how)
    for a in range(12):
        for b in range(12):
            assert found[a, b] == pytest.approx(how.reduce(matrix[np.ix_(group == a, group == b)], axis=None))


@pytest.mark.parametrize("noise", [0.8, 1.4])
def test_repairs_say_how_sure_they_are(noise: float) -> None:
    """Where people are easily told apart, and where not."""
    said, right = [], []
    for seed in range(3):
        visits, who = walks(70, seed=seed, noise=noise, every_s=8)
        linker = Linker(LinkingSettings(), None, IdAllocator())
        for minute in groups(visits, within_s=60.0):
            for group in groups(minute):
                linker.observe(group, group[-1].end)
            linker.resolve(minute[-1].end)
        linker.resolve(visits[-1].end, whole=True)
        standing = {visit: (identity, sure) for visit, identity, sure in linker.standing()}
        order = sorted(standing)
        linked, true = judge_links([who[visit] for visit in order], [standing[visit][0] for visit in order],
                                   np.array([visits[visit - 1].start for visit in order]))
        said.append(np.array([standing[visit][1] for visit in order])[linked])
        right.append(true)
    assert calibration_error(np.concatenate(said), np.concatenate(right)) < 0.16
