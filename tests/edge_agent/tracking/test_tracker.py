from __future__ import annotations

import numpy as np

from common.detections import Detections
from edge_agent.tracking import IdAllocator, Tracker, TrackerSettings


def boxes(*rows: tuple[float, float, float, float], confidence: float = 0.9) -> Detections:
    return Detections(np.array(rows, np.float32).reshape(-1, 4), np.full(len(rows), confidence, np.float32))


def test_a_walker_keeps_one_id() -> None:
    tracker = Tracker(TrackerSettings(), ["door"], IdAllocator())
    frames = [tracker.step([("door", i / 10, boxes((i * 5, 10, i * 5 + 40, 110)))])[0] for i in range(20)]
    assert {i for f in frames for i in f.track.tolist()} == {1}
    assert [f.started.sum() for f in frames] == [1] + [0] * 19
    assert tracker.finish()["door"].tolist() == [1]


def test_empty_frames_are_fine() -> None:
    tracker = Tracker(TrackerSettings(), ["a", "b"], IdAllocator())
    a, b = tracker.step([("b", 0.0, Detections.empty()), ("a", 0.0, Detections.empty())])
    assert (a.camera, b.camera) == ("b", "a")
    assert len(a) == len(b) == 0
    assert tracker.step([]) == []
