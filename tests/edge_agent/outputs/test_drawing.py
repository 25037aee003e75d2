from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.capture.frame import Frame
from edge_agent.outputs.colours import Colour, colour_of, ink_on
from edge_agent.outputs.drawing import LEAST_SIDE, Overlay
from edge_agent.outputs.lettering import Lettering
from edge_agent.tracking import TrackedFrame

NAMES = ("person",)


def seen(*boxes: tuple[float, float, float, float], first: int = 1) -> TrackedFrame:
    n = len(boxes)
    return TrackedFrame(
        camera="door", time=0.0, track=np.arange(first, first + n, dtype=np.int64),
        xyxy=np.asarray(boxes, np.float32).reshape(n, 4), confidence=np.ones(n, np.float32),
        class_id=np.zeros(n, np.int32), detection=np.arange(n, dtype=np.int32),
        started=np.zeros(n, np.bool_), re_entered=np.zeros(n, np.bool_), ended=np.zeros(0, np.int64))


def ground(value: int, size: tuple[int, int] = (640, 480), time: float = 0.0) -> Frame:
    return Frame("door", 0, time, np.full((size[1], size[0], 3), value, np.uint8))


def pixels_of(image: NDArray[np.uint8], colour: Colour, within: int = 12) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = (np.abs(image.astype(int) - colour) <= within).all(axis=2)
    return near


def luminance(colour: Colour) -> float:
    """Relative luminance as WCAG 2.1 has it, written down a second time."""
    linear = [(c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in colour]
    return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]


def contrast(a: Colour, b: Colour) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_a_colour_stays_with_an_id() -> None:
    assert colour_of("G17") == colour_of("G17")
    assert colour_of("G17") == (colour_of("#17"))  # the number tells, so that nothing depends on hash seeds
    assert colour_of("forklift") == colour_of("forklift")


def test_people_side_by_side_have_colours_that_differ() -> None:
    colours = [np.asarray(colour_of(f"G{k}"), float) for k in range(1, 13)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(colours, 2)) > 25
    nearest = [np.linalg.norm(a - b) for a, b in itertools.pairwise(colours)]
    assert min(nearest) > 100


def test_letters_can_be_read_on_every_colour() -> None:
    assert min(contrast(colour_of(f"G{k}"), ink_on(colour_of(f"G{k}"))) for k in range(300)) >= 4.5


@pytest.mark.parametrize("value", [0, 90, 128, 200, 255])
def test_a_box_stands_out_from_any_ground(value: int) -> None:
    image = Overlay((640, 480), caption=False).draw(ground(value), seen((100, 100, 200, 400)), NAMES, {})
    across = image[300, 80:120].reshape(-1, 3)
    strongest = max(contrast((value, value, value), tuple(int(c) for c in pixel)) for pixel in across)  # type: ignore[arg-type]
    assert strongest >= 3


def test_the_frame_itself_is_not_drawn_on() -> None:
    frame = ground(90)
    Overlay((640, 480)).draw(frame, seen((100, 100, 200, 400)), NAMES, {})
    assert (frame.image == 90).all()


def test_the_box_is_drawn_where_the_track_is() -> None:
    image = Overlay((640, 480), caption=False).draw(ground(0), seen((100, 150, 200, 400)), NAMES, {1: "G5"})
    rows, columns = np.nonzero(pixels_of(image, colour_of("G5")))
    assert abs(columns.min() - 100) <= 2
    assert abs(rows.max() - 400) <= 2
    inside = image[200:390, 110:190]
    assert not inside.any(), "the person is covered"


def test_a_global_id_gives_the_colour_and_the_label() -> None:
    overlay = Overlay((640, 480), caption=False)
    local = overlay.draw(ground(0), seen((100, 150, 200, 400)), NAMES, {})
    known = overlay.draw(ground(0), seen((100, 150, 200, 400)), NAMES, {1: "G2"})
    assert pixels_of(local, colour_of("#1")).sum() > 500
    assert pixels_of(known, colour_of("G2")).sum() > 500
    assert pixels_of(known, colour_of("#1")).sum() < 50


def label_box(image: NDArray[np.uint8], colour: Colour) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the densest rows of a colour: the label."""
    hits = pixels_of(image, colour)
    dense = np.nonzero(hits.sum(axis=1) >= 0.5 * hits.sum(axis=1).max())[0]
    columns = np.nonzero(hits[dense].any(axis=0))[0]
    return int(columns.min()), int(dense.min()), int(columns.max()), int(dense.max())


@pytest.mark.parametrize("box", [(-40, -60, 60, 100), (600, 400, 700, 520), (0, 0, 640, 480), (600, -20, 660, 40)])
def test_a_label_at_an_edge_is_whole(box: tuple[float, float, float, float]) -> None:
    image = Overlay((640, 480), caption=False).draw(ground(0), seen(box), NAMES, {1: "G3"})
    left, top, right, bottom = label_box(image, colour_of("G3"))
    letters = Lettering(round(480 / 50))
    assert left >= 0
    assert right < 640
    assert right - left + 1 >= letters.width("G3 person")
    assert bottom - top + 1 >= letters.height


def test_labels_of_people_who_stand_together_do_not_cover_each_other() -> None:
    together = [(200, 150, 260, 300), (205, 152, 270, 305), (210, 155, 280, 310)]
    overlay = Overlay((640, 480), caption=False)
    image = overlay.draw(ground(0), seen(*together), NAMES, {1: "G1", 2: "G2", 3: "G3"})
    for track, name in enumerate(("G1", "G2", "G3"), 1):
        alone = Overlay((640, 480), caption=False).draw(
            ground(0), seen(together[track - 1], first=track), NAMES, {track: name})
        share = pixels_of(image, colour_of(name), within=2).sum() / pixels_of(alone, colour_of(name), within=2).sum()
        assert share > 0.8, f"{name} is hidden"


def test_older_releases_of_opencv_write_with_their_stroke_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    letters = Lettering(16)
    image = np.zeros((60, 400, 3), np.uint8)
    letters.write(image, "G17 person", 20, 40, (255, 255, 255))
    rows, columns = np.nonzero(image.max(axis=2) > 60)
    assert columns.min() >= 20
    assert columns.max() <= 20 + letters.width("G17 person")
    assert 12 <= 40 - rows.min() <= 20


def test_a_trail_shows_the_way_and_is_forgotten() -> None:
    overlay = Overlay((640, 480), caption=False)
    for k in range(20):
        x = 100 + 10 * k
        image = overlay.draw(ground(0, time=k / 10), seen((x, 100, x + 40, 200)), NAMES, {1: "G4"})
    rows, columns = np.nonzero(pixels_of(image, colour_of("G4"), within=40))
    behind = columns[(abs(rows - 200) < 6) & (columns < 280)]
    assert behind.min() < 150
    empty = overlay.draw(ground(0, time=60.0), seen(), NAMES, {})
    assert not empty.any()
    assert not overlay._trails


@pytest.mark.parametrize("size", [(64, 128), (160, 96), (768, 576), (1920, 1080)])
def test_letters_grow_with_the_picture_and_are_never_tiny(size: tuple[int, int]) -> None:
    overlay = Overlay(size)
    image = overlay.draw(ground(60, size), seen((5, 30, 40, 90)), NAMES, {1: "G3"})
    assert image.shape[:2] == overlay.size[::-1]
    assert min(overlay.size) >= min(LEAST_SIDE, *size)
    _, top, _, bottom = label_box(image, colour_of("G3"))
    assert bottom - top + 1 >= max(12, min(overlay.size) / 50)


def test_the_corner_says_which_camera_and_when() -> None:
    image = Overlay((640, 480)).draw(ground(90), seen(), NAMES, {})
    corner = image[440:, :300]
    assert corner.max() > 200
    assert corner.min() < 60
    assert (image[:400] == 90).all()
