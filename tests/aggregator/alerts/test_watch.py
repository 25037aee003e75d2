"""Rules over what happens; the same whether it happens now or is replayed at any speed."""

from __future__ import annotations

from typing import Any

import pytest

from aggregator.alerts import Alert, Rule, Watch
from common.messages import Event

T0 = 1_750_000_000.0


def event(kind: str, at: float, track: int = 1, camera: str = "hall", **data: Any) -> Event:
    return Event(camera=camera, run="r", kind=kind, time=T0 + at, track=track, data=data)


def enters(at: float, track: int = 1, zone: str = "till", **more: Any) -> Event:
    return event("zone_entered", at, track, zone=zone, **more)


def leaves(at: float, track: int = 1, zone: str = "till", **more: Any) -> Event:
    return event("zone_left", at, track, zone=zone, **more)


def watch(*rules: dict[str, Any]) -> Watch:
    return Watch([Rule(name=f"rule {i}", **rule) for i, rule in enumerate(rules)], T0)


def told(alerts: list[Alert]) -> list[tuple[float, str, str]]:
    return [(round(alert.time - T0, 2), alert.state, alert.text) for alert in alerts]


def live(some: Watch, events: list[Event], until: float) -> list[Alert]:
    """What is said when everything happens as it is told, with a look at the clock every half second."""
    alerts, waiting = [], sorted(events, key=lambda e: e.time)
    for step in range(int(until * 2) + 1):
        now = T0 + step / 2
        while waiting and waiting[0].time <= now:
            alerts += some.take([waiting.pop(0)], now)
        alerts += some.tick(now)
    return alerts


def replayed(some: Watch, events: list[Event], until: float) -> list[Alert]:
    """The same a year later, a thousand times as fast."""
    alerts = []
    for one in [*sorted(events, key=lambda e: e.time), event("track_started", until, 999)]:
        now = T0 + 3e7 + (one.time - T0) / 1000
        alerts += some.take([one], now) + some.tick(now)
    return alerts


@pytest.mark.parametrize("play", [live, replayed])
def test_somebody_enters_or_leaves_a_zone_or_crosses_a_line(play: Any) -> None:
    some = watch({"when": "zone", "zone": "till"}, {"when": "zone", "zone": "till", "on": "left", "camera": "yard"},
                 {"when": "line", "line": "door", "direction": "out"})
    alerts = play(some, [enters(1), leaves(2), leaves(3, camera="yard"), enters(4, zone="other"),
                         event("line_crossed", 5, line="door", direction="in"),
                         event("line_crossed", 6, line="door", direction="out")], 10)
    assert told(alerts) == [(1, "alert", "somebody entered 'till' in hall"),
                            (3, "alert", "somebody left 'till' in yard"),
                            (6, "alert", "somebody crossed 'door' in hall: out")]
    assert [(alert.rule, alert.about, alert.track) for alert in alerts] == [
        ("rule 0", "till", 1), ("rule 1", "till", 1), ("rule 2", "door", 1)]


def test_who_was_in_view_when_a_box_died_is_gone_once_it_sees_again() -> None:
    """Nobody told that they left: they would be counted for ever."""
    some = watch({"when": "crowd", "people": 3, "seconds": 0.0})
    some.take([event("track_started", 1, track) for track in (1, 2, 3)], T0 + 1)
    some.take([enters(2, track) for track in (1, 2)], T0 + 2)
    assert some.inside("hall", "till") == 2
    again = Event(camera="hall", run="r2", kind="track_started", time=T0 + 9, track=1, data={})
    alerts = some.take([again], T0 + 9) + some.tick(T0 + 10)
    assert [alert.state for alert in alerts] == ["cleared"]
    assert some.inside("hall", "till") == 0
    assert some._number("hall", "") == 1


def test_what_is_followed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.alerts.watch.MOST", 10)
    some = watch({"when": "zone", "zone": "till"})
    for track in range(50):
        some.take([event("track_started", track, track), enters(track, track)], T0 + track)
    assert (some._number("hall", ""), some.inside("hall", "till")) == (10, 10)


@pytest.mark.parametrize("play", [live, replayed])
def test_who_stays_too_long_is_told_once_a_stay(play: Any) -> None:
    some = watch({"when": "dwell", "zone": "till", "seconds": 5})
    alerts = play(some, [enters(0, 1), enters(1, 2), leaves(4, 2), leaves(20, 1), enters(30, 1),
                         enters(31, 3, "other")], 40)
    assert told(alerts) == [(5, "alert", "somebody is in 'till' in hall for 5 s"),
                            (35, "alert", "somebody is in 'till' in hall for 5 s")]


@pytest.mark.parametrize("play", [live, replayed])
def test_a_crowd_must_hold_and_is_taken_back(play: Any) -> None:
    some = watch({"when": "crowd", "zone": "till", "people": 2, "seconds": 3})
    alerts = play(some, [enters(0, 1), enters(1, 2), leaves(2, 2), enters(5, 2), enters(6, 3), leaves(10, 3),
                         leaves(12, 1), leaves(13, 2)], 20)
    assert [(time, state) for time, state, _ in told(alerts)] == [(8, "raised"), (12, "cleared")]
    assert alerts[0].data["people"] == 3


@pytest.mark.parametrize("play", [live, replayed])
def test_a_camera_is_crowded_when_enough_are_in_view(play: Any) -> None:
    some = watch({"when": "crowd", "camera": "hall", "people": 2})
    alerts = play(some, [event("track_started", 1, 1), event("track_started", 2, 2),
                         event("track_started", 3, 7, "yard"), event("track_ended", 4, 1)], 5)
    assert [(time, state) for time, state, _ in told(alerts)][:2] == [(2, "raised"), (4, "cleared")]


def test_a_track_that_ends_is_not_in_its_zone_any_more_though_nobody_said_so() -> None:
    some = watch({"when": "crowd", "zone": "till", "people": 2})
    alerts = live(some, [enters(0, 1), enters(1, 2), event("track_ended", 2, 1)], 5)
    assert [(time, state) for time, state, _ in told(alerts)] == [(1, "raised"), (2, "cleared")]
    assert some.inside("hall", "till") == 1


def test_somebody_on_the_watch_list_is_told_once_a_visit_also_under_a_new_id() -> None:
    some = watch({"when": "identity", "identities": ["G5"]})
    track = ("hall", "r", 1)
    assert some.linked([(1, track, 4)], [], T0) == []
    (alert,) = some.linked([(2, track, 5)], [], T0)
    assert (alert.text, alert.data) == ("G5 is in hall", {"visit": 2, "global_id": "G5"})
    assert some.linked([(2, track, 5)], [], T0) == []
    (moved,) = some.linked([(2, track, 3), (1, track, 3)], [(3, 5)], T0)  # G5 was folded into G3, and visit 1 is theirs
    assert moved.data == {"visit": 1, "global_id": "G3"}


def test_a_silent_camera_is_told_and_taken_back() -> None:
    some = watch({"when": "silent", "seconds": 10})
    some.heard("hall", {"fps": 10.0, "up": 1.0}, T0)
    some.heard("yard", {"fps": 10.0, "up": 1.0}, T0)
    alerts = []
    for second in range(40):
        if not 5 < second < 25:
            some.heard("hall", {"fps": 10.0, "up": 1.0}, T0 + second)
        some.heard("yard", {"fps": 0.0 if second > 30 else 9.0}, T0 + second)
        alerts += some.tick(T0 + second)
    assert told(alerts) == [(15, "raised", "hall gives no picture for 10 s"),
                            (25, "cleared", "hall gives pictures again")]
    assert [alert.camera for alert in some.tick(T0 + 50)] == ["hall", "yard"]


def test_a_rule_that_has_spoken_keeps_quiet_for_its_cooldown() -> None:
    some = watch({"when": "zone", "zone": "till", "cooldown_s": 60})
    alerts = live(some, [enters(0, 1), enters(1, 2), enters(59, 3), enters(61, 4), enters(2, 9, camera="yard")], 70)
    assert [(alert.camera, alert.time - T0) for alert in alerts] == [("hall", 0), ("yard", 2), ("hall", 61)]


def test_after_a_restart_nothing_is_said_twice_and_nothing_forgotten() -> None:
    rules = ({"when": "dwell", "zone": "till", "seconds": 5}, {"when": "crowd", "zone": "till", "people": 2},
             {"when": "silent", "seconds": 10}, {"when": "identity", "identities": ["G5"]})
    first = watch(*rules)
    said = live(first, [enters(0, 1), enters(4, 2)], 6) + first.linked([(7, ("hall", "r", 1), 5)], [], T0 + 6)
    assert [alert.rule for alert in said] == ["rule 1", "rule 0", "rule 3"]
    second = Watch(first._rules, T0 + 7)
    second.restore([(("hall", "r", 1), "till", T0), (("hall", "r", 2), "till", T0 + 4)], [], ["hall"],
                   [alert.event() for alert in said], {5: 3})
    assert second.linked([(7, ("hall", "r", 1), 3)], [], T0 + 7) == []
    assert told(second.take([], T0 + 8) + second.tick(T0 + 9.5)) == [
        (9.0, "alert", "somebody is in 'till' in hall for 5 s")]
    assert told(second.take([leaves(11, 1)], T0 + 11)) == [(11, "cleared", "'till' in hall is not crowded any more")]
    assert told(second.tick(T0 + 17)) == [(17, "raised", "hall gives no picture for 10 s")] or second.tick(T0 + 22)


@pytest.mark.parametrize(("rule", "told"), [
    ({"when": "zone"}, "needs 'zone'"), ({"when": "line", "line": "a", "zone": "b"}, "takes no 'zone'"),
    ({"when": "dwell", "zone": "a"}, "needs 'seconds'"), ({"when": "crowd", "zone": "a"}, "needs 'people'"),
    ({"when": "identity"}, "needs 'identities'"), ({"when": "identity", "identities": ["Anna"]}, "no global id"),
    ({"when": "silent", "people": 3}, "takes no 'people'"), ({"when": "fire"}, "zone")])
def test_a_rule_that_makes_no_sense_is_explained(rule: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Rule(name="x", **rule)
