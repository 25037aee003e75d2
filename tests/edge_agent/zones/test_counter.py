"""Every count is exact, and the same at 5, 10 and 25 frames a second."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from common.messages import Event
from common.places import Line, Zone
from edge_agent.zones import PlaceCounter
from tests.edge_agent.zones.scenes import HEIGHT, WIDTH, Way, frames

pytestmark = pytest.mark.slow

RATES = [5.0, 10.0, 25.0]
TILL = Zone(name="till", polygon=((0.4, 0.4), (0.6, 0.4), (0.6, 0.8), (0.4, 0.8)), dwell_s=3.0)
CORNER = Zone(name="corner", polygon=((0.0, 0.0), (0.1, 0.0), (0.0, 0.15)))
EDGE = Zone(name="edge", polygon=((0.8, 0.8), (1.0, 0.8), (1.0, 1.0), (0.8, 1.0)))
DOOR = Line(name="door", points=((0.2, 0.5), (0.9, 0.5)))
BENT = Line(name="bent", points=((0.3, 0.1), (0.3, 0.5), (0.7, 0.5)), forward="right", backward="left")


def play(ways: dict[int, Way], fps: float, *, zones: tuple[Zone, ...] = (), lines: tuple[Line, ...] = (),
         mature_s: float = 0.0, hysteresis: float = 0.05, **more: Any) -> list[Event]:
    counter = PlaceCounter("r", zones, lines, ["person"], mature_s=mature_s, hysteresis=hysteresis)
    events, number = [], 0
    for number, frame in frames(ways, fps, **more):
        events += counter.update(number, frame, WIDTH, HEIGHT)
    return events + counter.finish("hall", number, np.array(sorted(ways)))


def told(events: list[Event]) -> list[tuple[Any, ...]]:
    """What happened, and when to the nearest tenth."""
    return [(round(e.time, 1), e.track, e.kind, e.data.get("zone") or f"{e.data['line']} {e.data['direction']}")
            for e in events]


@pytest.mark.parametrize("fps", RATES)
def test_somebody_walks_through_a_zone(fps: float) -> None:
    events = play({1: [(0, 0.1, 0.6), (8, 0.9, 0.6)]}, fps, zones=(TILL,))
    assert told(events) == [(3.0, 1, "zone_entered", "till"), (5.0, 1, "zone_left", "till")]
    assert events[1].data["dwell_s"] == pytest.approx(2.0, abs=0.01)
    assert events[0].data["appeared"] is False
    assert events[1].data["vanished"] is False
    assert events[1].data["entered"] == events[0].time


@pytest.mark.parametrize("fps", RATES)
def test_staying_too_long_is_told_once_for_each_stay(fps: float) -> None:
    way = [(0, 0.1, 0.6), (4, 0.5, 0.6), (20, 0.5, 0.6), (24, 0.9, 0.6), (28, 0.5, 0.6), (33, 0.5, 0.6), (37, 0.1, 0.6)]
    assert told(play({1: way}, fps, zones=(TILL,))) == [
        (3.0, 1, "zone_entered", "till"), (6.0, 1, "zone_dwell", "till"), (21.0, 1, "zone_left", "till"),
        (27.0, 1, "zone_entered", "till"), (30.0, 1, "zone_dwell", "till"), (34.0, 1, "zone_left", "till")]


@pytest.mark.parametrize("fps", RATES)
def test_who_appears_in_a_zone_enters_it_and_who_vanishes_there_leaves_it(fps: float) -> None:
    events = play({1: [(1, 0.5, 0.6), (2, 0.5, 0.7)]}, fps, zones=(TILL,))
    assert told(events) == [(1.0, 1, "zone_entered", "till"), (2.0, 1, "zone_left", "till")]
    assert events[0].data["appeared"]
    assert events[1].data["vanished"]


@pytest.mark.parametrize("fps", RATES)
def test_a_line_is_crossed_in_a_direction(fps: float) -> None:
    ways = {1: [(0, 0.5, 0.3), (4, 0.5, 0.7)], 2: [(0, 0.7, 0.7), (4, 0.7, 0.3)], 3: [(0, 0.1, 0.3), (4, 0.1, 0.7)]}
    events = play(ways, fps, lines=(DOOR,))
    assert sorted(told(events)) == [(2.0, 1, "line_crossed", "door in"), (2.0, 2, "line_crossed", "door out")]
    assert {e.track: e.data["forward"] for e in events} == {1: True, 2: False}


@pytest.mark.parametrize("fps", RATES)
def test_back_and_forth_over_a_line_counts_every_time(fps: float) -> None:
    way = [(4 * i, 0.5, 0.3 if i % 2 == 0 else 0.7) for i in range(6)]
    events = play({1: way}, fps, lines=(DOOR,))
    assert [e.data["direction"] for e in events] == ["in", "out", "in", "out", "in"]
    assert [round(e.time) for e in events] == [2, 6, 10, 14, 18]


@pytest.mark.parametrize("fps", RATES)
def test_a_box_that_trembles_on_a_line_or_an_outline_counts_nothing_and_one_that_passes_counts_once(fps: float) -> None:
    stands = [(0, 0.41, 0.3), (3, 0.405, 0.5), (23, 0.405, 0.5), (26, 0.41, 0.3)]
    passes = [(0, 0.8, 0.3), (3, 0.8, 0.499), (23, 0.8, 0.501), (26, 0.8, 0.7)]
    zone = Zone(name="low", polygon=((0, 0.5), (1, 0.5), (1, 1), (0, 1)))
    events = play({1: stands, 2: passes}, fps, lines=(DOOR,), zones=(zone,), tremble=0.001)
    assert Counter((e.track, e.kind) for e in events) == {(2, "line_crossed"): 1, (2, "zone_entered"): 1,
                                                          (2, "zone_left"): 1}
    # Without hysteresis the same boxes count many times.
    assert len(play({1: stands, 2: passes}, fps, lines=(DOOR,), zones=(zone,), tremble=0.001, hysteresis=0)) > 20


@pytest.mark.parametrize("fps", RATES)
def test_who_stays_just_beyond_counts_too_after_a_while_and_from_when_they_crossed(fps: float) -> None:
    nearly = [(0, 0.5, 0.3), (2, 0.5, 0.503), (12, 0.5, 0.503), (14, 0.5, 0.3)]
    zone = Zone(name="low", polygon=((0, 0.5), (1, 0.5), (1, 1), (0, 1)))
    events = play({1: nearly}, fps, lines=(DOOR,), zones=(zone,))
    crossed, back = pytest.approx(2 * 0.2 / 0.203, abs=0.01), pytest.approx(12 + 2 * 0.003 / 0.203, abs=0.01)
    assert sorted((e.kind, e.time) for e in events) == [
        ("line_crossed", crossed), ("line_crossed", back), ("zone_entered", crossed), ("zone_left", back)]


@pytest.mark.parametrize("fps", RATES)
def test_a_corner_that_is_cut_between_two_frames_is_entered_all_the_same(fps: float) -> None:
    runs = [(0, 0.4, 0.3), (1, 0.7, 0.5)]  # through the upper right corner of the zone in a fifth of a second
    zone = Zone(name="corner", polygon=((0.5, 0.25), (0.6, 0.25), (0.6, 0.45), (0.5, 0.45)))
    assert [e.kind for e in play({1: runs}, fps, zones=(zone,))] == ["zone_entered", "zone_left"]


@pytest.mark.parametrize("fps", RATES)
def test_a_line_of_several_pieces_is_crossed_once_at_its_bend_and_not_past_its_ends(fps: float) -> None:
    ways = {1: [(0, 0.2, 0.6), (4, 0.4, 0.4)], 2: [(0, 0.2, 0.3), (4, 0.5, 0.3)], 3: [(0, 0.6, 0.4), (4, 0.6, 0.6)],
            4: [(0, 0.8, 0.4), (4, 0.8, 0.6)], 5: [(0, 0.4, 0.4), (4, 0.2, 0.6)]}
    events = play(ways, fps, lines=(BENT,))
    assert {e.track: e.data["direction"] for e in events} == {1: "left", 2: "left", 3: "right", 5: "right"}
    assert len(events) == 4


@pytest.mark.parametrize("fps", RATES)
def test_who_is_hidden_while_crossing_has_crossed(fps: float) -> None:
    events = play({1: [(0, 0.5, 0.3), (4, 0.5, 0.7)]}, fps, lines=(DOOR,), zones=(TILL,), lost={1: (0.9, 3.1)})
    assert told(events) == [(1.0, 1, "zone_entered", "till"), (2.0, 1, "line_crossed", "door in"),
                            (4.0, 1, "zone_dwell", "till"), (4.0, 1, "zone_left", "till")]


@pytest.mark.parametrize("fps", RATES)
def test_a_zone_at_the_views_edge_is_entered_from_beyond_it_too(fps: float) -> None:
    events = play({1: [(0, 0.9, 0.999), (2, 0.9, 0.999), (6, 0.9, 0.6)]}, fps, zones=(EDGE,))
    assert [(e.kind, e.track) for e in events] == [("zone_entered", 1), ("zone_left", 1)]


@pytest.mark.parametrize("fps", RATES)
def test_a_zone_narrower_than_the_hysteresis_can_be_entered(fps: float) -> None:
    strip = Zone(name="strip", polygon=((0.0, 0.5), (1.0, 0.5), (1.0, 0.51), (0.0, 0.51)))
    events = play({1: [(0, 0.5, 0.45), (2, 0.5, 0.505), (4, 0.5, 0.505), (6, 0.5, 0.6)]}, fps, zones=(strip,))
    assert [e.kind for e in events] == ["zone_entered", "zone_left"]


@pytest.mark.parametrize("fps", RATES)
def test_a_track_too_short_to_be_told_of_counts_nothing_and_others_keep_what_they_did_before(fps: float) -> None:
    ways = {1: [(0, 0.5, 0.6), (0.5, 0.5, 0.6)], 2: [(0, 0.5, 0.48), (1, 0.5, 0.52), (4, 0.5, 0.6)]}
    events = play(ways, fps, zones=(TILL,), lines=(DOOR,), mature_s=0.7)
    assert {e.track for e in events} == {2}
    assert [e.kind for e in events if e.kind != "zone_dwell"] == ["zone_entered", "line_crossed", "zone_left"]
    assert events[1].time == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("fps", RATES)
def test_a_crowd_adds_up(fps: float) -> None:
    """200 people cross a plaza: every entry, exit and crossing is the one that the script says."""
    chance = np.random.default_rng(5)
    ways: dict[int, Way] = {}
    for track in range(1, 201):
        begin, last = chance.uniform(0, 60), chance.uniform(4, 12)
        x = chance.choice([chance.uniform(0.25, 0.38), chance.uniform(0.42, 0.58), chance.uniform(0.62, 0.85)])
        up, down = (begin, x, 0.9), (begin, x, 0.2)
        ways[track] = [down, (begin + last, x, 0.9)] if track % 3 else [up, (begin + last, x, 0.2)]
    events = play(ways, fps, zones=(TILL,), lines=(DOOR,), tremble=0.0005)
    crossed = Counter((e.track, e.data["direction"]) for e in events if e.kind == "line_crossed")
    assert crossed == {(track, "in" if track % 3 else "out"): 1 for track in ways}
    through = {track: 1 for track, way in ways.items() if 0.4 < way[0][1] < 0.6}
    assert Counter(e.track for e in events if e.kind == "zone_entered") == through
    assert Counter(e.track for e in events if e.kind == "zone_left") == through
    dwelt = {e.track: e.data["dwell_s"] for e in events if e.kind == "zone_left"}
    truth = {track: (ways[track][1][0] - ways[track][0][0]) * 0.4 / 0.7 for track in through}
    assert dwelt == pytest.approx(truth, abs=0.1)


def test_what_a_track_did_is_in_its_counts_until_it_has_ended() -> None:
    counter = PlaceCounter("r", (TILL,), (DOOR,), ["person"])
    last: dict[str, int] = {}
    for number, frame in frames({1: [(0, 0.5, 0.3), (4, 0.5, 0.7), (8, 0.5, 0.3)]}, 10.0):
        counter.update(number, frame, WIDTH, HEIGHT)
        last = dict(counter.counts.get(1, last))
    assert last == {"zone/till": 1, "line/door/in": 1, "line/door/out": 1}
    assert not counter.counts


def test_the_zones_on_somebodys_way_are_told_in_order() -> None:
    counter = PlaceCounter("r", (TILL, EDGE), (), ["person"])
    for number, frame in frames({1: [(0, 0.5, 0.6), (4, 0.95, 0.95), (8, 0.5, 0.6)], 2: [(0, 0.2, 0.2)]}, 10.0):
        counter.update(number, frame, WIDTH, HEIGHT)
        if number == 75:
            assert {track: list(path) for track, path in counter.paths.items()} == {1: ["till", "edge", "till"]}


def test_of_a_long_way_the_first_and_the_last_zones_are_kept() -> None:
    counter = PlaceCounter("r", (TILL, EDGE), (), ["person"])
    back = [(4.0 * k, *((0.5, 0.6) if k % 2 else (0.95, 0.95))) for k in range(30)]
    kept = 0
    for number, frame in frames({1: [(0, 0.05, 0.5), *[(1 + t, x, y) for t, x, y in back]]}, 5.0):
        counter.update(number, frame, WIDTH, HEIGHT)
        kept = max(kept, len(counter.paths.get(1, ())))
    assert kept == 16


def test_zones_that_are_drawn_anew_while_people_stand_in_them() -> None:
    other = TILL.model_copy(update={"name": "other"})
    counter = PlaceCounter("r", (TILL, CORNER), (), ["person"])
    events = []
    for number, frame in frames({1: [(0, 0.5, 0.6), (4, 0.5, 0.6)]}, 10.0):
        if number == 20:
            events += counter.replace("hall", number, (other, CORNER), ())
        events += counter.update(number, frame, WIDTH, HEIGHT)
    assert told(events) == [(0.0, 1, "zone_entered", "till"), (1.9, 1, "zone_left", "till"),
                            (1.9, 1, "zone_entered", "other"), (4.0, 1, "zone_left", "other")]


def test_one_zone_is_not_disturbed_by_another_that_comes_or_goes() -> None:
    counter = PlaceCounter("r", (TILL,), (DOOR,), ["person"])
    events = []
    for number, frame in frames({1: [(0, 0.5, 0.6), (4, 0.5, 0.6)]}, 10.0):
        if number in (10, 20):
            events += counter.replace("hall", number, (TILL, EDGE) if number == 10 else (TILL,), (DOOR,))
        events += counter.update(number, frame, WIDTH, HEIGHT)
    assert told(events) == [(0.0, 1, "zone_entered", "till"), (3.0, 1, "zone_dwell", "till"),
                            (4.0, 1, "zone_left", "till")]
