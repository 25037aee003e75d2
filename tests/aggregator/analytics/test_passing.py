"""Who passed where and with whom, against the obvious way of finding out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.analytics.flow import Stops
from aggregator.analytics.passing import company, passed

rows = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 60), st.integers(0, 20)), max_size=25,
                unique_by=lambda row: row[:3])


def stops(found: list[tuple[int, int, int, int]]) -> Stops:
    who, place, start, length = (np.array(column) for column in zip(*found, strict=True)) if found else ([],) * 4
    return Stops(who=np.asarray(who, np.int64), place=np.asarray(place, np.int64), start=np.asarray(start, np.float64),
                 end=np.asarray(start, np.float64) + np.asarray(length, np.float64))


@given(rows, st.sampled_from([0, 5, 30]))
def test_every_arrival_goes_with_the_latest_stop_before_it(found: list[tuple[int, int, int, int]], within: int) -> None:
    expected = []
    for who, place, start, _ in found:
        before = [row for row in found if row[0] == who and row[1] == 0 and row[2] < start]
        if place == 1 and before:
            came = max(before, key=lambda row: row[2])
            if start - (came[2] + came[3]) <= within:
                expected.append((who, came[2], came[2] + came[3], start))
    moves = passed(stops([row for row in found if row[1] < 2]), 0, 1, within)
    got = list(zip(moves.who.tolist(), moves.came.tolist(), moves.left.tolist(), moves.arrived.tolist(), strict=True))
    # Who is at both at the very same moment went from neither to the other.
    same = {(who, start) for who, place, start, _ in found if place == 0}
    assert sorted(row for row in got if (row[0], row[3]) not in same) == sorted(
        row for row in expected if (row[0], row[3]) not in same)
    assert moves.arrived.tolist() == sorted(moves.arrived.tolist())


def test_who_comes_back_to_the_same_place() -> None:
    moves = passed(stops([(1, 0, 0, 5), (1, 0, 20, 5), (1, 0, 400, 5), (2, 0, 30, 5)]), 0, 0, 60)
    assert (moves.who.tolist(), moves.left.tolist(), moves.arrived.tolist()) == ([1], [5], [20])


def test_who_was_seen_together_at_most_places_comes_first() -> None:
    who = np.array([7, 7, 8, 9, 9])
    found = company(who, visit=np.array([1, 2, 1, 1, 1]), place=np.array([0, 1, 0, 0, 0]),
                    start=np.array([0.0, 100, 0, 0, 50]), end=np.array([10.0, 104, 60, 20, 49]))
    assert [(one.who, one.times, one.places, one.seconds) for one in found] == [
        (7, 2, 2, 14), (8, 1, 1, 60), (9, 1, 1, 20)]
    assert (found[0].first, found[0].last) == (0, 104)
    none = np.zeros(0, np.int64)
    assert company(none, none, none, np.zeros(0), np.zeros(0)) == []
