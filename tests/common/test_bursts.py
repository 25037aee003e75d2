from __future__ import annotations

from common.bursts import MOST_KEYS, Bursts


def test_the_first_is_said_and_the_next_stand_for_those_kept_back() -> None:
    bursts = Bursts(every_s=10.0)
    assert [bursts.due("full", now) for now in (0.0, 1.0, 9.9, 10.0, 11.0, 25.0)] == [1, 0, 0, 3, 0, 2]


def test_complaints_do_not_hide_each_other() -> None:
    bursts = Bursts()
    assert bursts.due("full", 0.0) == 1
    assert bursts.due("old", 0.0) == 1


def test_complaints_from_outside_do_not_fill_the_memory() -> None:
    bursts = Bursts()
    for i in range(5 * MOST_KEYS):
        bursts.due(i, 0.0)
    assert len(bursts._seen) <= MOST_KEYS
