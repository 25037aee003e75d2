"""Buckets against the obvious: look at every moment."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.analytics.tally import Stays, Tally, edges_of, tally_crossings, tally_stays

WHOLE = st.integers(0, 60).map(float)


def stays(*spans: tuple[float, float], still: int = 0) -> Stays:
    n = len(spans)
    entered, left = np.array(spans, np.float64).reshape(n, 2).T
    return Stays(entered=entered, left=left, open=np.arange(n) < still, appeared=np.zeros(n, bool),
                 vanished=np.zeros(n, bool))


@given(spans=st.lists(st.tuples(WHOLE, WHOLE).map(lambda s: (min(s), max(s))), max_size=12),
       cuts=st.lists(WHOLE, min_size=2, max_size=6, unique=True), still=st.integers(0, 3))
def test_every_number_agrees_with_counting_moment_by_moment(
        spans: list[tuple[float, float]], cuts: list[float], still: int) -> None:
    edges = np.array(sorted(cuts))
    got = tally_stays(stays(*spans, still=still), edges)
    # Nothing happens but at whole seconds, so the middles between them tell everything.
    for i, (a, b) in enumerate(pairwise(edges)):
        middles = np.arange(a, b) + 0.5
        there = np.array([sum(s < m < e for s, e in spans) for m in middles], int)
        assert got.entries[i] == sum(a <= s < b for s, _ in spans)
        gone = [e - s for s, e in spans[min(still, len(spans)):] if a <= e < b]
        assert got.exits[i] == got.dwells[i] == len(gone)
        assert got.dwell_s[i] == sum(gone)
        assert got.dwell_most[i] == max(gone, default=0)
        assert abs(got.person_s[i] - there.sum()) < 1e-6
        assert got.peak[i] == there.max()


def test_sums_of_parts_are_the_whole() -> None:
    some = stays((0, 30), (10, 50), (55, 58))
    whole, parts = tally_stays(some, np.array([0.0, 60.0])), tally_stays(some, np.array([0.0, 20.0, 40.0, 60.0]))
    added = Tally.empty(1)
    added.add(parts, np.zeros(3, np.int64))
    for name in Tally.__dataclass_fields__:
        assert getattr(added, name)[0] == getattr(whole, name)[0], name


def test_who_leaves_as_another_comes_does_not_meet_them() -> None:
    assert tally_stays(stays((0, 10), (10, 20)), np.array([0.0, 30.0])).peak[0] == 1


def test_far_from_1970_no_second_is_lost() -> None:
    begin = 1.75e9
    many = stays(*((begin + i * 0.1, begin + i * 0.1 + 1.0) for i in range(36_000)))
    assert abs(tally_stays(many, np.array([begin, begin + 7200])).person_s[0] - 36_000) < 0.01


def test_a_queue_begins_after_a_while() -> None:
    later = stays((0, 4), (0, 10)).later(5.0)
    assert later.entered.tolist() == [5.0]
    assert later.left.tolist() == [10.0]


def test_crossings_fall_into_their_buckets() -> None:
    times, forward = np.array([0.0, 9.99, 10.0, 20.0]), np.array([True, False, True, True])
    got = tally_crossings(times, forward, np.array([0.0, 10, 20]))
    assert got.entries.tolist() == [1, 1]
    assert got.exits.tolist() == [1, 0]


def test_buckets_begin_at_whole_multiples_and_are_cut_at_the_ends() -> None:
    assert edges_of(90.0, 250.0, 60.0).tolist() == [90.0, 120.0, 180.0, 240.0, 250.0]
    assert edges_of(60.0, 120.0, 60.0).tolist() == [60.0, 120.0]
    assert edges_of(5.0, 7.0, None).tolist() == [5.0, 7.0]
