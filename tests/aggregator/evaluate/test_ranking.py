"""Rank-k and mAP against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.evaluate.ranking import rank

ONE = np.array([1])


def scored(right: list[bool]) -> tuple[float, float]:
    """Rank-1 and mAP of one query whose gallery comes in this order."""
    n = len(right)
    person = np.where(right, 7, np.arange(n) + 100)
    found = rank(np.arange(n, dtype=np.float32)[None], np.array([7]), ONE, person, np.full(n, 2))
    return float(found.curve[0]), found.mean_ap


def test_by_hand() -> None:
    assert scored([True, False, True, False]) == (1.0, pytest.approx((1 + 2 / 3) / 2))
    assert scored([False, True]) == (0.0, 0.5)
    assert scored([False, False, True, True, True]) == (0.0, pytest.approx((1 / 3 + 2 / 4 + 3 / 5) / 3))


@given(st.lists(st.booleans(), min_size=1, max_size=30).filter(any))
def test_average_precision_is_the_mean_of_precisions(right: list[bool]) -> None:
    precisions = [sum(right[: i + 1]) / (i + 1) for i, hit in enumerate(right) if hit]
    assert scored(right)[1] == pytest.approx(sum(precisions) / len(precisions))


def test_the_same_camera_and_junk_count_neither_way() -> None:
    distance = np.array([[0.1, 0.2, 0.3, 0.4, 0.5]], np.float32)
    person, camera = np.array([7, -1, 7, 0, 7]), np.array([1, 2, 2, 3, 3])
    found = rank(distance, np.array([7]), ONE, person, camera)
    assert (found.queries, found.curve[0]) == (1, 1.0)
    assert found.mean_ap == pytest.approx((1 + 2 / 3) / 2)


def test_a_query_without_an_answer_is_left_out() -> None:
    found = rank(np.array([[0.1], [0.1]], np.float32), np.array([7, 8]), np.array([1, 1]), np.array([7]), np.array([2]))
    assert (found.queries, found.mean_ap) == (1, 1.0)
    nothing = rank(np.zeros((1, 1), np.float32), np.array([7]), ONE, np.array([8]), ONE)
    assert (nothing.queries, nothing.mean_ap) == (0, 0.0)


def test_the_curve_rises_to_those_found() -> None:
    distance = np.tile(np.arange(4, dtype=np.float32), (2, 1))
    found = rank(distance, np.array([1, 3]), np.array([9, 9]), np.array([1, 2, 3, 4]), np.zeros(4, np.int64))
    assert found.curve.tolist() == [0.5, 0.5, 1, 1]
    assert found.as_dict()["rank_20"] == 1
