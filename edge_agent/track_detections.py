"""`edge-agent track --detections`: the tracker alone, on MOTChallenge detections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from common.mot import read_mot
from edge_agent.tracking import IdAllocator, TrackedFrame, Tracker, TrackerSettings


def track_detections(
    path: Path, *, fps: float, settings: TrackerSettings | None = None, camera: str = "camera", start: float = 0.0
) -> Iterator[tuple[int, TrackedFrame]]:
    """Track what a detector found earlier.

    Args:
        path: MOTChallenge detections, packed by gzip or not.
        fps: frames a second.
        settings: of the tracker.
        camera: the name the frames carry.
        start: UTC seconds of frame 1.

    Yields:
        Frame number from 1, and its tracks; every frame up to the last one with a detection.

    Raises:
        SourceError: the file cannot be read.
    """
    tracker = Tracker(settings or TrackerSettings(), [camera], IdAllocator())
    for frame, detections in read_mot(path).detections():
        yield frame, tracker.step([(camera, start + (frame - 1) / fps, detections)])[0]
