"""A detector gives boxes in pixels of the picture it was given, in whatever company that picture came."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import ConfigError, ModelError
from common.settings import from_mapping
from models.detector import Detector, DetectorSettings
from models.layouts import cells, grid
from models.runtime import open_network
from tests.models.graphs import bright_spot_detector, constant_detector, mean_embedder

N = cells(64, 96, (8, 16, 32))


def detector(graph: bytes, **settings: object) -> Detector:
    return Detector(open_network(graph, name="fake", device="cpu"), DetectorSettings(**settings))


def picture(height: int, width: int, *spots: tuple[int, int], size: int = 40) -> np.ndarray:
    """Black, with red squares around the points (x, y). The grey border of the letterbox is less red than .6."""
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in spots:
        image[max(0, y - size) : y + size, max(0, x - size) : x + size, 2] = 255  # BGR
    return image


SPOTS = {(576, 768): (300, 200), (360, 640): (500, 180), (640, 360): (100, 500), (480, 640): (320, 100)}


def centre_of(detections: object) -> np.ndarray:
    xyxy = detections.xyxy[0]  # type: ignore[attr-defined]
    return np.asarray([(xyxy[0] + xyxy[2]) / 2, (xyxy[1] + xyxy[3]) / 2])


@pytest.mark.parametrize("shape", SPOTS)
def test_a_spot_is_found_where_it_is(shape: tuple[int, int]) -> None:
    found = detector(bright_spot_detector(), confidence=0.6, iou=0.3).detect([picture(*shape, SPOTS[shape])])[0]
    assert len(found)
    assert (np.diff(found.confidence) <= 0).all()
    centres = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    assert np.abs(centres - SPOTS[shape]).max() < 48  # the spot reaches 40 pixels
    assert np.abs(centres.mean(axis=0) - SPOTS[shape]).max() < 6


@pytest.mark.parametrize(
    "graph", [bright_spot_detector(), bright_spot_detector(1), bright_spot_detector(3)], ids=["free", "one", "three"]
)
def test_many_pictures_of_many_shapes_give_what_each_gives_alone(graph: bytes) -> None:
    images = [picture(*shape, spot) for shape, spot in SPOTS.items()] * 2
    images.insert(3, picture(576, 768))  # nothing on it
    net = detector(graph, confidence=0.6, size=320)
    together = net.detect(images)
    assert len(together[3]) == 0
    for image, found in zip(images, together, strict=True):
        alone = detector(graph, confidence=0.6, size=320).detect([image])[0]
        np.testing.assert_allclose(found.xyxy, alone.xyxy, atol=1e-3)
        np.testing.assert_allclose(found.confidence, alone.confidence, atol=1e-5)


def test_a_shape_for_all_makes_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    net = detector(bright_spot_detector(), shape=(192, 320), confidence=0.6)
    batches: list[tuple[int, ...]] = []
    run = net._network.run
    monkeypatch.setattr(net._network, "run", lambda feed, names: (batches.append(feed.shape), run(feed, names))[1])
    found = net.detect([picture(*shape, spot) for shape, spot in SPOTS.items()])
    assert batches == [(4, 3, 192, 320)]
    for boxes, spot in zip(found, SPOTS.values(), strict=True):
        assert np.abs(centre_of(boxes) - spot).max() < 60


def test_without_pictures_there_is_nothing() -> None:
    assert detector(bright_spot_detector()).detect([]) == []


def answers(*rows: tuple[float, float, float, float, float, int], classes: int = 3) -> np.ndarray:
    """YOLOv8's layout with the given boxes (centre x, centre y, width, height, confidence, class)."""
    out = np.zeros((4 + classes, N), np.float32)
    for k, (*box, confidence, label) in enumerate(rows):
        out[:4, k], out[4 + label, k] = box, confidence
    return out


FIXED = ("b", 3, 64, 96)
NAMES = {"names": '["person", "car", "bus"]'}


def test_classes_sizes_and_edges() -> None:
    graph = constant_detector(
        answers(
            (48, 32, 10, 20, 0.9, 0),
            (48, 32, 11, 20, 0.8, 0),
            (20, 20, 20, 10, 0.7, 1),
            (90, 60, 30, 30, 0.6, 2),
            (10, 50, 4, 4, 0.5, 0),
            (70, 10, 10, 10, 0.05, 0),
        ),
        FIXED,
        NAMES,
    )
    image = np.zeros((128, 192, 3), np.uint8)  # twice the input
    people = detector(graph).detect([image])[0]
    np.testing.assert_allclose(people.xyxy, [[86, 44, 106, 84], [16, 96, 24, 104]], atol=1e-3)
    assert people.class_id.tolist() == [0, 0]
    every = detector(graph, classes=()).detect([image])[0]
    assert every.class_id.tolist() == [0, 1, 2, 0]
    np.testing.assert_allclose(every.xyxy[2], [150, 90, 192, 128], atol=1e-3)  # cut at the edge
    assert len(detector(graph, min_size=10).detect([image])[0]) == 1
    assert len(detector(graph, max_size=10).detect([image])[0]) == 1
    assert len(detector(graph, classes=(), max_detections=2).detect([image])[0]) == 2
    assert detector(graph, classes=("bus", "car")).detect([image])[0].class_id.tolist() == [1, 2]


def test_yolox_is_fed_its_own_way() -> None:
    raw = np.zeros((N, 8), np.float32)
    raw[3, :4] = [0.5, 0.5, np.log(2), np.log(3)]
    raw[3, 4:6] = 0.9
    net = detector(constant_detector(raw, FIXED, NAMES))
    assert net.layout.yolox
    assert str(net.pixels) == "BGR 0-255"
    column, row, stride = grid(64, 96, (8, 16, 32))[3]
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    tall = net.detect([np.zeros((64, 48, 3), np.uint8)])[0]  # stands in the corner of the input, not in its middle
    np.testing.assert_allclose(tall.xyxy, [[x - 8, max(0, y - 12), x + 8, y + 12]], atol=1e-3)
    assert str(detector(constant_detector(raw, FIXED, NAMES), pixels="rgb_unit").pixels) == "RGB 0-1"


def test_end_to_end_networks_are_not_suppressed_again() -> None:
    rows = np.zeros((300, 6), np.float32)
    rows[:2] = [[10, 10, 30, 30, 0.9, 0], [11, 10, 31, 30, 0.8, 0]]
    assert len(detector(constant_detector(rows, FIXED, NAMES)).detect([np.zeros((64, 96, 3), np.uint8)])[0]) == 2


def test_names_come_from_the_graph_or_are_coco_s() -> None:
    assert detector(constant_detector(answers(), FIXED, NAMES)).names == ("person", "car", "bus")
    assert detector(constant_detector(answers(), FIXED, {"names": "{1: 'b', 0: 'person', 2: 'c'}"})).names[1] == "b"
    coco = detector(constant_detector(answers(classes=80), FIXED)).names
    assert (coco[0], coco[56], coco[79], len(coco)) == ("person", "chair", "toothbrush", 80)
    assert detector(constant_detector(answers(), FIXED), classes=("class2",)).names[2] == "class2"


def test_an_unknown_class_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="knows no class 'persn'") as caught:
        detector(constant_detector(answers(), FIXED, NAMES), classes=("persn",))
    assert "person" in str(caught.value)


def test_graphs_that_are_no_detectors() -> None:
    with pytest.raises(ModelError, match=r"fake: is no detector.*24.*expected \[b, 4\+classes, n\]"):
        detector(mean_embedder())
    with pytest.raises(ModelError, match=r"its input is images \[\?, 256, 128, 3\]"):
        detector(mean_embedder(("b", 256, 128, 3)))
    with pytest.raises(ConfigError, match=r"fixed at \[64, 96\]"):
        detector(constant_detector(answers(), FIXED, NAMES), shape=(64, 64))


def test_not_a_number_is_no_box() -> None:
    out = answers((20, 20, 10, 10, 0.9, 0), (50, 20, 10, 10, 0.9, 0), (80, 20, 10, 10, 0.8, 0))
    out[4, 1], out[0, 2] = np.nan, np.nan
    found = detector(constant_detector(out, FIXED, NAMES)).detect([np.zeros((64, 96, 3), np.uint8)])[0]
    assert len(found) == 1


@pytest.mark.parametrize(
    "wrong", [{"confidence": 2}, {"shape": (100, 64)}, {"classes": ("",)}, {"iou": 0}, {"clases": ()}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        from_mapping(wrong, DetectorSettings, "test")
