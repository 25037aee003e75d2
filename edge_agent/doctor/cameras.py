"""Cameras: is there a picture, often enough, and is somebody found in it who can be followed?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.clock import SystemClock
from common.errors import SourceError
from common.findings import Finding, of_error
from edge_agent.capture.frame import Frame
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.settings import CameraSettings
from edge_agent.settings import StreamSettings
from edge_agent.tracking import TrackerSettings
from models.detector import Detector

LEAST_FPS = 4.0
"""Below, a walking person moves more than their own width from frame to frame, and overlap no longer links boxes."""
ENOUGH = 20
FEW = 0.1


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a few seconds of a camera showed. `sure`: confidences of what was found, (n,) float32; `fps` as it came."""

    camera: str
    fps: float
    frames: int
    sure: NDArray[np.float32]


def look(camera: CameraSettings, streams: StreamSettings, detector: Detector | None, seconds: float) -> Glimpse:
    """Watch a camera for so long. Files are looked at as fast as they are read.

    Raises:
        SourceError: no picture came.
    """
    group = CaptureGroup([camera], clock=SystemClock(), **streams.model_dump())
    frames, sure, began = 0, [np.zeros(0, np.float32)], 0.0
    group.start()
    try:
        until = time.monotonic() + streams.open_timeout_s + streams.read_timeout_s
        while time.monotonic() < until:
            batch: Sequence[Frame] = group.next_batch(timeout=0.25)
            if not batch:
                if group.finished:
                    break
                continue
            if not began:
                began = time.monotonic()
                until = began + seconds
            frames += len(batch)
            if detector is not None and frames % 5 == 1:
                sure += [found.confidence for found in detector.detect([frame.image for frame in batch])]
        if not frames:
            group.raise_if_nothing_was_read(camera.id)
            raise SourceError(f"camera '{camera.id}': no picture came within "
                              f"{streams.open_timeout_s + streams.read_timeout_s:g} s",
                              "see that it is switched on and that the address is right")
        return Glimpse(camera.id, float(group.fps(camera.id)), frames, np.concatenate(sure))
    finally:
        group.stop()


def examine_camera(camera: CameraSettings, streams: StreamSettings, detector: Detector | None,
                   tracker: TrackerSettings, seconds: float) -> list[Finding]:
    """All about one camera."""
    try:
        glimpse = look(camera, streams, detector, seconds)
    except SourceError as error:
        return [of_error(f"camera {camera.id}", error, "pictures")]
    asked = min(glimpse.fps, camera.max_fps or float("inf"))
    return [rate(camera.id, asked), confidence(glimpse, tracker)]


def rate(camera: str, fps: float) -> Finding:
    """Are there enough frames a second to follow people?"""
    if 0 < fps < LEAST_FPS:
        return Finding(what=f"camera {camera}", wrong=True, seen=f"{fps:.3g} frames a second",
                       expected=f"at least {LEAST_FPS:g}: with fewer, people are lost from frame to frame",
                       cure="raise the frame rate in the camera's own settings, or 'max_fps' here")
    return Finding(what=f"camera {camera}", seen=f"{fps:.3g} frames a second")


def confidence(glimpse: Glimpse, tracker: TrackerSettings) -> Finding:
    """Are people found so surely that tracks begin?"""
    what, sure = f"detections of {glimpse.camera}", glimpse.sure
    if len(sure) < ENOUGH:
        return Finding(what=what, seen=f"{len(sure)} in {glimpse.frames} frames: too few to judge the thresholds by")
    share = float((sure >= tracker.high_confidence).mean())
    middle = float(np.median(sure))
    seen = f"{len(sure)}, {100 * share:.0f} % of them surer than {tracker.high_confidence:g}; median {middle:.2f}"
    if share < FEW:
        return Finding(what=what, wrong=True, seen=seen,
                       expected=f"at least {100 * FEW:.0f} %: others start no track, so people are found and not "
                                "followed",
                       cure=f"set 'tracker.high_confidence: {max(0.15, round(middle, 1)):g}' and 'confirm_confidence' "
                            "a "
                            "little above it; or a larger 'detector.size', if people are small in the picture")
    return Finding(what=what, seen=seen)


def capacity(per_frame_s: float, wanted: dict[str, float]) -> Finding:
    """Can this box look at all its cameras as often as they ask? `wanted`: frames a second by camera."""
    total = sum(wanted.values())
    can = 1 / per_frame_s if per_frame_s else float("inf")
    seen = f"{can:.0f} frames a second can be looked at; {len(wanted)} cameras give {total:.0f}"
    each = can / max(1, len(wanted))
    if each >= LEAST_FPS or can >= total:
        return Finding(what="speed", seen=seen)
    return Finding(what="speed", wrong=True, seen=seen, expected=f"at least {LEAST_FPS:g} for each camera",
                   cure="a smaller 'detector.size' or network, a GPU ('models.device'), or fewer cameras on this box")
