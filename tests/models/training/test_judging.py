"""How people are found again, against counting by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.training.judging import area, ask, find, likeness, visits


def slow_precision(cosine: list[float], right: list[bool]) -> float:
    """Average precision the way it is defined."""
    order = sorted(range(len(right)), key=lambda i: -cosine[i])
    hits, total = 0, 0.0
    for place, i in enumerate(order, 1):
        if right[i]:
            hits += 1
            total += hits / place
    return total / hits


def test_it_agrees_with_counting_by_hand() -> None:
    random = np.random.default_rng(0)
    rows, person = random.normal(size=(40, 6)).astype(np.float32), random.integers(0, 9, 40)
    place = random.integers(0, 3, 40)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected, own, others = {}, [], []
    for i in range(40):
        counted = [j for j in range(40) if j != i and not (person[i] == person[j] and place[i] == place[j])]
        cosine, right = [float(unit[i] @ unit[j]) for j in counted], [bool(person[j] == person[i]) for j in counted]
        if any(right):
            expected[i] = slow_precision(cosine, right)
        for j, value in zip(counted, cosine, strict=True):
            if j > i:
                (own if person[i] == person[j] else others).append(value)
    answers = ask(rows, person, place)
    assert dict(zip(answers.asked.tolist(), answers.precision.tolist(), strict=True)) == pytest.approx(expected)
    by_hand = np.mean([(a > b) + 0.5 * (a == b) for a, b in itertools.product(own, others)])
    assert find(rows, person, place).auc == pytest.approx(by_hand)
    assert sorted(likeness(rows, person, place)[0].tolist()) == pytest.approx(sorted(own), abs=1e-6)


def test_people_told_apart_perfectly_score_one() -> None:
    person = np.repeat(np.arange(5), 3)
    found = find(np.eye(5, dtype=np.float32)[person], person)
    assert (found.rank1, found.mean_precision, found.auc, found.questions) == (1.0, 1.0, 1.0, 15)


def test_within_one_camera_nothing_is_asked() -> None:
    person = np.repeat(np.arange(5), 3)
    assert find(np.eye(5, dtype=np.float32)[person], person, np.zeros(15, int)).questions == 0


def test_ties_count_half() -> None:
    assert area(np.float32([1, 1]), np.float32([1, 0])) == pytest.approx(0.75)


def test_a_visit_is_the_mean_of_its_pictures() -> None:
    rows, first = visits(np.float32([[2, 0], [0, 5], [0, 1]]), np.array([7, 7, 3]))
    assert first.tolist() == [2, 0]
    np.testing.assert_allclose(rows, [[0, 1], [2**-0.5, 2**-0.5]], atol=1e-6)
