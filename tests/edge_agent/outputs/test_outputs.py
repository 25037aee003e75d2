from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.clock import to_rfc3339
from common.errors import StoreError
from common.messages import Event
from common.mot import read_mot
from edge_agent.capture.frame import Frame
from edge_agent.outputs import RunOutputs
from edge_agent.outputs.lines import LineFile
from edge_agent.outputs.video import AnnotatedVideo
from edge_agent.tracking import TrackedFrame

START = 1_772_353_800.25
SIZE = (320, 240)
NAMES = ("person", "bicycle")


def frame(index: int, size: tuple[int, int] = SIZE, camera: str = "door") -> Frame:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    return Frame(camera, index, START + index / 10, image, (8.0, 4.0))


def tracked(index: int, *rows: tuple[int, int, float, float, float, float]) -> TrackedFrame:
    """Rows of track, class, left, top, right, bottom."""
    table = np.asarray(rows, np.float64).reshape(-1, 6)
    n = len(table)
    return TrackedFrame(
        camera="door", time=START + index / 10, track=table[:, 0].astype(np.int64),
        xyxy=table[:, 2:].astype(np.float32), confidence=np.full(n, 0.8765, np.float32),
        class_id=table[:, 1].astype(np.int32), detection=np.arange(n, dtype=np.int32),
        started=np.zeros(n, np.bool_), re_entered=np.zeros(n, np.bool_), ended=np.zeros(0, np.int64))


def write_run(outputs: RunOutputs, frames: int = 10, global_ids: Mapping[int, str] | None = None) -> None:
    for k in range(frames):
        outputs.frame(frame(k), tracked(k, (1, 0, 20 + k, 30, 60 + k, 130), (2, 1, 200, 50.5, 250, 180)), NAMES,
                      global_ids or {})


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tracks_csv_has_its_columns_and_values(tmp_path: Path) -> None:
    with RunOutputs(tmp_path, "door", SIZE, 10) as outputs:
        write_run(outputs, 2, {2: "G17"})
    text = (tmp_path / "tracks.csv").read_text()
    assert text.splitlines()[0] == "frame,time,camera,track,label,confidence,x1,y1,x2,y2,global_id"
    rows = rows_of(tmp_path / "tracks.csv")
    assert len(rows) == 4
    assert rows[3] == {"frame": "1", "time": "1772353800.350", "camera": "door", "track": "2", "label": "bicycle",
                       "confidence": "0.8765", "x1": "200.00", "y1": "50.50", "x2": "250.00", "y2": "180.00",
                       "global_id": "G17"}
    assert rows[2]["global_id"] == ""


def test_a_class_without_a_name_and_one_with_a_comma(tmp_path: Path) -> None:
    with RunOutputs(tmp_path, "door", SIZE, 10) as outputs:
        outputs.frame(frame(0), tracked(0, (1, 5, 0, 0, 9, 9), (2, 0, 0, 0, 9, 9)), ('cat, "big"',), {})
    assert [row["label"] for row in rows_of(tmp_path / "tracks.csv")] == ["5", 'cat, "big"']


def test_mot_text_counts_from_one_and_is_read_back(tmp_path: Path) -> None:
    with RunOutputs(tmp_path, "door", SIZE, 10) as outputs:
        write_run(outputs, 3)
    assert (tmp_path / "mot.txt").read_text().splitlines()[0] == "1,1,20.00,30.00,40.00,100.00,0.8765,-1,-1,-1"
    read = read_mot(tmp_path / "mot.txt")
    assert read.frame.tolist() == [1, 1, 2, 2, 3, 3]
    assert read.id.tolist() == [1, 2] * 3
    assert read.xyxy[4].tolist() == [22, 30, 62, 130]


def test_events_are_one_json_object_a_line(tmp_path: Path) -> None:
    with RunOutputs(tmp_path, "door", SIZE, 10) as outputs:
        write_run(outputs, 1)
        outputs.events([
            Event(camera="door", run="r", kind="track_started", time=START, track=1, data={"frame": 0}),
            Event(camera="door", run="r", kind="id_switch_mitigated", time=START + 1, track=1,
                  data={"frame": 10, "other": 2, "why": "Ähnlichkeit"}),
        ])
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"time": "2026-03-01T08:30:00.250Z", "frame": 0, "camera": "door", "track": 1,
                        "kind": "track_started", "extra": {}}
    assert lines[1]["extra"] == {"other": 2, "why": "Ähnlichkeit"}
    assert json.loads((tmp_path / "summary.json").read_text())["events"] == {
        "id_switch_mitigated": 1, "track_started": 1}


def test_summary_adds_up_what_was_seen_to_what_the_run_knows(tmp_path: Path) -> None:
    outputs = RunOutputs(tmp_path, "door", SIZE, 10)
    write_run(outputs, 11)
    outputs.frame(frame(11), tracked(11), NAMES, {})
    told = outputs.close({"models": {"detector": {"name": "yolov8n"}}, "frames": 999, "notices": ["stand-in"]})
    assert told == json.loads((tmp_path / "summary.json").read_text())
    assert told["frames"] == 12
    assert told["boxes"] == 22
    assert told["tracks"] == 2
    assert told["tracks_by_label"] == {"person": 1, "bicycle": 1}
    assert told["seconds"] == pytest.approx(1.1)
    assert (told["first_time"], told["last_time"]) == (to_rfc3339(START), to_rfc3339(START + 1.1))
    assert told["models"]["detector"]["name"] == "yolov8n"
    assert told["notices"] == ["stand-in"]
    assert (told["width"], told["height"]) == SIZE
    assert "annotated" not in told
    assert outputs.close({}) == told


def test_a_camera_that_saw_nobody_leaves_whole_files(tmp_path: Path) -> None:
    with RunOutputs(tmp_path / "deep" / "folder", "door", SIZE, 10) as outputs:
        outputs.frame(frame(0), tracked(0), NAMES, {})
    folder = tmp_path / "deep" / "folder"
    assert rows_of(folder / "tracks.csv") == []
    assert (folder / "events.jsonl").read_text() == ""
    assert json.loads((folder / "summary.json").read_text())["tracks"] == 0


def test_a_new_run_replaces_the_old_one(tmp_path: Path) -> None:
    with RunOutputs(tmp_path, "door", SIZE, 10, annotate=True) as outputs:
        write_run(outputs, 9)
    assert (tmp_path / "annotated.mp4").exists()
    with RunOutputs(tmp_path, "door", SIZE, 10) as outputs:
        write_run(outputs, 1)
        assert not (tmp_path / "summary.json").exists()
    assert len(rows_of(tmp_path / "tracks.csv")) == 2
    assert not (tmp_path / "annotated.mp4").exists()


@pytest.mark.parametrize("size", [SIZE, (321, 241), (64, 128)])
def test_the_annotated_video_can_be_played(tmp_path: Path, size: tuple[int, int]) -> None:
    with RunOutputs(tmp_path, "door", size, 10, annotate=True) as outputs:
        for k in range(12):
            outputs.frame(frame(k, size), tracked(k, (1, 0, 10, 30, 50, 100)), NAMES, {})
        assert not (tmp_path / "annotated.mp4").exists(), "it has its name only when it is whole"
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["annotated"]["codec"] in ("avc1", "mp4v")
    capture = cv2.VideoCapture(str(tmp_path / "annotated.mp4"), cv2.CAP_FFMPEG)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(read[1])
    capture.release()
    assert len(pictures) == 12
    assert np.ptp(pictures[-1]) > 100, "nothing was drawn"
    height, width = pictures[0].shape[:2]
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "annotated.mp4", "events.jsonl", "mot.txt", "summary.json", "tracks.csv"]


def test_a_view_that_changes_its_size_goes_on_in_the_same_video(tmp_path: Path) -> None:
    with RunOutputs(tmp_path, "door", SIZE, 10, annotate=True) as outputs:
        write_run(outputs, 3)
        outputs.frame(frame(3, (640, 480)), tracked(3, (1, 0, 10, 30, 50, 130)), NAMES, {})
    capture = cv2.VideoCapture(str(tmp_path / "annotated.mp4"), cv2.CAP_FFMPEG)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    capture.release()


def test_an_unknown_frame_rate_is_no_trouble(tmp_path: Path) -> None:
    with AnnotatedVideo(tmp_path / "a.mp4", SIZE, 0.0) as video:
        video.write(frame(0).image)
    assert (tmp_path / "a.mp4").stat().st_size > 0


def test_a_video_without_frames_is_none(tmp_path: Path) -> None:
    with RunOutputs(tmp_path, "door", SIZE, 10, annotate=True):
        pass
    capture = cv2.VideoCapture(str(tmp_path / "annotated.mp4"), cv2.CAP_FFMPEG)
    assert not (tmp_path / "annotated.mp4").exists() or not capture.isOpened()


def test_a_file_holds_whole_lines_at_any_moment(tmp_path: Path) -> None:
    now = 0.0
    file = LineFile(tmp_path / "a.txt", monotonic=lambda: now)
    for k in range(20_000):
        now += 0.01
        file.write(f"line {k} of many\n")
        if k % 997 == 0:
            text = (tmp_path / "a.txt").read_text()
            assert text == "" or text.endswith(" of many\n")
            assert text.count("\n") >= k - 101, "it is more than a second behind"
    file.close()
    file.close()
    assert (tmp_path / "a.txt").read_text().splitlines() == [f"line {k} of many" for k in range(20_000)]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"):
        RunOutputs(tmp_path / "file" / "out", "door", SIZE, 10)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_plainly() -> None:
    file = LineFile(Path("/dev/full"))
    file.write("a line\n")
    with pytest.raises(StoreError, match=r"/dev/full cannot be written: No space left"):
        file.close()
    file.close()


INTERRUPTED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.edge_agent.outputs.test_outputs import NAMES, SIZE, RunOutputs, frame, tracked
outputs = RunOutputs(Path(sys.argv[1]), "door", SIZE, 10, annotate=True)
try:
    for k in range(10**9):
        outputs.frame(frame(k), tracked(k, (1, 0, 20, 30, 60, 130), (2, 1, 200, 50, 250, 180)), NAMES, {})
        if k == 20:
            print("running", flush=True)
except KeyboardInterrupt:
    outputs.close({"interrupted": True})
"""


@pytest.mark.system
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_files_of_a_run_that_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C leaves everything whole; SIGKILL at least whole lines and no half video under the video's name."""
    root = str(Path(__file__).parents[3])
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(tmp_path), root], stdout=subprocess.PIPE) as run:
        try:
            assert run.stdout
            assert run.stdout.readline() == b"running\n"
            time.sleep(1.3)
            run.send_signal(number)
            run.wait(20)
        finally:
            run.kill()  # it would go on for ever
    text = (tmp_path / "tracks.csv").read_text()
    assert text.endswith("\n")
    rows = rows_of(tmp_path / "tracks.csv")
    assert len(rows) > 20
    assert all(row["global_id"] == "" for row in rows)
    mot = (tmp_path / "mot.txt").read_text()
    assert all(len(line.split(",")) == 10 for line in mot.splitlines())
    if number == signal.SIGINT:
        summary = json.loads((tmp_path / "summary.json").read_text())
        assert summary["interrupted"] is True
        assert summary["boxes"] == len(rows) == mot.count("\n")
        capture = cv2.VideoCapture(str(tmp_path / "annotated.mp4"), cv2.CAP_FFMPEG)
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(summary["frames"], abs=1)
        capture.release()
    else:
        assert not (tmp_path / "annotated.mp4").exists()
        assert not (tmp_path / "summary.json").exists()
