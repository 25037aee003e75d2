"""`edge-agent track`: the files it writes, and what it says of bad input."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, PassageError
from common.places import Line, Zone
from common.places.geojson import as_geojson
from edge_agent import build
from edge_agent.capture.settings import CameraSettings
from edge_agent.hook import HookSettings
from edge_agent.settings import ModelSettings
from edge_agent.track_cli import track, track_source
from edge_agent.tracking import TrackerSettings
from models.detector import DetectorSettings
from models.faces import Faces
from tests.support.blobs import Walker, write_detector, write_video


def run_track(tmp_path: Path, video: Path, *, faces: bool = False, **more: Any) -> dict[str, object]:
    return track_source(
        CameraSettings(id="hall", source=str(video), faces=faces), tmp_path / "out",
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
        assert visits["embedding_osnet_generated"].shape[0] == 2


def test_ones_own_python_is_called_for_frames_and_tracklets(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("""
from pathlib import Path
OUT = Path(__file__).with_suffix(".out")
def on_frame(frame):
    OUT.open("a").write(f"frame {len(frame.track)} {frame.image.shape}\\n")
def on_tracklet(tracklet):
    OUT.open("a").write(f"tracklet {tracklet.track} {tracklet.final}\\n")
    raise ValueError("not today")
""")
    video = write_video(tmp_path / "a.avi", [Walker(0, 60, -20, 340), Walker(25, 70, 340, -20, foot=150)], 80)
    summary = run_track(tmp_path, video, hook=HookSettings(run=str(mine), fps=1000))
    told = (tmp_path / "mine.out").read_text().splitlines()
    assert {"tracklet 1 True", "tracklet 2 True"} <= set(told)
    assert any(line.startswith("frame ") for line in told)
    hook = summary["hook"]
    assert isinstance(hook, dict)
    assert (hook["errors"], hook["waiting"]) == (hook["tracklets"], 0)
    with pytest.raises(ConfigError, match="there is no such file"):
        run_track(tmp_path, video, hook=HookSettings(run=str(tmp_path / "none.py")))


def test_faces_go_into_the_rows_of_visits_where_they_were_looked_for(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Everybody:
        """Sees one face, in the middle of whatever it is shown."""

        name, fingerprint, dimensions = "every-body", "f" * 16, 8

        def find(self, image: np.ndarray, long_side: int = 0) -> Faces:
            middle = np.array([image.shape[1], image.shape[0]], np.float32) / 2
            around = np.array([[-20, 0], [20, 0], [0, 5], [-15, 20], [15, 20]], np.float32)
            return Faces(np.concatenate([middle - 10, middle + 10])[None], (middle + around)[None],
                         np.ones(1, np.float32))

        def embed(self, image: np.ndarray, faces: Faces) -> np.ndarray:
            return np.eye(8, dtype=np.float32)[:1]

    monkeypatch.setattr(build, "load_faces", lambda _store: Everybody())
    video = write_video(tmp_path / "a.avi", [Walker(0, 60, -20, 340), Walker(25, 70, 340, -20, foot=150)], 80)
    summary = run_track(tmp_path, video, faces=True)
    models = summary["models"]
    assert isinstance(models, dict)
    assert models["faces"]["name"] == "every-body"
    with np.load(tmp_path / "out" / "visits.npz") as visits:
        assert visits["face_every_body"].shape == (2, 8)
        shown = visits["face_quality"] > 0
        assert shown.any()
        assert visits["face_every_body"][shown, 0].tolist() == [1.0] * int(shown.sum())


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


def kinds(out: Path) -> list[tuple[str, int]]:
    return [(event["kind"], event["track"]) for line in (out / "events.jsonl").read_text().splitlines()
            for event in [json.loads(line)]]


@pytest.mark.parametrize("kind", ["bytetrack", "sort", "appearance"])
def test_who_was_hidden_keeps_the_id_and_is_said_to_be_back(tmp_path: Path, kind: str) -> None:
    rows = [f"{i},-1,{100 + 3 * i},100,40,90,0.9,-1,-1,-1" for i in range(1, 91) if not 40 <= i < 64]
    (tmp_path / "det.txt").write_text("\n".join(rows) + "\n")
    track("", out=tmp_path / "out", detections=tmp_path / "det.txt", fps=30, size="640x480", camera="c",
          tracker=kind, as_json=False)
    mot = [line.split(",") for line in (tmp_path / "out" / "mot.txt").read_text().splitlines()]
    assert {row[1] for row in mot} == {"1"}
    assert max(int(row[0]) for row in mot) == 90
    assert kinds(tmp_path / "out") == [("track_started", 1), ("re_entered", 1), ("track_ended", 1)]


def test_looks_repair_what_motion_loses_and_it_is_said(tmp_path: Path) -> None:
    """Two meet, hide one another for a moment and turn back."""
    blue, red, green, yellow = (255, 80, 80), (80, 80, 255), (80, 255, 80), (80, 255, 255)
    steps = [(0, 170, 50, 70), (170, 184, 70, 146), (184, 198, 146, 70), (198, 228, 70, 50)]
    walkers = [Walker(first, last, x, to, blue, red) for first, last, x, to in steps]
    walkers += [Walker(first, last, 320 - x, 320 - to, green, yellow) for first, last, x, to in steps]
    video, ends = write_video(tmp_path / "a.avi", walkers, 228), {}
    for kind in ("bytetrack", "appearance"):
        track_source(
            CameraSettings(id="hall", source=str(video)), tmp_path / kind,
            ModelSettings(detector=str(write_detector(tmp_path / "blobs.onnx")), device="cpu", threads=1),
            DetectorSettings(iou=0.25, size=320, confidence=0.3), TrackerSettings.model_validate({"kind": kind}))
        rows = [line.split(",") for line in (tmp_path / kind / "mot.txt").read_text().splitlines()]
        ends[kind] = [[row[1] for row in sorted(rows, key=lambda row: float(row[2])) if row[0] == str(frame)]
                      for frame in (100, 228)]
    assert ends["bytetrack"][0] != ends["bytetrack"][1]
    assert ends["appearance"][0] == ends["appearance"][1]
    assert "id_switch_mitigated" in {kind for kind, _ in kinds(tmp_path / "appearance")}
    assert "id_switch_mitigated" not in {kind for kind, _ in kinds(tmp_path / "bytetrack")}


def test_zones_and_lines_of_a_geojson_file_are_counted(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi", [Walker(0, 60, -20, 340), Walker(25, 70, 340, -20, foot=150)], 90)
    places = tmp_path / "hall.geojson"
    places.write_text(json.dumps(as_geojson(
        (Zone(name="middle", polygon=((0.35, 0), (0.65, 0), (0.65, 1), (0.35, 1))),),
        (Line(name="half", points=((0.5, 1), (0.5, 0))),))))
    track_source(
        CameraSettings(id="hall", source=str(video), zones=places, lines=places), tmp_path / "out",
        ModelSettings(detector=str(write_detector(tmp_path / "blobs.onnx")), device="cpu", threads=1),
        DetectorSettings(iou=0.25, size=320, confidence=0.3), TrackerSettings())
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    told = [(event["track"], event["kind"], event["extra"].get("zone") or event["extra"]["direction"])
            for event in events if event["kind"].startswith(("zone_", "line_"))]
    assert sorted(told) == [(1, "line_crossed", "in"), (1, "zone_entered", "middle"), (1, "zone_left", "middle"),
                            (2, "line_crossed", "out"), (2, "zone_entered", "middle"), (2, "zone_left", "middle")]
