"""How many neighbours to look at is told from what was found with more and with fewer, and not by chance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from aggregator.linking.recall import GOOD, KEPT, Trials


def share(needed: int, ef: int) -> float:
    """Of a question whose ten answers take `needed` neighbours, the last one the most."""
    return min(10, 10 * ef // needed) / 10


PEOPLE = np.exp(np.random.default_rng(99).normal(4.0, 1.2, 100_000)).astype(np.int64) + 1
"""A few questions take far more neighbours than others."""


def asked(needed: np.ndarray, visits: int = 1000) -> Trials:
    trials = Trials(32)
    for one in needed.tolist():
        trials.ask(partial(share, one), visits)
    return trials


def hard(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(PEOPLE, count)


def true_recall(ef: int) -> float:
    return float(np.mean(np.minimum(10, 10 * ef // PEOPLE))) / 10


@pytest.mark.parametrize(("count", "waste"), [(1000, 1.5), (2000, 1.3)])
def test_enough_is_found_whatever_sample_said_so_and_not_much_is_wasted(count: int, waste: float) -> None:
    chosen = [asked(hard(count, seed)).enough() for seed in range(12)]
    assert min(true_recall(ef) for ef in chosen) >= GOOD
    smallest = next(ef for ef in range(32, 2000) if true_recall(ef) >= GOOD)
    assert np.median(chosen) <= waste * smallest


def test_more_that_was_asked_looks_at_fewer() -> None:
    assert asked(hard(2000, 1)).enough() < asked(hard(200, 1)).enough()


def test_a_question_is_asked_no_further_once_all_is_found() -> None:
    tried: list[int] = []

    def found(ef: int) -> float:
        tried.append(ef)
        return share(100, ef)

    trials = Trials(32)
    trials.ask(found, 1000)
    assert tried == [ef for ef in trials.ladder if ef < 100] + [next(ef for ef in trials.ladder if ef >= 100)]


def test_a_handful_that_found_everything_is_no_certainty() -> None:
    few, many = asked(np.full(5, 20)).recall(64), asked(np.full(500, 20)).recall(64)
    assert few.at_10 == many.at_10 == 1
    assert few.at_least < 0.95 < GOOD < many.at_least < 1


def test_where_nothing_finds_enough_it_looks_no_further_than_helps() -> None:
    trials = Trials(32)
    for _ in range(100):
        trials.ask(lambda ef: 0.9 if ef >= 100 else 0.5, 1000)
    assert trials.enough() == next(ef for ef in trials.ladder if ef >= 100)
    assert trials.recall(trials.enough()).at_10 == pytest.approx(0.9)


def test_what_was_asked_of_far_fewer_visits_is_forgotten() -> None:
    trials = asked(np.full(300, 30), visits=1000)
    assert trials.recall(64).sample == 300
    for _ in range(40):
        trials.ask(lambda ef: share(60, ef), 1400)
    assert trials.recall(64).sample == 340
    for _ in range(40):
        trials.ask(lambda ef: share(200, ef), 2000)
    assert trials.recall(64).sample == 80
    assert trials.recall(64).visits == 2000


def test_no_more_is_remembered_than_is_of_use() -> None:
    assert len(asked(np.full(KEPT + 50, 30))) == KEPT


def test_it_looks_at_no_fewer_than_it_is_told_to() -> None:
    trials = Trials(192)
    for _ in range(500):
        trials.ask(partial(share, 20), 1000)
    assert trials.enough() == 192
    assert trials.ladder[0] == 192
    assert trials.ladder[-1] >= 1536
