"""Frames in, tracklets out: real networks on frames of the world of blobs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ModelError
from common.tracklet import Tracklet
from edge_agent.build import build_pipeline, load_models
from edge_agent.capture.frame import Frame
from edge_agent.capture.settings import CameraSettings
from edge_agent.pipeline import Pipeline
from edge_agent.settings import ModelSettings
from edge_agent.tracking import TrackerSettings
from edge_agent.tracklets import TrackletSettings
from models.detector import DetectorSettings
from models.faces import Faces
from tests.support.blobs import FPS, Walker, write_detector, write_video

BLUE, GREEN, RED = (255, 80, 80), (80, 255, 80), (80, 80, 255)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_detector(tmp_path_factory.mktemp("weights") / "blobs.onnx")


def pipeline(weights: Path, *cameras: CameraSettings) -> Pipeline:
    networks = load_models(ModelSettings(detector=str(weights), device="cpu", threads=1),
                           DetectorSettings(iou=0.25, size=320, confidence=0.3))
    return build_pipeline(cameras, networks, TrackerSettings(), TrackletSettings(), "run")


class EverybodysFace:
    """Finds a large face in the middle of whatever it is shown."""

    name, fingerprint, dimensions = "toy", "f" * 16, 4

    def find(self, image: np.ndarray, long_side: int = 0) -> Faces:
        x, y = image.shape[1] / 2, image.shape[0] / 2
        eyes = np.array([[[x - 15, y], [x + 15, y], [x, y + 9], [x - 9, y + 20], [x + 9, y + 20]]], np.float32)
        return Faces(np.array([[x - 20, y - 20, x + 20, y + 20]], np.float32), eyes, np.ones(1, np.float32))

    def embed(self, image: np.ndarray, faces: Faces) -> np.ndarray:
        return np.eye(4, dtype=np.float32)[:1].repeat(len(faces), axis=0)


def test_a_camera_looks_for_faces_only_if_it_was_told_to(tmp_path: Path, weights: Path) -> None:
    cameras = [camera("hall", faces=True), camera("yard")]
    videos = {one.id: write_video(tmp_path / f"{one.id}.avi", [Walker(5, 50, 0, 320)], 60) for one in cameras}
    networks = load_models(ModelSettings(detector=str(weights), device="cpu", threads=1),
                           DetectorSettings(iou=0.25, size=320, confidence=0.3))
    pipe = build_pipeline(cameras, networks, TrackerSettings(), TrackletSettings(), "run", reader=EverybodysFace())
    tracklets, _ = play(pipe, videos)
    hall, yard = sorted((part for part in tracklets if part.final), key=lambda part: part.camera)
    assert hall.face is not None
    assert hall.face.mean.tolist() == [1, 0, 0, 0]
    assert hall.face.seen > 1
    assert yard.face is None


def test_a_box_without_the_weights_for_faces_does_not_start_and_says_why(
        tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks = load_models(ModelSettings(detector=str(weights), device="cpu", threads=1), DetectorSettings(size=320))
    monkeypatch.setenv("PASSAGE_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="yunet: is not on this machine yet"):
        build_pipeline([camera("hall", faces=True)], networks, TrackerSettings(), TrackletSettings(), "run")


def camera(name: str, **more: object) -> CameraSettings:
    return CameraSettings.model_validate({"id": name, "source": "unused.avi", **more})


def play(pipe: Pipeline, videos: dict[str, Path]) -> tuple[list[Tracklet], list[str]]:
    """Steps through the videos together; returns all tracklets and the kinds of events."""
    readers = {name: cv2.VideoCapture(str(path)) for name, path in videos.items()}
    tracklets, kinds, i = [], [], 0
    while frames := [Frame(camera=name, index=i, time=i / FPS, image=image, view=(0.0, 0.0))
                     for name, reader in readers.items() for ok, image in [reader.read()] if ok]:
        for result in pipe.step(frames):
            tracklets += result.tracklets
            kinds += [event.kind for event in result.events]
        i += 1
    last, events = pipe.finish()
    return tracklets + last, kinds + [event.kind for event in events]


def test_everybody_becomes_one_track_and_one_final_tracklet(tmp_path: Path, weights: Path) -> None:
    video = write_video(tmp_path / "a.avi", [Walker(0, 60, -20, 340), Walker(20, 70, 340, -20, GREEN, RED, 150)], 80)
    tracklets, kinds = play(pipeline(weights, camera("hall")), {"hall": video})
    final = [part for part in tracklets if part.final]
    assert [part.track for part in final] == [1, 2]
    assert all(part.label == "person" and part.frames > 35 for part in final)
    assert kinds.count("track_started") == kinds.count("track_ended") == 2
    first, second = final
    assert float(first.mean @ second.mean) < 0.7, "clothes of other colours look different"
    assert np.linalg.norm(first.mean) == pytest.approx(1, abs=1e-5)


def test_the_same_clothes_look_alike_in_two_cameras_of_one_box(tmp_path: Path, weights: Path) -> None:
    videos = {name: write_video(tmp_path / f"{name}.avi", [Walker(5, 50, x, 320 - x)], 60)
              for name, x in (("hall", 0), ("yard", 320))}
    pipe = pipeline(weights, camera("hall"), camera("yard"))
    tracklets, _ = play(pipe, videos)
    hall, yard = (part for part in tracklets if part.final)
    assert {hall.camera, yard.camera} == {"hall", "yard"}
    assert float(hall.mean @ yard.mean) > 0.95


def test_who_stands_outside_the_mask_does_not_count(tmp_path: Path, weights: Path) -> None:
    video = write_video(tmp_path / "a.avi", [Walker(0, 40, 20, 300, foot=120), Walker(0, 40, 300, 20, foot=230)], 40)
    upper = camera("hall", mask=[[[0, 0], [1, 0], [1, 0.6], [0, 0.6]]])
    tracklets, _ = play(pipeline(weights, upper), {"hall": video})
    assert {round(float(part.path.boxes[0, 3]) * 256 / 10) for part in tracklets} == {12}


def test_an_empty_scene_gives_nothing(tmp_path: Path, weights: Path) -> None:
    assert play(pipeline(weights, camera("hall")), {"hall": write_video(tmp_path / "a.avi", [], 20)}) == ([], [])
