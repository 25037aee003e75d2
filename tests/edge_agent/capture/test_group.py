from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import ManualClock, SystemClock
from common.errors import ConfigError, PassageError, SourceError
from edge_agent.capture.frame import Frame
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.settings import CameraSettings
from edge_agent.capture.source import Source
from tests.edge_agent.capture.fakes import (
    Camera,
    Film,
    drain,
    file_camera,
    film_times,
    live_camera,
    wait_until,
)
from tests.support.videos import make_video, number_in

NOON = 1_772_366_400.0


def opener(sources: Mapping[str, Source | Callable[[], Source]]) -> Callable[[CameraSettings, float, float], Source]:
    def open_(camera: CameraSettings, open_timeout: float, read_timeout: float) -> Source:
        source = sources[camera.id]
        return source() if callable(source) else source

    return open_


def group_of(cameras: list[CameraSettings], sources: Mapping[str, Source | Callable[[], Source]],
             **more: object) -> CaptureGroup:
    return CaptureGroup(cameras, ManualClock(NOON), opener=opener(sources), randomness=random.Random(1),
                        **({"retry_first_s": 0.01, "retry_longest_s": 0.02} | more))  # type: ignore[arg-type]


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    """Cameras that were given it hang until it is set."""
    event = threading.Event()
    yield event
    event.set()


def indices(batches: list[list[Frame]], camera: str) -> list[int]:
    return [frame.index for batch in batches for frame in batch if frame.camera == camera]


def test_a_file_never_loses_a_frame_however_slow_the_reader() -> None:
    group = group_of([file_camera("a")], {"a": Film(film_times(40, 10))})
    group.start()
    batches = []
    while not group.finished:
        batches.append(group.next_batch(timeout=1.0))
        time.sleep(0.002)
    assert indices(batches, "a") == list(range(40))
    assert all(int(frame.image[0, 0, 0]) == frame.index for batch in batches for frame in batch)
    status = group.status()["a"]
    assert (status.state, status.frames, status.dropped, status.last_error) == ("ended", 40, 0, None)
    assert group.stop()


def test_a_file_is_read_at_most_two_frames_ahead() -> None:
    grabbed: list[int] = []
    group = group_of([file_camera("a")], {"a": Film(film_times(50, 10), before=grabbed.append)})
    group.start()
    wait_until(lambda: group.status()["a"].frames == 3)
    time.sleep(0.05)
    assert max(grabbed) == 2  # two wait, one is in the thread's hand
    assert group.stop()


def test_a_live_camera_gives_its_newest_frame_and_drops_the_rest() -> None:
    group = group_of([live_camera("a")], {"a": Camera(period=0.001)})
    group.start()
    wait_until(lambda: group.status()["a"].frames > 20)
    seen = group.status()["a"].frames
    (frame,) = group.next_batch(timeout=1.0)
    assert frame.index >= seen - 1
    assert group.status()["a"].dropped >= 15
    assert not group.finished
    assert group.stop()


def test_one_batch_holds_a_frame_of_every_camera_that_has_one_in_their_order(silence: threading.Event) -> None:
    cameras = [live_camera("b"), live_camera("a"), live_camera("c")]
    group = group_of(cameras, {name: Camera(frames=5, hangs=silence) for name in "abc"})
    group.start()
    wait_until(lambda: all(status.frames == 5 for status in group.status().values()))
    assert [frame.camera for frame in group.next_batch(timeout=1.0)] == ["b", "a", "c"]
    assert group.next_batch(timeout=0.01) == []
    silence.set()
    assert group.stop()


def test_cropping_copies_nothing() -> None:
    film = Film(film_times(3, 10), size=(64, 48))
    group = group_of([file_camera("a", crop=[10, 5, 40, 45])], {"a": film})
    group.start()
    batches = drain(group)
    for (frame,), picture in zip(batches, film.pictures, strict=True):
        assert frame.image.shape == (40, 30, 3)
        assert frame.view == (10.0, 5.0)
        assert np.shares_memory(frame.image, picture)
    group.stop()


def test_a_crop_beyond_the_picture_is_told_with_both_sizes() -> None:
    group = group_of([file_camera("a", crop=[0, 0, 65, 48])], {"a": Film(film_times(3, 10), size=(64, 48))})
    group.start()
    drain(group)
    with pytest.raises(ConfigError, match=r"\[0, 0, 65, 48\] reaches beyond its picture of 64×48"):
        group.raise_if_nothing_was_read("a")
    group.stop()


# Time


def test_times_of_files_follow_start_scale_and_offset() -> None:
    cameras = [file_camera("now"), file_camera("then", clock={"start": "2026-03-01T08:30:00Z"}),
               file_camera("slow", clock={"start": 1000.0, "scale": 2.0, "offset": -3.0})]
    group = group_of(cameras, {name: Film([0, 0.1, 0.5]) for name in ("now", "then", "slow")})
    group.start()
    frames = [frame for batch in drain(group) for frame in batch]
    by_camera = {camera.id: [frame.time for frame in frames if frame.camera == camera.id] for camera in cameras}
    assert by_camera["now"] == pytest.approx([NOON, NOON + 0.1, NOON + 0.5])
    assert by_camera["then"] == pytest.approx([1772353800, 1772353800.1, 1772353800.5])
    assert by_camera["slow"] == pytest.approx([997, 997.2, 998])
    group.stop()


def test_live_frames_carry_the_clocks_time_and_the_cameras_offset() -> None:
    group = group_of([live_camera("a", clock={"offset": 60.0, "scale": 9.0})], {"a": Camera(frames=1)})
    group.start()
    (frame,) = group.next_batch(timeout=1.0)
    assert frame.time == NOON + 60
    group.stop()


def test_live_times_rise_when_the_computers_clock_is_set_back_a_little(silence: threading.Event) -> None:
    clock = ManualClock(NOON)

    class Stepping(Camera):
        def grab(self) -> float | None:
            clock.time += -0.5 if self._at == 3 else 0.1
            return super().grab()

    camera = Stepping(frames=8, period=0.02, hangs=silence)
    group = CaptureGroup([live_camera("a")], clock, opener=opener({"a": camera}))
    group.start()
    times = []
    while len(times) < 6:
        times += [frame.time for frame in group.next_batch(timeout=1.0)]
    assert times == sorted(set(times))
    silence.set()
    group.stop()


def test_a_loop_goes_on_in_time_and_number() -> None:
    opened = 0

    def film() -> Film:
        nonlocal opened
        opened += 1
        return Film(film_times(5, 10))

    group = group_of([file_camera("a", loop=True)], {"a": film})
    group.start()
    frames: list[Frame] = []
    while len(frames) < 13:
        frames += group.next_batch(timeout=1.0)
    assert [frame.index for frame in frames] == list(range(13))
    assert [frame.time - NOON for frame in frames] == pytest.approx([k / 10 for k in range(13)], abs=1e-6)
    assert opened == 3
    assert group.frame_count("a") is None
    assert not group.finished
    assert group.stop()


# Several files on one clock


@settings(max_examples=25, deadline=None)
@given(rates=st.lists(st.sampled_from([1.0, 5.0, 7.5, 12.5, 25.0, 30.0]), min_size=1, max_size=4),
       starts=st.lists(st.floats(0, 6), min_size=4, max_size=4), skew=st.sampled_from([0.05, 0.4, 2.0]))
def test_files_stay_together_and_no_frame_is_lost(rates: list[float], starts: list[float], skew: float) -> None:
    cameras = [file_camera(f"c{k}", clock={"start": starts[k]}) for k in range(len(rates))]
    films = {f"c{k}": Film(film_times(int(2 * rate) + 1, rate)) for k, rate in enumerate(rates)}
    group = group_of(cameras, films, max_skew_s=skew)
    group.start()
    batches = drain(group)
    group.stop()
    # Oracle: whatever of each file is still to come when a batch is taken.
    left = {f"c{k}": [starts[k] + second for second in film_times(int(2 * rate) + 1, rate)]
            for k, rate in enumerate(rates)}
    for batch in batches:
        behind = min(times[0] for times in left.values() if times)
        assert behind in [frame.time for frame in batch], "the file furthest behind goes first"
        for frame in batch:
            assert frame.time <= behind + skew + 1e-9
            assert frame.time == left[frame.camera].pop(0)
    assert not any(left.values())


def test_equal_files_come_in_full_batches() -> None:
    names = ["a", "b", "c"]
    group = group_of([file_camera(name) for name in names], {name: Film(film_times(20, 10)) for name in names})
    group.start()
    assert Counter(len(batch) for batch in drain(group)) == {3: 20}
    group.stop()


def test_files_do_not_wait_for_ever_for_one_that_hangs() -> None:
    freed = threading.Event()
    films = {"good": Film(film_times(10, 10)),
             "hangs": Film(film_times(10, 10), before=lambda k: freed.wait(20) and None if k == 3 else None)}
    group = group_of([file_camera("good"), file_camera("hangs")], films, stall_s=0.2)
    group.start()
    batches = []
    while len(indices(batches, "good")) < 10:
        batch = group.next_batch(timeout=5.0)
        assert batch
        batches.append(batch)
    assert indices(batches, "hangs") == [0, 1, 2]
    assert group.status()["hangs"].state == "stalled"
    freed.set()
    batches += drain(group)
    assert indices(batches, "hangs") == list(range(10))
    assert group.stop()


def test_one_broken_file_does_not_stop_the_other() -> None:
    def missing() -> Source:
        raise SourceError("bad.avi does not exist")

    group = group_of([file_camera("bad"), file_camera("good")], {"bad": missing, "good": Film(film_times(5, 10))})
    group.start()
    assert indices(drain(group), "good") == [0, 1, 2, 3, 4]
    status = group.status()["bad"]
    assert (status.state, status.last_error) == ("failed", "bad.avi does not exist")
    with pytest.raises(SourceError, match="does not exist"):
        group.raise_if_nothing_was_read("bad")
    group.raise_if_nothing_was_read("good")
    group.stop()


def test_a_surprise_in_one_camera_is_kept_there() -> None:
    def broken() -> Source:
        raise RuntimeError("a bug")

    group = group_of([file_camera("bad"), file_camera("good")], {"bad": broken, "good": Film(film_times(5, 10))})
    group.start()
    assert indices(drain(group), "good") == [0, 1, 2, 3, 4]
    assert "a bug" in (group.status()["bad"].last_error or "")
    group.stop()


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_files_keep_pace(speed: float) -> None:
    times = film_times(13, 40)
    group = group_of([file_camera("a"), file_camera("b")], {"a": Film(times), "b": Film(times)}, speed=speed)
    group.start()
    began = time.monotonic()
    drain(group)
    took = time.monotonic() - began
    assert times[-1] / speed - 0.02 <= took < times[-1] / speed + 0.5
    group.stop()


def test_most_frames_a_second() -> None:
    group = group_of([file_camera("a", max_fps=5)], {"a": Film(film_times(50, 25), fps=25)})
    group.start()
    chosen = indices(drain(group), "a")
    assert chosen[:4] == [0, 5, 10, 15]
    assert group.fps("a") == 5
    group.stop()


# Cameras that go away


def test_a_camera_that_breaks_is_opened_again_and_goes_on() -> None:
    cameras: list[Camera] = []

    def camera() -> Camera:
        if len(cameras) in (1, 2):
            cameras.append(Camera())
            raise SourceError("nobody answers")
        cameras.append(Camera(frames=10, period=0.001))
        return cameras[-1]

    group = group_of([live_camera("a")], {"a": camera})
    group.start()
    frames: list[Frame] = []
    while group.status()["a"].reconnects < 1:
        frames += group.next_batch(timeout=0.5)
    frames += group.next_batch(timeout=1.0)
    assert group.status()["a"].last_error in ("the camera is gone", "nobody answers")
    assert cameras[0].closed
    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
    assert frames[-1].index >= 10
    group.stop()


def test_a_camera_that_never_opens_does_not_stop_the_others_and_is_never_finished() -> None:
    attempts = 0

    def dead() -> Source:
        nonlocal attempts
        attempts += 1
        raise SourceError("nobody answers")

    group = group_of([live_camera("dead"), file_camera("good")], {"dead": dead, "good": Film(film_times(30, 10))})
    group.start()
    seen: list[list[Frame]] = []
    while len(seen) < 30:
        seen.append(group.next_batch(timeout=1.0))
    assert indices(seen, "good") == list(range(30))
    wait_until(lambda: attempts >= 3)
    assert not group.finished
    status = group.status()["dead"]
    assert (status.state, status.frames, status.last_error) == ("waiting", 0, "nobody answers")
    with pytest.raises(PassageError, match="nobody answers"):
        group.raise_if_nothing_was_read("dead")
    assert group.stop()


def test_a_silent_camera_is_called_stalled(silence: threading.Event) -> None:
    group = group_of([live_camera("a")], {"a": Camera(frames=3, hangs=silence)}, stall_s=0.1)
    group.start()
    wait_until(lambda: bool(group.next_batch(timeout=0.01)))
    wait_until(lambda: group.status()["a"].state == "stalled")
    silence.set()
    wait_until(lambda: group.status()["a"].reconnects == 1)
    group.stop()


def test_stop_does_not_wait_for_a_read_that_hangs(silence: threading.Event) -> None:
    camera = Camera(frames=0, hangs=silence)
    group = group_of([live_camera("a"), file_camera("b")], {"a": camera, "b": Film(film_times(100, 10))})
    group.start()
    group.next_batch(timeout=0.2)
    began = time.monotonic()
    assert group.stop() is False
    assert time.monotonic() - began < 1.5
    assert group.finished
    assert group.next_batch(timeout=1.0) == []
    assert not camera.closed  # nobody takes it away from under the read
    silence.set()
    wait_until(lambda: camera.closed)


def test_next_batch_returns_as_soon_as_it_is_stopped(silence: threading.Event) -> None:
    group = group_of([live_camera("a")], {"a": Camera(frames=0, hangs=silence)})
    group.start()
    threading.Timer(0.1, group.stop).start()
    began = time.monotonic()
    assert group.next_batch(timeout=10.0) == []
    assert time.monotonic() - began < 2


def test_the_rate_is_that_of_the_last_seconds() -> None:
    now = 0.0
    group = group_of([live_camera("a")], {}, monotonic=lambda: now)
    lane = group._lanes["a"]
    lane.opened(True, 0.0, None)
    picture = np.zeros((4, 4, 3), np.uint8)
    lane.put(Frame("a", 0, now, picture))
    assert lane.status().fps <= 1
    assert group.fps("a") == 0  # nobody can tell yet
    for k in range(200):
        now = k / 20
        lane.put(Frame("a", k, now, picture))
    assert lane.status().fps == pytest.approx(20, rel=0.05)
    now += 3  # silence counts, though it is no stall yet
    assert lane.status().fps == pytest.approx(8, rel=0.1)
    assert group.fps("a") == lane.status().fps


def test_real_files_together_leave_nothing_open(tmp_path: Path) -> None:
    left = make_video(tmp_path / "left.avi", frames=25, fps=10)
    right = make_video(tmp_path / "right.avi", frames=50, fps=20)
    cameras = [CameraSettings(id="left", source=str(left)), CameraSettings(id="right", source=str(right))]

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0

    counts = []
    for _ in range(4):
        group = CaptureGroup(cameras, SystemClock())
        group.start()
        batches = drain(group)
        assert group.stop()
        counts.append((descriptors(), threading.active_count()))
        for name, frames in (("left", 25), ("right", 50)):
            numbers = [number_in(f.image) for batch in batches for f in batch if f.camera == name]
            assert numbers == list(range(frames))
    assert counts[-1] == counts[1]
    assert (group.fps("left"), group.frame_count("right")) == (10.0, 50)
