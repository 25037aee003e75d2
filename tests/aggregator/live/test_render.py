from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from aggregator.live.render import ALERTS, START, lists, render
from aggregator.live.state import HISTORY, LiveState
from aggregator.live.words import duration, identity, latency, sparkline
from common.terminal.look import Look


def screen(state: LiveState, width: int = 80, height: int = 24, look: Look = START) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(render(state, width, height, look), end="")
    return console.export_text().splitlines()


def test_80_by_24_shows_agents_cameras_links_and_events(empty, stats, events):
    lines = screen(empty.after(stats(), events()))
    text = "\n".join(lines)
    assert len(lines) == 24
    assert "127.0.0.1:8600" in lines[0]
    assert "3 people now · 4 active · 12:01:16 UTC" in lines[0]
    row = next(line for line in lines if "camera 0-1" in line)
    assert row.split()[3:7] == ["9.7", "41", "ms", "2"]
    assert "● box1" in text
    assert "12:00:59 G1" in text
    assert "93 %" in text
    assert "track started" in text
    assert "104 visits, 31 identities, 412 events   up 1 min" in lines[-1]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(20, 220), st.integers(8, 70), st.integers(0, 8), st.integers(0, 6), st.integers(0, 20),
       st.sampled_from([None, "no aggregator answers at http://127.0.0.1:8600, or at any other place we know of"]))
def test_every_size_is_filled_exactly(empty, stats, events, width, height, agents, cameras, links, problem):
    state = empty.after(stats(agents, cameras, links=links), events(links))
    if problem:
        state = state.silent(problem, None, 9.0)
    lines = screen(state, width, height)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)


def test_what_does_not_fit_is_counted(empty, stats, events):
    lines = screen(empty.after(stats(10, 4), events()))
    shown = sum("camera" in line and "ms" in line for line in lines) + sum("● box" in line for line in lines)
    (more,) = [line for line in lines if "more" in line]
    assert int(more.split()[3]) == 50 - shown
    assert any("links" in line for line in lines)


def test_a_narrow_terminal_keeps_the_links(empty, stats, events):
    text = "\n".join(screen(empty.after(stats(), events()), 48, 20))
    assert "links" in text
    assert "events ─" not in text


def test_before_the_first_answer(empty):
    assert "Asking the aggregator" in "\n".join(screen(empty))
    lines = "\n".join(screen(empty.silent("no aggregator answers", "start one with `aggregator serve`", 3)))
    assert "→ start one with `aggregator serve`" in lines


def test_silence_keeps_what_was_known_and_says_for_how_long(empty, stats, events):
    lines = screen(empty.after(stats(), events()).silent("gone", None, 130))
    assert "no answer for 2 min, trying again: gone" in lines[-1]
    assert any("camera 0-1" in line for line in lines)


def test_trouble_stands_out(empty, stats):
    assert "gone since 12:00:41" in "\n".join(screen(empty.after(stats(there=False), [])))
    assert "no picture" in "\n".join(screen(empty.after(stats(up=0.0), [])))
    waiting = stats()
    waiting["agents"][0]["spool"] = {"depth": 17, "dropped_messages": 3}
    waiting["agents"][1]["clock_skew_s"] = -3.2
    text = "\n".join(screen(empty.after(waiting, [])))
    assert "17 waiting  3 given up" in text
    assert "clock -3 s" in text
    stuck = stats()
    stuck["engine"]["problem"] = "no space left"
    assert "nothing can be stored: no space left" in screen(empty.after(stuck, []))[-1]


def test_an_empty_site_says_what_to_do(empty, stats):
    text = "\n".join(screen(empty.after(stats(0, 0, links=0), [])))
    assert "edge-agent run" in text
    assert "nobody yet" in text


def test_names_that_look_like_markup_are_shown_as_they_are(empty, stats, events):
    odd = stats(1, 1)
    odd["cameras"][0]["camera"] = "[red]x[/red]"
    odd["agents"][0]["agent"] = odd["cameras"][0]["agent"] = "[bold"
    odd["recent"][0]["camera"] = "[/]"
    text = "\n".join(screen(empty.after(odd, events())))
    assert "[red]x[/red]" in text
    assert "[bold" in text
    assert "[/]" in text


def test_people_are_remembered_for_a_minute(empty, stats):
    state = empty
    for n in range(HISTORY + 5):
        state = state.after(stats(1, 1, people=n), [])
    assert state.people["camera 0-0"] == tuple(range(5, HISTORY + 5))


def test_sparkline_is_as_wide_as_asked_and_rises_with_people():
    assert sparkline([0, 1, 4], 6).plain == "    ▂█"
    assert sparkline(range(100), 5).cell_len == 5


def test_an_identity_has_one_colour():
    assert identity("G17") == identity("G17")
    assert len({str(identity(f"G{n}").style) for n in range(60)}) > 8


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (61, "1 min"), (3700, "1 h 1 min"), (90_000, "1 d 1 h")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_latency():
    assert [latency(None), latency(0.0384), latency(1.44)] == ["–", "38 ms", "1.4 s"]


def alerts(count: int) -> list[dict[str, object]]:
    return [{"event": n, "time": "2026-03-01T12:00:30.000Z", "camera": "camera 1-0", "kind": "alert", "track": -1,
             "visit": None, "global_id": "G7", "data": {"rule": "back door", "state": "alert"}} for n in range(count)]


def pressed(state: LiveState, *keys: str, look: Look = START) -> Look:
    for key in keys:
        look = look.pressed(key, [len(rows) for rows in lists(state, look)], ALERTS)
        assert look is not None
    return look


def test_keys_scroll_what_does_not_fit(empty, stats, events):
    state = empty.after(stats(10, 4), events())
    top, low = screen(state), screen(state, look=pressed(state, "end"))
    assert any("box0" in line for line in top)
    assert not any("camera 9-3" in line for line in top)
    assert any("camera 9-3" in line for line in low)
    assert not any("box0" in line for line in low)
    (more,) = [line for line in low if "more" in line]
    assert "of them above" in more
    links = screen(state, look=pressed(state, "tab", "down", "down"))
    assert not any("12:00:59" in line for line in links)
    assert any("12:00:57 G3" in line for line in links)


def test_only_what_holds_the_text_is_shown(empty, stats, events):
    state = empty.after(stats(10, 4), events())
    look = pressed(state, "/", *"camera 3-1", "enter")
    lines = screen(state, look=look)
    assert sum("camera 3-1" in line for line in lines) == 2, "in the list and in the footer"
    assert any("● box3" in line for line in lines)
    assert not any("box4" in line for line in lines)
    assert "esc clears it" in lines[-1]
    of_box = screen(state, look=pressed(state, "/", *"box4", "enter"))
    assert sum("camera 4-" in line for line in of_box) == 4
    assert any("nothing like that" in line for line in screen(state, look=pressed(state, "/", *"nowhere")))


def test_alerts_in_the_place_of_events_and_beside_them_where_there_is_room(empty, stats, events):
    state = empty.after(stats(), events(), alerts(3))
    assert not any("back door" in line for line in screen(state))
    shown = screen(state, look=pressed(state, "a"))
    assert sum("back door camera 1-0" in line for line in shown) == 3
    assert not any("track started" in line for line in shown)
    wide = screen(state, 140, 40)
    assert sum("back door" in line for line in wide) == 3
    assert any("track started" in line for line in wide)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(20, 220), st.integers(8, 70),
       st.lists(st.sampled_from(["up", "down", "page down", "end", "home", "tab", "a", "/", "c", "1", "enter"])))
def test_every_size_is_filled_exactly_whatever_is_pressed(empty, stats, events, width, height, keys):
    state = empty.after(stats(6, 5), events(), alerts(9))
    lines = screen(state, width, height, pressed(state, *keys))
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
