"""Which kind of YOLO a graph is, found from the shapes of its input and output, and how its output is read.

With an input of h × w, a network without anchors says one row for each cell of its grids: h/8 · w/8 + h/16 · w/16 +
h/32 · w/32 rows (with a further level for some families). That number tells the families apart:

| output | family | `kind` |
|---|---|---|
| `[b, 4 + c, cells]` (or its transpose) | YOLOv8, v9, v11 and v5u: centre, size; class scores | `anchor_free` |
| `[b, 3 · cells, 5 + c]` | YOLOv5, v7: centre, size; objectness; class scores; three anchors a cell | `objectness` |
| `[b, cells, 5 + c]` | YOLOX, v6: as above without anchors; YOLOX mostly still in grid units (`raw`) | `objectness` |
| `[b, k, 6]`, k no multiple of cells | YOLOv10, v26 end-to-end: corners, confidence, class | `end_to_end` |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError

Array = NDArray[np.floating[Any]]

_STRIDES: Final = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
EXPECTED: Final = (
    "[b, 4+classes, n] (YOLOv8/v9/v11), [b, n, 5+classes] (YOLOv5/v7, YOLOX) or [b, k, 6] (YOLOv10/v26 end-to-end)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How to read a detector's output.

    Attributes:
        kind: see the table above.
        classes: number of classes; 0 for `end_to_end`, which does not show it.
        transposed: `anchor_free` whose rows and columns are exchanged.
        raw: centre and size are still in grid units (YOLOX exported without decoding).
        logits: scores still lack their sigmoid.
        strides: of the grids.
        yolox: it is a YOLOX, which wants bytes in BGR and the picture in the corner, where all other families want
            0 to 1 in RGB and the picture in the middle.
    """

    kind: Literal["anchor_free", "objectness", "end_to_end"]
    classes: int
    transposed: bool = False
    raw: bool = False
    logits: bool = False
    strides: tuple[int, ...] = ()
    yolox: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes of one picture before suppression.

    Attributes:
        xyxy: (n, 4) float32, pixels of the network's input.
        confidence: (n,) float32.
        class_id: (n,) int32.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]


def cells(height: int, width: int, strides: Sequence[int]) -> int:
    """Number of grid cells of all levels."""
    return sum((height // s) * (width // s) for s in strides)


def find_layout(name: str, height: int, width: int, output: Array, classes: int | None) -> Layout:
    """The layout of a network that answered `output` to one picture of height × width.

    Args:
        name: for the error.
        output: (1, a, b), the answer to a picture without objects.
        classes: number of classes, where the graph's notes say it.

    Raises:
        ModelError: no known family; says what was found and what was expected.
    """
    if output.ndim != 3:
        raise _no_detector(name, height, width, output.shape)
    _, rows, columns = output.shape
    for strides in _STRIDES:
        n = cells(height, width, strides)
        if columns == n and rows > 4:
            scores = output[0, 4:]
            return Layout(kind="anchor_free", classes=classes or rows - 4, logits=_are_logits(scores), strides=strides)
        # COCO's 80 classes settle the one case that shapes leave open when the graph has no notes.
        turned = columns == 4 + (classes or 80)
        if rows == n and columns > 4 and turned:
            return Layout(
                kind="anchor_free",
                classes=columns - 4,
                transposed=True,
                logits=_are_logits(output[0, :, 4:]),
                strides=strides,
            )
        if rows in (n, 3 * n) and columns > 5:
            raw = rows == n and _is_raw(output[0], height, width, strides)
            return Layout(
                kind="objectness",
                classes=classes or columns - 5,
                raw=raw,
                logits=_are_logits(output[0, :, 4:]),
                strides=strides,
                # YOLOv6 has YOLOX's shape too, decoded and with an objectness that is always 1.
                yolox=rows == n and (raw or bool(np.ptp(output[0, :, 4]) > 1e-6)),
            )
    if columns == 6:
        return Layout(kind="end_to_end", classes=classes or 0)
    raise _no_detector(name, height, width, output.shape)


def decode(
    output: Array, layout: Layout, height: int, width: int, wanted: NDArray[np.intp], floor: float
) -> list[Candidates]:
    """A batch's output as candidates of the wanted classes, of confidence `floor` and above.

    Args:
        output: (b, ., .), the network's.
        height, width: of the network's input, pixels.
        wanted: class indices, rising.
        floor: confidence.

    Returns:
        One entry a picture.
    """
    if layout.kind == "end_to_end":
        return [_end_to_end(rows, wanted, floor) for rows in output]
    if layout.kind == "anchor_free":
        output = output.transpose(0, 2, 1) if layout.transposed else output
        scores = output[:, 4 + wanted]
        scores = _sigmoid(scores) if layout.logits else scores
        best, label = _best(scores, axis=1)
        return [
            _from_centres(output[b][:4, hit].T, best[b, hit], wanted[label[b, hit]])
            for b, hit in enumerate(_hits(best, floor))
        ]
    objectness, scores = output[:, :, 4], output[:, :, 5 + wanted]
    if layout.logits:
        objectness, scores = _sigmoid(objectness), _sigmoid(scores)
    best, label = _best(scores, axis=2)
    best = best * objectness
    found = []
    for b, hit in enumerate(_hits(best, floor)):
        boxes = output[b, hit, :4]
        if layout.raw:
            boxes = _from_grid(boxes, hit, height, width, layout.strides)
        found.append(_from_centres(boxes, best[b, hit], wanted[label[b, hit]]))
    return found


def grid(height: int, width: int, strides: Sequence[int]) -> NDArray[np.float32]:
    """(cells, 3) float32: column, row and stride of every cell, level by level, row by row."""
    levels = []
    for stride in strides:
        y, x = np.mgrid[: height // stride, : width // stride].astype(np.float32)
        levels.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride, np.float32)], axis=1))
    return np.concatenate(levels)


def _hits(best: Array, floor: float) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(row >= floor) for row in best]


def _best(scores: Array, axis: int) -> tuple[Array, NDArray[np.intp]]:
    if scores.shape[axis] == 1:  # one class, as mostly: nothing to compare
        single = scores.squeeze(axis)
        return single, np.zeros(single.shape, np.intp)
    return scores.max(axis), scores.argmax(axis)


def _from_centres(boxes: Array, confidence: Array, class_id: NDArray[np.intp]) -> Candidates:
    xyxy = np.empty((len(boxes), 4), np.float32)
    boxes = boxes.astype(np.float32, copy=False)  # half precision would move corners by half a pixel
    half = boxes[:, 2:] / 2
    xyxy[:, :2] = boxes[:, :2] - half
    xyxy[:, 2:] = boxes[:, :2] + half
    return Candidates(xyxy, confidence.astype(np.float32), class_id.astype(np.int32))


def _from_grid(boxes: Array, index: NDArray[np.intp], height: int, width: int, strides: Sequence[int]) -> Array:
    """Grid units → pixels: centre = (xy + cell) · stride, size = exp(wh) · stride (YOLOX, arXiv 2107.08430)."""
    boxes = boxes.astype(np.float32, copy=False)
    cell = grid(height, width, strides)[index]
    stride = cell[:, 2:]
    return np.concatenate([(boxes[:, :2] + cell[:, :2]) * stride, np.exp(boxes[:, 2:]) * stride], axis=1)


def _end_to_end(rows: Array, wanted: NDArray[np.intp], floor: float) -> Candidates:
    keep = (rows[:, 4] >= floor) & np.isin(rows[:, 5].astype(np.intp), wanted)
    rows = rows[keep].astype(np.float32)
    return Candidates(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int32))


def _is_raw(rows: Array, height: int, width: int, strides: Sequence[int]) -> bool:
    """Decoded centres lie near their cells; raw ones are a few units around 0, wherever the cell is."""
    cell = grid(height, width, strides)
    centres = (cell[:, :2] + 0.5) * cell[:, 2:]
    decoded = np.median(np.abs(rows[:, :2] - centres) / cell[:, 2:])
    raw = np.median(np.abs(rows[:, :2]))
    return bool(raw < decoded)


def _are_logits(scores: Array) -> bool:
    """Probabilities stay within 0 and 1 (a little rounding allowed)."""
    return bool(scores.size and (scores.min() < -0.01 or scores.max() > 1.01))


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _no_detector(name: str, height: int, width: int, shape: tuple[int, ...]) -> ModelError:
    return ModelError(
        f"{name}: is no detector that we can read: to a picture of {height}x{width} it answers {list(shape)}; "
        f"expected {EXPECTED}",
        "export it as a plain YOLO detector, or take one of `edge-agent models list`",
    )
