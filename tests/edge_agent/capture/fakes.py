"""Sources without a decoder, for tests of what is done with pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from common.errors import SourceError
from edge_agent.capture.frame import Frame
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.settings import CameraSettings


class Film:
    """A file whose frames stand at these seconds; picture k is filled with k."""

    live = False

    def __init__(self, times: Sequence[float], fps: float = 10.0, size: tuple[int, int] = (8, 6),
                 before: Callable[[int], None] | None = None) -> None:
        self.fps, self.frames = fps, len(times)
        self.pictures = [np.full((size[1], size[0], 3), k % 256, np.uint8) for k in range(len(times))]
        self.closed = False
        self._times, self._before, self._at = times, before, -1

    def grab(self) -> float | None:
        self._at += 1
        if self._before:
            self._before(self._at)
        return self._times[self._at] if self._at < len(self._times) else None

    def picture(self) -> NDArray[np.uint8] | None:
        return self.pictures[self._at]

    def problem(self) -> SourceError | None:
        return None

    def close(self) -> None:
        self.closed = True


class Camera(Film):
    """A live camera that gives so many frames when told to, then breaks, or hangs until it is let go."""

    live = True

    def __init__(self, frames: int = 10**6, period: float = 0.002, hangs: threading.Event | None = None) -> None:
        super().__init__([0.0] * min(frames, 256))
        self.frames = None  # type: ignore[assignment]
        self._left, self._period, self._hangs = frames, period, hangs

    def grab(self) -> float | None:
        if self._left == 0:
            if self._hangs:
                self._hangs.wait(20)
            raise SourceError("the camera is gone")
        self._left -= 1
        self._at = (self._at + 1) % 256
        time.sleep(self._period)
        return 0.0


def film_times(frames: int, fps: float) -> list[float]:
    return [k / fps for k in range(frames)]


def file_camera(name: str, **more: object) -> CameraSettings:
    return CameraSettings.model_validate({"id": name, "source": f"{name}.avi", **more})


def live_camera(name: str, **more: object) -> CameraSettings:
    return CameraSettings.model_validate({"id": name, "source": f"rtsp://127.0.0.1/{name}", **more})


def drain(group: CaptureGroup, seconds: float = 10.0) -> list[list[Frame]]:
    """All batches until the files have ended."""
    batches = []
    deadline = time.monotonic() + seconds
    while not group.finished:
        assert time.monotonic() < deadline, group.status()
        batch = group.next_batch(timeout=5.0)
        if batch:
            batches.append(batch)
    return batches


def wait_until(what: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
