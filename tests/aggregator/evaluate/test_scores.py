"""Scores against counting by hand and against trying every match."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.evaluate.scores import calibration_error, idf1, score_links


def order(n: int) -> np.ndarray:
    return np.arange(n, dtype=float)


def test_right_answers_score_one() -> None:
    scores = score_links(["a", "b", "a", "c"], ["G1", "G2", "G1", "G3"], order(4))
    assert (scores.idf1, scores.pair_precision, scores.pair_recall, scores.false_links) == (1, 1, 1, 0)
    assert (scores.visits, scores.people, scores.global_ids, scores.linked) == (4, 3, 3, 1)


def test_one_false_link_of_two() -> None:
    scores = score_links(["a", "a", "b"], ["G1", "G1", "G1"], order(3))
    assert scores.linked == 2
    assert scores.false_links == 0.5
    assert scores.idf1 == pytest.approx(2 / 3)
    assert scores.pair_precision == pytest.approx(1 / 3)


def test_nobody_linked_costs_recall_only() -> None:
    scores = score_links(["a", "a", "b"], ["G1", "G2", "G3"], order(3))
    assert (scores.pair_recall, scores.false_links, scores.linked) == (0, 0, 0)
    assert scores.idf1 == pytest.approx(2 / 3)


def test_links_are_judged_in_the_order_of_time_not_of_rows() -> None:
    truth, guess = ["b", "a", "a"], ["G1", "G1", "G1"]
    assert score_links(truth, guess, np.asarray([2.0, 0.0, 1.0])).false_links == 0.5
    assert score_links(truth, guess, np.asarray([0.0, 1.0, 2.0])).false_links == 1.0, "b was there first"


def test_confidence_that_is_as_often_right_as_it_says_has_no_error() -> None:
    right = np.asarray([True] * 9 + [False])
    assert calibration_error(np.full(10, 0.9), right) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.5), right) == pytest.approx(0.4)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=14))
@settings(deadline=None)
def test_idf1_is_the_best_of_all_matches(rows: list[tuple[int, int]]) -> None:
    truth, guess = zip(*rows, strict=True)
    best = max(sum(match[t] == g for t, g in rows) for match in itertools.permutations(range(5)))
    assert idf1(truth, guess) == pytest.approx(best / len(rows))
