"""The columnar tracker and the plain one give the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.detections import Detections
from edge_agent.tracking import IdAllocator, Tracker, TrackerSettings
from tests.edge_agent.tracking.oracle import OneCamera
from tests.edge_agent.tracking.scenes import crowd


def check(settings_: TrackerSettings, frames: list[Detections], times: list[float]) -> int:
    """Step both through the same frames; returns how many rows were compared."""
    tracker, plain, rows = Tracker(settings_, ["camera"], IdAllocator()), OneCamera(settings_), 0
    for time, detections in zip(times, frames, strict=True):
        got = tracker.step([("camera", time, detections)])[0]
        want, ended = plain.step(time, detections)
        assert got.track.tolist() == [row[0] for row in want]
        assert got.detection.tolist() == [row[1] for row in want]
        np.testing.assert_allclose(got.xyxy, np.array([row[2] for row in want]).reshape(-1, 4), atol=1e-3)
        assert got.class_id.tolist() == [row[3] for row in want]
        assert got.started.tolist() == [row[4] for row in want]
        assert got.re_entered.tolist() == [row[5] for row in want]
        assert sorted(got.ended.tolist()) == sorted(ended)
        rows += len(want)
    assert tracker.finish()["camera"].tolist() == sorted(t.id for t in plain.tracks if t.id)
    return rows


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    people=st.integers(0, 14),
    kind=st.sampled_from(["bytetrack", "sort", "appearance"]),  # without eyes it goes by motion
    shake=st.sampled_from([0.0, 8.0, 30.0]),
    rate=st.sampled_from([2.0, 10.0, 30.0]),
)
def test_random_scenes(seed: int, people: int, kind: Any, shake: float, rate: float) -> None:
    frames = list(crowd(seed, people, 50, shake=shake))
    times = np.cumsum(np.random.default_rng(seed).uniform(0.5, 1.5, 50) / rate).tolist()
    check(TrackerSettings(kind=kind), frames, times)


@pytest.mark.parametrize(
    "changed",
    [
        {"confirm_frames": 1},
        {"confirm_frames": 3},
        {"camera_motion": False},
        {"class_mismatch": 0.0},
        {"class_mismatch": 1.0},
        {"lost_seconds": 0.0},
        {"high_confidence": 0.4, "low_confidence": 0.0, "match_similarity": 0.4, "low_similarity": 0.2},
    ],
)
def test_other_settings(changed: dict[str, Any]) -> None:
    rows = check(TrackerSettings(**changed), list(crowd(5, 12, 80)), [i / 15 for i in range(80)])
    assert rows > 200


def test_silence_and_clocks_that_jump() -> None:
    times = [100 + i / 10 for i in range(30)] + [140 + i / 10 for i in range(20)] + [90 + i / 10 for i in range(30)]
    assert check(TrackerSettings(), list(crowd(2, 10, 80, shake=2)), times) > 200
