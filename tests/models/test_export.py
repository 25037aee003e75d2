"""A YOLOv8 checkpoint becomes the same network in ONNX: compared with the arithmetic written out slowly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from common.errors import ModelError
from models.detector import Detector, DetectorSettings
from models.export.yolov8 import export_yolov8
from models.runtime import open_network
from tests.models.checkpoints import TinyYolo
from tests.models.yolo_oracle import compute


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TinyYolo]:
    yolo = TinyYolo()
    return yolo.write(tmp_path_factory.mktemp("pt") / "tiny.pt"), yolo


def run(graph: bytes, x: np.ndarray) -> np.ndarray:
    return open_network(graph, name="tiny", device="cpu").run(x)[0]


@pytest.mark.parametrize("shape", [(64, 96), (96, 32)])
def test_free_shapes_give_what_the_network_computes(tiny: tuple[Path, TinyYolo], shape: tuple[int, int]) -> None:
    path, yolo = tiny
    x = np.random.default_rng(1).random((1, 3, *shape), np.float32)
    np.testing.assert_allclose(run(export_yolov8(path), x), compute(yolo.layers, x), rtol=1e-3, atol=2e-3)


def test_fixed_shape_gives_the_same_as_free(tiny: tuple[Path, TinyYolo]) -> None:
    path, _ = tiny
    x = np.random.default_rng(2).random((2, 3, 64, 96), np.float32)
    fixed = export_yolov8(path, shape=(64, 96), batch=2)
    np.testing.assert_allclose(run(fixed, x), run(export_yolov8(path), x), rtol=1e-4, atol=1e-4)
    with pytest.raises(ModelError, match="does not run"):
        run(fixed, x[:1])


def test_a_batch_gives_the_same_as_one_by_one(tiny: tuple[Path, TinyYolo]) -> None:
    graph = export_yolov8(tiny[0])
    x = np.random.default_rng(3).random((3, 3, 64, 64), np.float32)
    np.testing.assert_allclose(
        run(graph, x), np.concatenate([run(graph, row[None]) for row in x]), rtol=1e-4, atol=1e-4
    )


def test_float32_checkpoints_and_other_widths(tmp_path: Path) -> None:
    yolo = TinyYolo(seed=5, width=4, classes=7, dtype=np.float32)
    x = np.random.default_rng(4).random((1, 3, 64, 64), np.float32)
    graph = export_yolov8(yolo.write(tmp_path / "w.pt"))
    np.testing.assert_allclose(run(graph, x), compute(yolo.layers, x), rtol=1e-3, atol=2e-3)


def test_notes_in_the_graph_name_classes_licence_and_source(tiny: tuple[Path, TinyYolo]) -> None:
    path, _ = tiny
    network = open_network(export_yolov8(path, licence="AGPL-3.0"), name="tiny", device="cpu")
    assert network.metadata["license"] == "AGPL-3.0"
    assert network.metadata["source"] == "tiny.pt"
    assert len(network.metadata["source_sha256"]) == 64
    detector = Detector(network, DetectorSettings(classes=("thing1",)))
    assert detector.names == ("thing0", "thing1", "thing2")
    assert detector.layout.kind == "anchor_free"


def test_the_same_checkpoint_gives_the_same_bytes(tiny: tuple[Path, TinyYolo]) -> None:
    assert export_yolov8(tiny[0]) == export_yolov8(tiny[0])


def test_sides_that_are_no_multiple_of_32_are_refused(tiny: tuple[Path, TinyYolo]) -> None:
    with pytest.raises(ModelError, match="multiples of 32"):
        export_yolov8(tiny[0], shape=(360, 640))


def test_another_architecture_is_named(tmp_path: Path) -> None:
    yolo = TinyYolo(width=4)
    yolo.layers[2]["kind"] = "Conv"  # its parts do not fit its name
    with pytest.raises(ModelError, match=r"model\.2"):
        export_yolov8(yolo.write(tmp_path / "odd.pt"))
    headless = TinyYolo(width=4)
    headless.layers.pop()
    with pytest.raises(ModelError, match="no Detect head"):
        export_yolov8(headless.write(tmp_path / "headless.pt"))


@pytest.mark.skipif(not os.environ.get("PASSAGE_DATA"), reason="PASSAGE_DATA (folder with video/vtest.avi) is not set")
def test_yolov8n_sees_the_people_of_the_sample_video() -> None:
    import cv2

    from models.load import load_detector
    from models.store import ModelStore

    if ModelStore().stored("yolov8n") is None:
        pytest.skip("yolov8n is not on this machine: edge-agent models pull yolov8n")
    video = cv2.VideoCapture(str(Path(os.environ["PASSAGE_DATA"]) / "video" / "vtest.avi"))
    frames = []
    for k in (0, 200, 400, 600):
        video.set(cv2.CAP_PROP_POS_FRAMES, k)
        frames.append(video.read()[1])
    found = load_detector("yolov8n", device="cpu", settings=DetectorSettings(confidence=0.35)).detect(frames)
    assert [len(boxes) for boxes in found] == [3, 7, 3, 6]
