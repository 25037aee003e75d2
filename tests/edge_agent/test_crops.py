"""Which crops are worth embedding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.crops import crop_quality, cut, sharpness

WIDTH, HEIGHT = 640, 480


def quality(*boxes: tuple[float, float, float, float], confidence: float = 0.9) -> list[float]:
    xyxy = np.asarray(boxes, np.float32).reshape(-1, 4)
    return crop_quality(xyxy, np.full(len(xyxy), confidence, np.float32), WIDTH, HEIGHT, full_height=96).tolist()


def test_a_whole_tall_person_alone_is_worth_the_detectors_confidence() -> None:
    assert quality((100, 100, 150, 250)) == [np.float32(0.9)]


def test_somebody_behind_another_is_worth_less_and_the_one_in_front_is_not() -> None:
    behind, in_front = quality((100, 100, 150, 250), (100, 150, 150, 300))
    assert in_front == np.float32(0.9)
    assert behind == pytest.approx(0.9 * (1 - 100 / 150))


def test_a_person_cut_by_the_frame_is_worth_less() -> None:
    whole, cut_off = quality((100, 100, 150, 250), (610, 100, 660, 250))
    assert cut_off < 0.5 * whole + 1e-6


def test_a_small_person_is_worth_less() -> None:
    tall, small = quality((100, 100, 150, 250), (300, 100, 316, 148))
    assert small == np.float32(0.9 * 48 / 96) < tall


def test_no_boxes_give_no_qualities() -> None:
    assert quality() == []


def slow_quality(boxes: np.ndarray, confidence: np.ndarray) -> list[float]:
    """One box at a time, as the docstring says it."""
    result = []
    for i, (left, top, right, bottom) in enumerate(boxes):
        size = (right - left) * (bottom - top)
        covered = 0.0
        for j, other in enumerate(boxes):
            if j != i and other[3] > bottom:
                w = max(0, min(right, other[2]) - max(left, other[0]))
                h = max(0, min(bottom, other[3]) - max(top, other[1]))
                covered = max(covered, w * h / size)
        inside = ((min(max(right, 0), WIDTH) - min(max(left, 0), WIDTH))
                  * (min(max(bottom, 0), HEIGHT) - min(max(top, 0), HEIGHT)) / size)
        touches = left <= 1 or top <= 1 or right >= WIDTH - 1 or bottom >= HEIGHT - 1
        tall = min((bottom - top) / 96, 1)
        result.append(confidence[i] * (1 - covered) * inside * (0.5 if touches else 1) * tall)
    return result


box = st.tuples(st.integers(-50, 600), st.integers(-50, 440), st.integers(1, 200), st.integers(1, 300))


@given(st.lists(box, min_size=1, max_size=8), st.integers(0, 2**16))
def test_the_whole_frame_at_once_says_what_one_box_at_a_time_says(rows: list[tuple[int, ...]], seed: int) -> None:
    boxes = np.asarray([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32)
    confidence = np.random.default_rng(seed).random(len(boxes)).astype(np.float32)
    fast = crop_quality(boxes, confidence, WIDTH, HEIGHT, 96)
    np.testing.assert_allclose(fast, slow_quality(boxes.astype(float), confidence), atol=1e-5)


def test_crops_are_views_inside_the_picture_and_never_empty() -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    crops = cut(image, np.asarray([(10, 20, 40, 90), (-30, -30, 5, 5), (639.6, 479.7, 700, 700)], np.float32))
    assert [crop.shape for crop in crops] == [(70, 30, 3), (5, 5, 3), (1, 1, 3)]
    assert all(crop.base is not None for crop in crops)


def test_a_blurred_crop_is_less_sharp_and_a_dark_one_is_not() -> None:
    rng = np.random.default_rng(1)
    crop = cv2.resize(rng.integers(0, 255, (24, 12, 3), np.uint8), (64, 128), interpolation=cv2.INTER_NEAREST)
    assert sharpness(cv2.GaussianBlur(crop, (0, 0), 8)) < 0.7 * sharpness(crop)
    assert abs(sharpness(crop // 4) - sharpness(crop)) < 0.05
