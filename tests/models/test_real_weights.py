"""Real weights, where they are: PASSAGE_MODELS_DIR names the folder with them, PASSAGE_DATA the one with the video."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.detector import DetectorSettings
from models.load import load_detector, load_embedder
from models.store import ModelStore

FOLDER = Path(os.environ.get("PASSAGE_MODELS_DIR", ""))
DATA = Path(os.environ.get("PASSAGE_DATA", ""))
pytestmark = pytest.mark.skipif(
    not os.environ.get("PASSAGE_MODELS_DIR") or not os.environ.get("PASSAGE_DATA"),
    reason="PASSAGE_MODELS_DIR (folder of weights) and PASSAGE_DATA (folder with video/vtest.avi) are not set",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    store = ModelStore(tmp_path_factory.mktemp("models"))
    for name in ("osnet_x0_25_msmt17", "person-reidentification-retail-0248"):
        store.add(FOLDER / f"{name}.onnx", name)
    store.add(FOLDER / "yolox_nano_416.onnx", "yolox_nano")
    return store


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    video = cv2.VideoCapture(str(DATA / "video" / "vtest.avi"))
    taken = []
    for k in (0, 200, 400, 600):
        video.set(cv2.CAP_PROP_POS_FRAMES, k)
        taken.append(video.read()[1])
    return taken


def test_yolox_nano_sees_the_people(store: ModelStore, frames: list[np.ndarray]) -> None:
    detector = load_detector("yolox_nano", store=store, device="cpu", settings=DetectorSettings(confidence=0.35))
    assert detector.layout.raw
    for seen, found in zip((3, 7, 3, 6), detector.detect(frames), strict=True):
        assert seen <= len(found) <= seen + 4  # a small network doubles some and sees far ones
        assert (found.xyxy[:, 3] - found.xyxy[:, 1] > found.xyxy[:, 2] - found.xyxy[:, 0]).mean() > 0.7  # upright


@pytest.mark.parametrize(
    ("name", "dimensions", "batch"),
    [("osnet_x0_25_msmt17", 512, None), ("person-reidentification-retail-0248", 256, 1)],
)
def test_embedders_know_a_person_again(
    name: str, dimensions: int, batch: int | None, store: ModelStore, frames: list[np.ndarray]
) -> None:
    embedder = load_embedder(name, store=store, device="cpu")
    assert embedder.dimensions == dimensions
    assert embedder.fixed_batch == batch
    detector = load_detector("yolox_nano", store=store, device="cpu", settings=DetectorSettings(confidence=0.6))
    frame = frames[1]
    boxes = detector.detect([frame])[0].xyxy.round().astype(int)
    crops = [frame[y1:y2, x1:x2] for x1, y1, x2, y2 in boxes]
    darker = [(crop * 0.8).astype(np.uint8)[3:, 2:] for crop in crops]
    likeness = embedder.embed(crops) @ embedder.embed(darker).T
    assert len(crops) >= 4
    assert (likeness.argmax(axis=1) == np.arange(len(crops))).all()
