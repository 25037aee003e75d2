from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from edge_agent.capture.retry import Backoff, Thinning
from edge_agent.capture.timeline import Timeline, sane_fps


def times(stamps: list[float], fps: float = 10.0, stamped: bool = True) -> list[float]:
    timeline = Timeline(fps, stamped)
    return [timeline.advance(stamp) for stamp in stamps]


def test_a_variable_frame_rate_keeps_its_times() -> None:
    assert times([5.0, 5.1, 5.15, 6.0]) == pytest.approx([0, 0.1, 0.15, 1.0])


@pytest.mark.parametrize("stamps", [
    [0.0, 0.0, 0.0, 0.0],
    [math.nan] * 4,
    [3.0, 2.0, 1.0, 0.0],
    [0.0, 1e9, 2e9, 3e9],
])
def test_broken_stamps_are_counted_by_the_frame_rate(stamps: list[float]) -> None:
    assert times(stamps) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_one_broken_stamp_does_not_spoil_the_rest() -> None:
    assert times([0.0, 0.1, math.nan, 0.3, 0.4]) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert times([math.nan, math.nan, 7.0, 7.5]) == pytest.approx([0, 0.1, 0.2, 0.7])
    # A recorder that restarts its clock: one frame's time for the seam.
    assert times([8.0, 8.1, 0.0, 0.1]) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_stated_rate_is_taken_instead_of_stamps() -> None:
    assert times([0.0, 7.0, 9.0], fps=4, stamped=False) == pytest.approx([0, 0.25, 0.5])


def test_long_videos_do_not_drift() -> None:
    counted = times([0.0] * 100_000, fps=30, stamped=False)
    assert counted[-1] == pytest.approx(99_999 / 30, abs=1e-6)
    stamped = times([k / 30 for k in range(100_000)], fps=25)
    assert stamped[-1] == pytest.approx(99_999 / 30, abs=1e-4)


@pytest.mark.parametrize(("stated", "believed"), [
    (25.0, 25.0), (0.5, 0.5), (0.0, None), (90000.0, None), (1000.0, None), (math.nan, None), (math.inf, None),
    (-1.0, None),
])
def test_frame_rates_that_cannot_be_are_not_believed(stated: float, believed: float | None) -> None:
    assert sane_fps(stated) == believed


def test_delays_double_up_to_the_longest_with_jitter() -> None:
    backoff = Backoff(0.5, 8.0, random.Random(3))
    delays = [backoff.delay() for _ in range(8)]
    wholes = [0.5, 1, 2, 4, 8, 8, 8, 8]
    assert all(whole / 2 <= delay <= whole for delay, whole in zip(delays, wholes, strict=True))
    assert len({round(delay / whole, 6) for delay, whole in zip(delays, wholes, strict=True)}) == 8, "no jitter"
    backoff.reset()
    assert backoff.delay() <= 0.5


@pytest.mark.parametrize(("fps", "most", "kept"), [(30, 10, 100), (30, 30, 300), (25, 10, 100), (10, 30, 100),
                                                   (30, 29, 290)])
def test_thinning_keeps_the_rate_asked_for_evenly(fps: int, most: float, kept: int) -> None:
    thinning = Thinning(most)
    chosen = [k / fps for k in range(10 * fps) if thinning.keep(k / fps)]
    assert len(chosen) == pytest.approx(kept, abs=2)
    gaps = [b - a for a, b in pairwise(chosen)]
    assert max(gaps) <= max(1 / most, 1 / fps) + 1 / fps + 1e-9


def test_jitter_of_a_camera_at_its_limit_costs_no_frame() -> None:
    noise = random.Random(1)
    thinning = Thinning(10)
    assert sum(thinning.keep(k / 10 + noise.uniform(-0.03, 0.03)) for k in range(200)) >= 198


def test_thinning_goes_on_after_a_gap() -> None:
    thinning = Thinning(10)
    assert [thinning.keep(t) for t in (0.0, 0.04, 50.0, 50.04, 50.1)] == [True, False, True, False, True]
