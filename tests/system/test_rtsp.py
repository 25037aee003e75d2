"""A camera that speaks real RTSP, goes away, and comes back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from common.clock import SystemClock
from edge_agent.capture.frame import Frame
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.settings import CameraSettings
from tests.support.rtsp import Server, skip_without_server
from tests.support.videos import make_video, number_in

FPS = 15.0

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", autouse=True)
def _server_is_there() -> None:
    skip_without_server()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(make_video(tmp_path / "street.avi", frames=600, fps=FPS))
    served.start()
    yield served
    served.kill()


def _collect(group: CaptureGroup, frames: list[Frame], until: Callable[[], bool], seconds: float, told: str) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"{told}; {group.status()}"
        frames += group.next_batch(timeout=0.2)


def test_camera_comes_back_after_its_server_was_killed(server: Server) -> None:
    camera = CameraSettings(id="street", source=server.url)
    group = CaptureGroup([camera], SystemClock(), open_timeout_s=5, read_timeout_s=2, retry_first_s=0.2,
                         retry_longest_s=1, randomness=random.Random(1))
    before: list[Frame] = []
    after: list[Frame] = []
    group.start()
    try:
        _collect(group, before, lambda: len(before) >= 20, 20, "no 20 frames came")
        assert group.status()["street"].state == "running"

        server.kill()
        _collect(group, before, lambda: group.status()["street"].state == "waiting", 10, "the loss went unnoticed")
        assert group.status()["street"].last_error
        before += group.next_batch(timeout=0)  # what it still held
        server.start()
        _collect(group, after, lambda: len(after) >= 20, 20, "it did not come back")
    finally:
        stopped = group.stop()
    assert stopped
    assert group.status()["street"].reconnects >= 1

    # Real pictures in the order in which they were filmed, in both sessions.
    for session in (before, after):
        numbers = [number_in(frame.image) for frame in session]
        assert numbers == sorted(numbers)
        assert len(set(numbers)) > 10
    # Frame numbers and times go on over the gap, and times are those of now.
    both = before + after
    assert all(a.index < b.index and a.time < b.time for a, b in pairwise(both))
    assert abs(both[-1].time - time.time()) < 10


def test_frames_come_at_the_cameras_pace_and_fresh(server: Server) -> None:
    """A slow reader gets new pictures, not old ones: what it has not taken is dropped."""
    group = CaptureGroup([CameraSettings(id="street", source=server.url)], SystemClock(), open_timeout_s=5)
    group.start()
    try:
        frames: list[Frame] = []
        _collect(group, frames, lambda: len(frames) >= 5, 20, "no frames came")
        time.sleep(1.0)
        asked = time.time()
        (frame,) = group.next_batch(timeout=2)
        status = group.status()["street"]
    finally:
        group.stop()
    assert frame.time > asked - 3 / FPS - 0.2, "the frame had been waiting"
    assert status.dropped >= FPS * 0.5
    assert group.fps("street") == pytest.approx(FPS, rel=0.1)


def test_one_dead_camera_does_not_stop_the_other(server: Server) -> None:
    gone = f"rtsp://user:secret@127.0.0.1:{server.port}/no-such-camera"
    group = CaptureGroup([CameraSettings(id="dead", source=gone), CameraSettings(id="street", source=server.url)],
                         SystemClock(), open_timeout_s=2, retry_first_s=0.1, retry_longest_s=0.2)
    group.start()
    try:
        frames: list[Frame] = []
        _collect(group, frames, lambda: len(frames) >= 20, 20, "the living camera gave no frames")
        _collect(group, frames, lambda: group.status()["dead"].state == "waiting", 10, "the dead one is not told")
        error = group.status()["dead"].last_error
    finally:
        group.stop()
    assert {frame.camera for frame in frames} == {"street"}
    assert error is not None
    assert "no-such-camera" in error
    assert "secret" not in error


def test_threads_and_sockets_are_given_back(server: Server) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0

    def session() -> None:
        group = CaptureGroup([CameraSettings(id="street", source=server.url)], SystemClock(), open_timeout_s=5)
        group.start()
        try:
            frames: list[Frame] = []
            _collect(group, frames, lambda: len(frames) >= 1, 20, "no frames came")
        finally:
            assert group.stop()

    session()  # libraries open files of their own the first time
    before = descriptors()
    for _ in range(3):
        session()
    assert descriptors() <= before
