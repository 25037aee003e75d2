from __future__ import annotations

import numpy as np
import pytest

from aggregator.analytics.congestion import HOURS_A_WEEK, against_usual
from aggregator.analytics.flow import Stops, flows, routes, transitions, trips
from aggregator.analytics.pace import pace


def stops(*rows: tuple[int, int, float, float]) -> Stops:
    """(who, place, start, end), in any order."""
    who, place, start, end = np.array(rows, np.float64).T
    return Stops(who=who.astype(np.int64), place=place.astype(np.int64), start=start, end=end)


def test_goings_are_counted_when_they_arrive_with_their_transit_times() -> None:
    some = stops((1, 0, 0, 10), (1, 1, 15, 20), (2, 0, 0, 10), (2, 1, 17, 30), (3, 1, 0, 5), (3, 0, 100, 110))
    (there, back) = flows(transitions(some, 3600), 0, 1000)
    assert (there.origin, there.destination, there.people) == (0, 1, 2)
    assert (there.median_s, there.mean_s, there.least_s, there.most_s) == (6, 6, 5, 7)
    assert (back.origin, back.destination, back.people, back.median_s) == (1, 0, 1, 95)
    assert [f.people for f in flows(transitions(some, 3600), 16, 1000)] == [1, 1]
    assert flows(transitions(some, 3600), 500, 1000) == []


def test_a_place_seen_several_times_in_a_row_is_one_stop() -> None:
    some = stops((1, 0, 0, 10), (1, 0, 12, 20), (1, 1, 30, 40), (1, 1, 41, 45), (1, 0, 60, 61))
    assert [(f.origin, f.destination, f.median_s) for f in flows(transitions(some, 60), 0, 100)] == [
        (0, 1, 10), (1, 0, 15)]


def test_who_comes_back_after_a_long_time_is_on_another_trip() -> None:
    some = stops((1, 0, 0, 10), (1, 1, 5000, 5010))
    assert flows(transitions(some, 3600), 0, 9999) == []
    assert len(flows(transitions(some, 4990), 0, 9999)) == 1


def test_a_long_stay_in_one_view_holds_a_trip_together_while_others_come_and_go() -> None:
    some = stops((1, 0, 0, 1000), (1, 1, 5, 6), (1, 2, 1010, 1020))
    assert trips(some, 60)[1].tolist() == [True, False, False]


def test_routes_are_counted_whole() -> None:
    some = stops(*((who, place, 100 * who + 10 * place, 100 * who + 10 * place + 5)
                   for who in range(1, 6) for place in range(3)),
                 (6, 0, 600, 605), (6, 2, 610, 640), (7, 1, 700, 705))
    found = routes(some, 50, 0, 2000)
    assert [(r.places, r.people, r.median_s) for r in found] == [((0, 1, 2), 5, 25), ((0, 2), 1, 40)]
    assert len(routes(some, 50, 0, 2000, least=1)) == 3
    assert routes(some, 50, 150, 250)[0].people == 1


def test_no_stops_no_flow() -> None:
    nothing = Stops(who=np.zeros(0, np.int64), place=np.zeros(0, np.int64), start=np.zeros(0), end=np.zeros(0))
    assert flows(transitions(nothing, 60), 0, 1) == []
    assert routes(nothing, 60, 0, 1) == []


def test_speed_is_told_in_the_walkers_own_heights() -> None:
    """Near and far, at the same true speed: boxes half as tall move half as far."""
    times = np.arange(5) * 0.5
    x = np.arange(5) * 0.1
    near = np.stack([x, np.full(5, 0.4), x + 0.1, np.full(5, 0.8)], axis=1)
    far = np.stack([x / 2, np.full(5, 0.1), x / 2 + 0.05, np.full(5, 0.3)], axis=1)
    path = np.repeat([0, 1], 5)
    whose, ends, way, seconds = pace(path, np.tile(times, 2), np.concatenate([near, far]).astype(np.float32), 1.0)
    assert whose.tolist() == [0] * 4 + [1] * 4
    assert ends.tolist() == times[1:].tolist() * 2
    assert way / seconds == pytest.approx(0.1 / 0.4 / 0.5, rel=1e-5)


def test_an_hour_is_compared_with_the_same_hour_of_the_week() -> None:
    weeks, hour = 5, 3600.0
    person_s = np.full(HOURS_A_WEEK * weeks, 2 * hour)  # two people, always
    person_s[::HOURS_A_WEEK] = 10 * hour  # but ten on Monday at nine
    walked_s, walked = person_s / 2, person_s / 2 * 0.8
    person_s[-1], walked[-1] = 6 * hour, walked_s[-1] * 0.3  # the last hour: crowded and slow
    got = against_usual(person_s, walked, walked_s, np.full(len(person_s), hour), HOURS_A_WEEK)
    assert got.usual_density[0] == pytest.approx(10)
    assert got.level(0, 1.5, 0.7) == "usual"
    assert got.usual_density[-1] == pytest.approx(2)
    assert got.level(HOURS_A_WEEK - 1, 1.5, 0.7) == "congested"
    assert got.level(HOURS_A_WEEK - 1, 1.5, 0.2) == "busy"


def test_a_young_site_is_compared_with_the_days_before_and_a_new_one_with_nothing() -> None:
    hours = np.full(24 * 3, 3600.0)
    hours[-1] = 0
    got = against_usual(hours, hours, hours, np.full(72, 3600.0), 72)
    assert got.level(0, 1.5, 0.7) == "unknown"
    assert got.level(71, 1.5, 0.7) == "quiet"
    assert got.level(50, 1.5, 0.7) == "usual"
