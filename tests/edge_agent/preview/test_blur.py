from __future__ import annotations

import cv2
import numpy as np
import pytest

from common.detections import Detections
from edge_agent.capture.frame import Frame
from edge_agent.preview.blur import hide
from edge_agent.preview.faces import YuNet, face_finder
from edge_agent.preview.heads import Held, head_parts
from edge_agent.preview.painter import Painter
from edge_agent.preview.settings import PreviewSettings
from edge_agent.tracking import TrackedFrame
from models.store import ModelStore

H, W = 360, 640


def noise() -> np.ndarray:
    """Every pixel is news: what survives of it can be measured."""
    return np.random.default_rng(5).integers(0, 256, (H, W, 3), dtype=np.uint8)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.asarray(rows, np.float32).reshape(-1, 4)


def tracked(*rows: tuple[float, float, float, float], class_id: int = 0) -> TrackedFrame:
    n = len(rows)
    no = np.zeros(n, np.bool_)
    return TrackedFrame(camera="yard", time=100.0, track=np.arange(1, n + 1), xyxy=boxes(*rows),
                        confidence=np.ones(n, np.float32), class_id=np.full(n, class_id, np.int32),
                        detection=np.arange(n, dtype=np.int32), started=no, re_entered=no,
                        ended=np.zeros(0, np.int64))


def detail(image: np.ndarray) -> float:
    """How much neighbours differ, 0 for none."""
    return float(np.abs(np.diff(image.astype(np.float32), axis=1)).mean())


def decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_nothing_of_a_hidden_part_can_be_seen_and_nothing_else_changes() -> None:
    image = noise()
    hidden = hide(image.copy(), boxes((100, 50, 160, 120)))
    assert detail(hidden[50:120, 100:160]) < detail(image) / 10
    outside = np.ones((H, W), np.bool_)
    outside[50:120, 100:160] = False
    assert (hidden[outside] == image[outside]).all()


@pytest.mark.parametrize("rows", [(), ((-50, -50, -10, -10),), ((W + 5, 5, W + 90, 50),), ((30, 30, 30, 60),)])
def test_regions_outside_the_picture_or_without_area_change_nothing(rows: tuple) -> None:
    image = noise()
    assert (hide(image.copy(), boxes(*rows)) == image).all()


def test_a_region_that_reaches_beyond_the_picture_is_hidden_as_far_as_it_goes() -> None:
    image = hide(noise(), boxes((-40, -40, 60, 60)))
    assert detail(image[:60, :60]) < 10


def test_the_same_colours_in_other_places_leave_the_same_picture() -> None:
    """Two faces that differ only in detail cannot be told apart."""
    one, other = np.full((H, W, 3), 90, np.uint8), np.full((H, W, 3), 90, np.uint8)
    for image, shift in ((one, 0), (other, 1)):
        image[104:136:2, 104 + shift:136:2] = 255  # eyes here, or one pixel beside
    difference = np.abs(hide(one, boxes((90, 90, 150, 150))).astype(int) - hide(other, boxes((90, 90, 150, 150))))
    assert difference[90:150, 90:150].max() < 12


def test_the_head_of_who_stands_is_hidden_and_the_feet_are_not() -> None:
    (part,) = head_parts(boxes((100, 100, 140, 220)))
    assert part[0] < 100 < 140 < part[2]
    assert part[1] < 100
    assert 120 <= part[3] <= 140


def test_of_who_is_seen_to_the_waist_more_is_hidden() -> None:
    (part,) = head_parts(boxes((100, 100, 200, 200)))
    assert part[3] >= 160


def test_who_is_missed_for_a_moment_stays_hidden_where_they_were() -> None:
    held = Held(0.6)
    held.with_recent(boxes((1, 2, 3, 4)), 10.0)
    assert held.with_recent(boxes(), 10.5).tolist() == [[1, 2, 3, 4]]
    assert held.with_recent(boxes(), 10.7).tolist() == []


@pytest.mark.parametrize("blur", [True, False])
def test_a_painted_picture_hides_heads_before_it_is_encoded(blur: bool) -> None:
    frame = Frame("yard", 0, 100.0, noise())
    painter = Painter(PreviewSettings(allow=True, blur_faces=blur, overlay=False), ["person"], None)
    picture = painter.paint(frame, Detections.empty(), tracked((100, 100, 160, 300)), {1: "G7"})
    seen = decoded(picture.jpeg)
    assert seen.shape == frame.image.shape
    assert (detail(seen[105:135, 105:155]) < 20) == blur
    assert detail(seen[200:290, 105:155]) > 20
    assert [(mark.track, mark.name) for mark in picture.marks] == [(1, "G7")]
    assert picture.marks[0].box == pytest.approx((100 / W, 100 / H, 160 / W, 300 / H), abs=1e-3)


def test_who_is_only_suspected_is_hidden_too() -> None:
    found = Detections(boxes((300, 100, 360, 300)), np.asarray([0.12], np.float32))
    painter = Painter(PreviewSettings(allow=True, overlay=False), ["person"], None)
    seen = decoded(painter.paint(Frame("yard", 0, 100.0, noise()), found, tracked(), {}).jpeg)
    assert detail(seen[105:135, 305:355]) < 20


def test_cars_have_no_heads() -> None:
    painter = Painter(PreviewSettings(allow=True, overlay=False), ["person", "car"], None)
    seen = decoded(painter.paint(Frame("yard", 0, 100.0, noise()), Detections.empty(),
                                 tracked((100, 100, 300, 300), class_id=1), {}).jpeg)
    assert detail(seen[105:135, 105:290]) > 20


def test_faces_that_no_box_covers_are_hidden_where_somebody_finds_them() -> None:
    class Finder:
        def find(self, image: np.ndarray) -> np.ndarray:
            assert image.shape[1] == W // 2, "it looks at what will be sent"
            return boxes((10, 10, 60, 60))

    painter = Painter(PreviewSettings(allow=True, overlay=False, width=W // 2), ["person"], Finder())
    seen = decoded(painter.paint(Frame("yard", 0, 100.0, noise()), Detections.empty(), tracked(), {}).jpeg)
    assert detail(seen[12:58, 12:58]) < 10
    assert seen.shape[1] == W // 2


def test_the_frame_itself_stays_as_it_was() -> None:
    image = noise()
    frame = Frame("yard", 0, 100.0, image.copy())
    Painter(PreviewSettings(allow=True), ["person"], None).paint(
        frame, Detections.empty(), tracked((100, 100, 160, 300)), {1: "G7"})
    assert (frame.image == image).all()


def test_yunet_looks_at_pictures_of_any_size() -> None:
    store = ModelStore()
    if store.stored("yunet") is None:
        pytest.skip("yunet is not on this machine: edge-agent models pull yunet")
    finder = YuNet(store.path("yunet"))
    for size in ((64, 64), (360, 640), (1080, 1920), (101, 37)):
        assert finder.find(np.full((*size, 3), 80, np.uint8)).shape == (0, 4)


def test_without_weights_nobody_looks_for_faces(tmp_path) -> None:
    assert face_finder(ModelStore(tmp_path)) is None
