"""Small ONNX networks whose answers are known: detectors that see what they are told, embedders with known faults."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.export.graph import Graph

Shape = Sequence[int | str]


def constant_detector(answer: np.ndarray, shape: Shape, metadata: dict[str, str] | None = None) -> bytes:
    """Answers `answer` (rows, columns) to every picture, whatever it shows; `shape` is the input's."""
    graph = Graph()
    batch = graph.add("Shape", "images", start=0, end=1)
    target = graph.add("Concat", batch, graph.integers(*answer.shape), axis=0)
    value = graph.add("Expand", graph.constant(answer[None]), target)
    return graph.finish("fake", {"images": shape}, {"output0": (value, [shape[0], *answer.shape])}, metadata or {})


def bright_spot_detector(batch: int | str = "b", height: int | str = "h", width: int | str = "w") -> bytes:
    """YOLOv8's layout, one class: at every cell of strides 8, 16 and 32 a box of 4 strides, as sure as the cell is red.

    It looks at its input, so that letterboxing, channel order and batches can be tested with it.
    """
    graph = Graph()
    boxes, scores = [], []
    zero, one, half = graph.constant(0.0), graph.constant(1.0), graph.constant(0.5)
    red = graph.add("Slice", "images", graph.integers(0), graph.integers(1), graph.integers(1))
    for stride in (8, 16, 32):
        mean = graph.add("AveragePool", red, kernel_shape=[stride, stride], strides=[stride, stride])
        size = graph.add("Shape", mean, start=2, end=4)
        axes = []
        for axis, column in ((1, (1, 1, 1, -1)), (0, (1, 1, -1, 1))):
            count = graph.add("Cast", graph.add("Gather", size, graph.constant(axis, np.int64)), to=1)
            steps = graph.add(
                "Mul", graph.add("Add", graph.add("Range", zero, count, one), half), graph.constant(float(stride))
            )
            spread = graph.add(
                "Add", graph.add("Reshape", steps, graph.integers(*column)), graph.add("Mul", mean, zero)
            )
            axes.append(graph.add("Reshape", spread, graph.integers(0, 1, -1)))
        flat = graph.add("Reshape", mean, graph.integers(0, 1, -1))
        side = graph.add("Add", graph.add("Mul", flat, zero), graph.constant(4.0 * stride))
        boxes.append(graph.add("Concat", *axes, side, side, axis=1))
        scores.append(flat)
    every = graph.add("Concat", graph.add("Concat", *boxes, axis=2), graph.add("Concat", *scores, axis=2), axis=1)
    return graph.finish(
        "spots",
        {"images": [batch, 3, height, width]},
        {"output0": (every, [batch, 5, "n"])},
        {"names": "{0: 'person'}"},
    )


def mean_embedder(
    shape: Shape = ("b", 3, 256, 128),
    *,
    dimensions: int = 24,
    drift: float = 0.0,
    same: bool = False,
    nan: bool = False,
    own: tuple[Sequence[float], Sequence[float]] | None = None,
) -> bytes:
    """Averages over blocks of the picture, spread over `dimensions`; input [b, 3, h, w] or [b, h, w, 3] by `shape`.

    Args:
        drift: how much of the batch's mean to subtract, as a badly exported network does: a crop's answer depends on
            its neighbours; with 1 there is nothing left of a crop alone.
        same: the same answer to every picture.
        nan: 0 / 0.
        own: (mean, std) that the graph itself takes off its input, (x - mean) / std.
    """
    graph = Graph()
    value = "images"
    if shape[-1] == 3:
        value = graph.add("Transpose", value, perm=[0, 3, 1, 2])
    if own:
        for operator, numbers in zip(("Sub", "Div"), own, strict=True):
            value = graph.add(operator, value, graph.constant(np.reshape(numbers, (1, 3, 1, 1))))
    value = graph.add("AveragePool", value, kernel_shape=[64, 64], strides=[64, 64])
    value = graph.add("Flatten", value, axis=1)
    mixing = np.random.default_rng(3).normal(size=(24, dimensions))
    value = graph.add("MatMul", value, graph.constant(mixing))
    if drift:
        mean = graph.add("ReduceMean", value, axes=[0], keepdims=1)
        value = graph.add("Sub", value, graph.add("Mul", mean, graph.constant(float(drift))))
        value = graph.add("Add", value, graph.constant(0.1))
    if same or nan:
        value = graph.add("Mul", value, graph.constant(0.0))
        value = graph.add("Div", value, value) if nan else graph.add("Add", value, graph.constant(1.0))
    return graph.finish("fake", {"images": shape}, {"embedding": (value, [shape[0], dimensions])}, {})
