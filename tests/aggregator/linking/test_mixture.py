"""Scores are put into bins fast, and into the right ones."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking.mixture import _bins


@pytest.mark.parametrize("seed", range(20))
def test_as_the_slow_way(seed: int) -> None:
    """Scores on edges too."""
    rng = np.random.default_rng(seed)
    score = (rng.normal(size=rng.integers(1, 3000)) * rng.choice([0.01, 1, 30])).astype(np.float32)
    edges = np.unique(np.concatenate([rng.choice(score, min(len(score), 40)), rng.normal(size=10)]).astype(np.float32))
    assert _bins(score, edges).tolist() == np.searchsorted(edges, score, side="right").tolist()


def test_scores_that_are_all_the_same() -> None:
    assert _bins(np.full(5, 0.3, np.float32), np.array([0.3], np.float32)).tolist() == [1] * 5
