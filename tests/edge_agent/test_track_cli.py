"""`edge-agent track`: the files it writes, and what it says of bad input."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, PassageError
from edge_agent.capture.settings import CameraSettings
from edge_agent.settings import ModelSettings
from edge_agent.track_cli import track, track_source
from edge_agent.tracking import TrackerSettings
from models.detector import DetectorSettings
from tests.support.blobs import Walker, write_detector, write_video


def run_track(tmp_path: Path, video: Path, **more: bool) -> dict[str, object]:
    return track_source(
        CameraSettings(id="hall", source=str(video)), tmp_path / "out",
        ModelSettings(detector=str(write_detector(tmp_path / "blobs.onnx")), device="cpu", threads=1),
        DetectorSettings(iou=0.25, size=320, confidence=0.3), TrackerSettings(), **more)


def test_one_video_becomes_all_the_files(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi", [Walker(0, 60, -20, 340), Walker(25, 70, 340, -20, foot=150)], 80)
    summary = run_track(tmp_path, video, annotate=True)
    out = tmp_path / "out"
    rows = list(csv.DictReader((out / "tracks.csv").read_text().splitlines()))
    assert {row["track"] for row in rows} == {"1", "2"}
    assert {row["label"] for row in rows} == {"person"}
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert [event["kind"] for event in events].count("track_started") == 2
    assert [event["kind"] for event in events].count("track_ended") == 2
    mot = [line.split(",") for line in (out / "mot.txt").read_text().splitlines()]
    assert {len(row) for row in mot} == {10}
    assert min(int(row[0]) for row in mot) >= 1
    assert json.loads((out / "summary.json").read_text()) == json.loads(json.dumps(summary))
    assert summary["frames"] == 80
    assert summary["tracks_by_label"] == {"person": 2}
    reader = cv2.VideoCapture(str(out / "annotated.mp4"))
    assert int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) == 80
    with np.load(out / "visits.npz") as visits:
        assert visits["embedding_stripes"].shape[0] == 2


def test_a_video_without_people_gives_empty_files_and_says_so(tmp_path: Path) -> None:
    summary = run_track(tmp_path, write_video(tmp_path / "a.avi", [], 20))
    assert summary["tracks_by_label"] == {}
    assert (tmp_path / "out" / "mot.txt").read_text() == ""


def test_a_video_that_is_cut_gives_what_is_readable_and_a_warning(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi", [Walker(0, 60, -20, 340)], 60)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    summary = run_track(tmp_path, video)
    assert 20 < int(str(summary["frames"])) < 40
    assert summary["warnings"]


@pytest.mark.parametrize(("content", "says"), [(None, "does not exist"), (b"", "empty"), (b"no video at all" * 99, "")])
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    video = tmp_path / "gone.avi"
    if content is not None:
        video.write_bytes(content)
    with pytest.raises(PassageError, match=r"gone\.avi") as caught:
        run_track(tmp_path, video)
    assert says in caught.value.message


def test_a_source_and_detections_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not both"):
        track("a.mp4", detections=tmp_path / "det.txt")


def test_the_command_line_ends_with_2_and_one_error_for_wrong_usage() -> None:
    done = subprocess.run([sys.executable, "-c", "from edge_agent.cli import main; main()", "track"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no source was given" in done.stderr
    assert "Traceback" not in done.stderr


def test_detections_are_tracked_without_a_video(tmp_path: Path) -> None:
    rows = [f"{i},-1,{100 + 2 * i},100,40,90,0.9,-1,-1,-1" for i in range(1, 31)]
    (tmp_path / "det.txt").write_text("\n".join(rows) + "\n")
    track("", out=tmp_path / "out", detections=tmp_path / "det.txt", fps=30, size="640x480", camera="c",
          tracker="sort", as_json=False)
    mot = [line.split(",") for line in (tmp_path / "out" / "mot.txt").read_text().splitlines()]
    assert {row[1] for row in mot} == {"1"}
    assert len(mot) >= 28
    assert len(list(csv.DictReader((tmp_path / "out" / "tracks.csv").read_text().splitlines()))) == len(mot)
