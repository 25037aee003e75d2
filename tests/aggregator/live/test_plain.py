from __future__ import annotations

from aggregator.live.plain import STATUS_S, PlainLines


def test_every_link_is_said_once_oldest_first(empty, stats):
    lines = PlainLines()
    first = lines.after(empty.after(stats(links=2), []), 0.0)
    assert first[:2] == ["12:00:58  G2 came to camera 0-1 (visit 89, 93 %)",
                         "12:00:59  G1 came to camera 0-1 (visit 90, 93 %)"]
    assert lines.after(empty.after(stats(links=2), []), 1.0) == []
    assert len(lines.after(empty.after(stats(links=3), []), 2.0)) == 1


def test_status_comes_now_and_then(empty, stats):
    lines = PlainLines()
    state = empty.after(stats(1, 1, links=0), [])
    assert lines.after(state, 0.0) == ["12:01:16  3 people now, 4 identities active; camera 0-0 9.7 fps 41 ms 2 people"]
    assert lines.after(state, STATUS_S - 0.1) == []
    assert len(lines.after(state, STATUS_S + 0.1)) == 1


def test_trouble_and_its_end_are_said_once(empty, stats):
    lines = PlainLines()
    away = empty.silent("no aggregator answers", "start one", 1)
    assert lines.after(away, 0.0) == ["no aggregator answers (start one)"]
    assert lines.after(away, 1.0) == []
    assert lines.after(empty.after(stats(links=0), []), 2.0)[0] == "http://127.0.0.1:8600 answers again"
