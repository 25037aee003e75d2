"""Which visits are decided together, and how many at a time."""

from __future__ import annotations

import itertools

from aggregator.linking.groups import in_time, take_some
from tests.aggregator.linking.stream import walks


def test_groups_are_cut_in_time_whatever_came_first() -> None:
    visits = walks(30, seed=1)[0]
    groups = in_time(visits[::-1], 1.0)
    assert [visit for group in groups for visit in group] == visits
    assert all(group[-1].end - group[0].end <= 1.0 for group in groups)
    assert all(later[0].end - group[0].end > 1.0 for group, later in itertools.pairwise(groups))


def test_as_many_groups_are_taken_as_have_room_but_one_at_least() -> None:
    groups = in_time(walks(10, seed=1)[0], 0.0)
    sizes = [3, 0, 1, 0, 5, *[1] * (len(groups) - 5)]
    whole = list(groups)
    assert take_some(groups, sizes, 4) == whole[:4]  # those that only grew take no room
    assert take_some(groups, sizes, 4) == whole[4:5]
    assert take_some(groups, sizes, 4) == whole[5:9]
    assert (groups, sizes) == (whole[9:], [1] * len(whole[9:]))
