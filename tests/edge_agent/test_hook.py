"""A user's own Python may do whatever it likes: the box goes on, and says what happened."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import ConfigError
from common.settings import from_mapping
from common.tracklet import Path as Way
from common.tracklet import Tracklet
from edge_agent.capture.frame import Frame
from edge_agent.hook import HookSettings
from edge_agent.hook import hook as module
from edge_agent.hook.hook import Hook
from edge_agent.tracking import TrackedFrame

WRITE = """
import json, sys
from pathlib import Path
OUT = Path(__file__).with_suffix(".out")
def note(**row):
    with OUT.open("a") as file:
        file.write(json.dumps(row) + "\\n")
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.05)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Hook]]:
    running = []

    def start(text: str, **settings: Any) -> Hook:
        (tmp_path / "mine.py").write_text(WRITE + text)
        hook = Hook(HookSettings(run=str(tmp_path / "mine.py"), **{"fps": 1000, **settings}), lambda: ("person",))
        hook.start()
        running.append(hook)
        return hook

    yield start
    for hook in running:
        hook.stop()


def notes(folder: Path) -> list[dict[str, Any]]:
    out = folder / "mine.out"
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def frame(index: int, camera: str = "door", side: int = 48) -> tuple[Frame, TrackedFrame, dict[int, str]]:
    image = np.full((side, side, 3), index % 256, np.uint8)
    no = np.zeros(2, np.bool_)
    tracked = TrackedFrame(camera=camera, time=index / 10, track=np.array([7, 9]),
                           detection=np.arange(2, dtype=np.int32),
                           xyxy=np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32), started=no, re_entered=no,
                           confidence=np.ones(2, np.float32), class_id=np.zeros(2, np.int32),
                           ended=np.zeros(0, np.int64))
    return Frame(camera=camera, index=index, time=index / 10, image=image), tracked, {7: "G1"}


def tracklet(track: int, camera: str = "door") -> Tracklet:
    return Tracklet(camera=camera, run="r", track=track, part=0, final=True, start=0, end=5, label="person", frames=9,
                    confidence=0.9, model="", mean=np.zeros(0, np.float32), embeddings=np.zeros((0, 0), np.float32),
                    quality=np.zeros(0, np.float32), embedding_times=np.zeros(0), path=Way.empty())


def test_frames_and_tracklets_come_as_they_were(tmp_path: Path, started: Callable[..., Hook]) -> None:
    hook = started("""
def on_frame(frame):
    note(index=frame.index, pixel=int(frame.image[-1, -1, 2]), shape=frame.image.shape, box=frame.xyxy[1].tolist(),
         tracks=frame.track.tolist(), ids=frame.global_id, label=frame.label,
         writeable=bool(frame.image.flags.writeable))
def on_tracklet(tracklet):
    note(track=tracklet.track, seconds=tracklet.end - tracklet.start)
""")
    hook.offer_frame(*frame(41, side=1200))
    hook.offer_tracklets([tracklet(3)])
    until(lambda: len(notes(tmp_path)) == 2)
    first, second = sorted(notes(tmp_path), key=len)
    assert first == {"track": 3, "seconds": 5.0}
    assert second == {"index": 41, "pixel": 41, "shape": [1200, 1200, 3], "box": [5, 6, 7, 8], "tracks": [7, 9],
                      "ids": ["G1", ""], "label": ["person", "person"], "writeable": False}
    until(lambda: hook.figures()["tracklets"] == hook.figures()["frames"] == 1)


def test_what_raises_is_counted_and_the_next_call_comes(tmp_path: Path, started: Callable[..., Hook],
                                                        caplog: pytest.LogCaptureFixture) -> None:
    hook = started("""
def on_tracklet(tracklet):
    if tracklet.track == 1:
        raise KeyError("not mine")
    print("it may print", flush=True)
    note(stdin=sys.stdin.read(), track=tracklet.track)
""")
    hook.offer_tracklets([tracklet(1), tracklet(2)])
    until(lambda: notes(tmp_path))
    assert notes(tmp_path) == [{"stdin": "", "track": 2}]
    assert hook.figures() | {"waiting": 0} == {"frames": 0, "tracklets": 2, "dropped": 0, "errors": 1, "restarts": 0,
                                               "waiting": 0}
    assert "KeyError: 'not mine'" in caplog.text


@pytest.mark.parametrize("end", ["sys.exit(3)", "__import__('os')._exit(0)", "__import__('os').kill("
                                                                            "__import__('os').getpid(), 11)"])
def test_what_ends_its_process_is_begun_anew(tmp_path: Path, started: Callable[..., Hook], end: str) -> None:
    hook = started(f"""
def on_tracklet(tracklet):
    if tracklet.track == 1:
        {end}
    note(track=tracklet.track)
""")
    hook.offer_tracklets([tracklet(1), tracklet(2)])
    until(lambda: notes(tmp_path))
    assert notes(tmp_path) == [{"track": 2}]
    assert hook.figures()["restarts"] == 1


def test_what_hangs_delays_nobody_and_is_begun_anew(tmp_path: Path, started: Callable[..., Hook]) -> None:
    hook = started("""
import time
def on_frame(frame):
    note(index=frame.index)
    if frame.index == 0:
        time.sleep(3600)
""", timeout_s=3)
    hook.offer_frame(*frame(0))
    until(lambda: notes(tmp_path))
    slowest = 0.0
    for index in range(1, 200):
        began = time.thread_time()
        hook.offer_frame(*frame(index))
        slowest = max(slowest, time.thread_time() - began)
        time.sleep(0.002)  # or they come faster than any camera's
    assert slowest < 0.05
    assert hook.figures()["dropped"] > 100
    until(lambda: len(notes(tmp_path)) == 2)
    assert notes(tmp_path)[1]["index"] > 190, "the newest frame waits"
    assert hook.figures()["restarts"] == 1


def test_tracklets_beyond_the_queue_are_dropped_oldest_first_and_counted(
        tmp_path: Path, started: Callable[..., Hook]) -> None:
    hook = started("""
from pathlib import Path
import time
def on_tracklet(tracklet):
    note(track=tracklet.track)
    while not OUT.with_name("go").exists():
        time.sleep(0.01)
""", queue=10)
    hook.offer_tracklets([tracklet(0)])
    until(lambda: notes(tmp_path))
    hook.offer_tracklets([tracklet(k) for k in range(1, 31)])
    assert hook.figures()["dropped"] == 20
    (tmp_path / "go").touch()
    until(lambda: len(notes(tmp_path)) == 11)
    assert [row["track"] for row in notes(tmp_path)] == [0, *range(21, 31)]


def test_at_the_end_it_gets_what_waits(tmp_path: Path, started: Callable[..., Hook]) -> None:
    hook = started("def on_tracklet(tracklet):\n    note(track=tracklet.track)\n")
    hook.offer_tracklets([tracklet(0)])
    until(lambda: notes(tmp_path))
    hook.offer_tracklets([tracklet(k) for k in range(1, 20)])
    hook.stop()
    assert len(notes(tmp_path)) == 20


def test_only_the_asked_cameras_and_not_every_frame(tmp_path: Path, started: Callable[..., Hook]) -> None:
    hook = started("def on_frame(frame):\n    note(camera=frame.camera)\n", cameras=("door",), fps=0.001)
    for index in range(20):
        hook.offer_frame(*frame(index))
        hook.offer_frame(*frame(index, camera="yard"))
    until(lambda: notes(tmp_path))
    hook.stop()
    assert notes(tmp_path) == [{"camera": "door"}]


def test_a_module_that_cannot_be_used_is_told_of_and_tried_again(
        tmp_path: Path, started: Callable[..., Hook], caplog: pytest.LogCaptureFixture) -> None:
    hook = started("import does_not_exist\n")
    until(lambda: hook.figures()["restarts"] >= 1)
    assert "No module named 'does_not_exist'" in caplog.text
    (tmp_path / "mine.py").write_text(WRITE + "def on_tracklet(tracklet):\n    note(track=tracklet.track)\n")
    hook.offer_tracklets([tracklet(4)])
    until(lambda: notes(tmp_path) == [{"track": 4}])


def test_a_hook_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    for name in (str(tmp_path / "none.py"), "no.such.module"):
        with pytest.raises(ConfigError, match="there is no such"):
            from_mapping({"run": name}, HookSettings, "test").check()
    HookSettings(run="json").check()
