"""Suppression without a loop gives what the plain loop gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from common.geometry import iou_matrix
from models.nms import suppress


def plain(xyxy: np.ndarray, confidence: np.ndarray, class_id: np.ndarray, iou: float) -> list[int]:
    order = sorted(range(len(confidence)), key=lambda i: -confidence[i])
    overlap = iou_matrix(xyxy, xyxy)
    kept: list[int] = []
    for i in order:
        if all(class_id[i] != class_id[j] or overlap[j, i] <= iou for j in kept):
            kept.append(i)
    return kept


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 60), st.integers(0, 2**31), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.95]), st.integers(1, 3))
def test_agrees_with_the_plain_loop(n: int, seed: int, iou: float, classes: int) -> None:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 30, (n, 2))  # crowded: long chains of overlaps
    xyxy = np.concatenate([corner, corner + random.uniform(5, 40, (n, 2))], 1).astype(np.float32)
    confidence = random.choice(np.linspace(0.1, 0.9, 9), n).astype(np.float32)  # with ties
    class_id = random.integers(0, classes, n)
    assert suppress(xyxy, confidence, class_id, iou).tolist() == plain(xyxy, confidence, class_id, iou)


def test_a_chain_keeps_every_second_box() -> None:
    x = np.arange(9, dtype=np.float32) * 4
    xyxy = np.stack([x, 0 * x, x + 10, 0 * x + 10], 1)
    confidence = np.linspace(0.9, 0.5, 9, dtype=np.float32)
    assert suppress(xyxy, confidence, np.zeros(9, int), 0.4).tolist() == [0, 2, 4, 6, 8]


def test_boxes_of_no_area_do_not_disturb() -> None:
    xyxy = np.asarray([[5, 5, 5, 5], [5, 5, 5, 5], [0, 0, 9, 9]], np.float32)
    assert len(suppress(xyxy, np.asarray([0.5, 0.4, 0.9], np.float32), np.zeros(3, int), 0.5)) == 3
