"""How late a camera's pictures are, as heartbeats and metrics say it."""

from __future__ import annotations

from edge_agent.latency import Latency


def test_the_worst_is_remembered_for_half_a_minute_at_least_and_a_minute_at_most() -> None:
    latency = Latency()
    assert latency.numbers("hall") == {}
    latency.add("hall", 2.0, 29.0)
    latency.add("hall", 0.1, 29.5)
    assert latency.numbers("hall") == {"latency_s": 0.1, "latency_worst_s": 2.0}
    latency.add("hall", 0.2, 59.0)
    assert latency.numbers("hall") == {"latency_s": 0.2, "latency_worst_s": 2.0}
    latency.add("hall", 0.3, 61.0)
    assert latency.numbers("hall") == {"latency_s": 0.3, "latency_worst_s": 0.3}


def test_after_a_pause_nothing_old_counts_and_cameras_are_apart() -> None:
    latency = Latency()
    latency.add("hall", 5.0, 10.0)
    latency.add("yard", 0.1, 10.0)
    latency.add("hall", 0.1, 500.0)
    assert latency.numbers("hall")["latency_worst_s"] == 0.1
    assert latency.numbers("yard")["latency_worst_s"] == 0.1
