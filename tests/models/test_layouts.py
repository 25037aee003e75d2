"""Every family of YOLO is told from the shape of what it answers, and read to the same boxes."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import ModelError
from models.layouts import Layout, cells, decode, find_layout, grid

H, W = 64, 96
N = cells(H, W, (8, 16, 32))
BOX = np.asarray([40.0, 30.0, 20.0, 12.0])  # centre, size, pixels of the input
CORNERS = [30.0, 24.0, 50.0, 36.0]


def scene(kind: str, classes: int = 4) -> np.ndarray:
    """One box of class 2, confidence .8, in cell 17, as each family says it."""
    if kind == "end_to_end":
        rows = np.zeros((1, 300, 6), np.float32)
        rows[0, 5] = [*CORNERS, 0.8, 2]
        return rows
    if kind in ("anchor_free", "transposed"):
        out = np.zeros((1, 4 + classes, N), np.float32)
        out[0, :4, :] = [[1], [1], [4], [4]]
        out[0, :4, 17], out[0, 6, 17] = BOX, 0.8
        return out.transpose(0, 2, 1) if kind == "transposed" else out
    count = 3 * N if kind == "anchors" else N
    out = np.zeros((1, count, 5 + classes), np.float32)
    column, row, stride = grid(H, W, (8, 16, 32))[17]
    centres = (np.tile(grid(H, W, (8, 16, 32)), (count // N, 1)) + np.asarray([0.5, 0.5, 0])).astype(np.float32)
    out[0, :, :2] = 0.4 if kind == "raw" else centres[:, :2] * centres[:, 2:]
    out[0, 17, :2] = BOX[:2] / stride - [column, row] if kind == "raw" else BOX[:2]
    out[0, 17, 2:4] = np.log(BOX[2:] / stride) if kind == "raw" else BOX[2:]
    out[0, 17, 4], out[0, 17, 7] = 0.9, 0.8 / 0.9
    return out


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("anchor_free", Layout(kind="anchor_free", classes=4, strides=(8, 16, 32))),
        ("transposed", Layout(kind="anchor_free", classes=4, transposed=True, strides=(8, 16, 32))),
        ("anchors", Layout(kind="objectness", classes=4, strides=(8, 16, 32))),
        ("decoded", Layout(kind="objectness", classes=4, strides=(8, 16, 32), yolox=True)),
        ("raw", Layout(kind="objectness", classes=4, raw=True, strides=(8, 16, 32), yolox=True)),
        ("end_to_end", Layout(kind="end_to_end", classes=4)),
    ],
)
def test_families_are_told_apart_and_say_the_same(kind: str, expected: Layout) -> None:
    output = scene(kind)
    layout = find_layout("net", H, W, output, 4)
    assert layout == expected
    for wanted in ([2], [0, 2], [0, 1, 2, 3]):
        found = decode(output, layout, H, W, np.asarray(wanted), 0.25)[0]
        np.testing.assert_allclose(found.xyxy, [CORNERS], atol=1e-3)
        np.testing.assert_allclose(found.confidence, [0.8], atol=1e-6)
        assert found.class_id.tolist() == [2]
    assert len(decode(output, layout, H, W, np.asarray([1]), 0.25)[0].confidence) == 0
    assert len(decode(output, layout, H, W, np.asarray([2]), 0.85)[0].confidence) == 0


def test_the_number_of_classes_is_counted_where_the_graph_has_no_notes() -> None:
    assert find_layout("net", H, W, scene("anchor_free", 80), None).classes == 80
    assert find_layout("net", H, W, scene("transposed", 80), None).transposed
    assert find_layout("net", H, W, scene("raw", 80), None) == Layout(
        kind="objectness", classes=80, raw=True, strides=(8, 16, 32), yolox=True
    )


def test_yolov6_is_not_taken_for_yolox() -> None:
    output = scene("decoded")
    output[0, :, 4] = 1
    assert not find_layout("v6", H, W, output, 4).yolox


def test_scores_without_their_sigmoid_are_noticed() -> None:
    output = scene("anchor_free")
    output[:, 4:] = np.where(output[:, 4:] > 0, 3.0, -6.0)
    layout = find_layout("net", H, W, output, 4)
    assert layout.logits
    np.testing.assert_allclose(decode(output, layout, H, W, np.asarray([2]), 0.25)[0].confidence, [0.9526], atol=1e-3)


def test_other_strides_are_known() -> None:
    n = cells(128, 128, (8, 16, 32, 64))
    assert find_layout("p6", 128, 128, np.zeros((1, 8, n)), 4).strides == (8, 16, 32, 64)


@pytest.mark.parametrize("shape", [(1, 1000), (1, 512, 7, 7), (1, 77, 84), (1, 4, N)])
def test_anything_else_is_no_detector(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"is no detector.*answers \[1.*expected") as caught:
        find_layout("resnet", H, W, np.zeros(shape), None)
    assert "resnet" in str(caught.value)
