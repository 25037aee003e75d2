"""A world that is quick to see: coloured upright boxes walk through real videos, and a real ONNX network finds them.

The network has YOLOv8's input and output. It averages the brightest channel over a window of a person's size, so it
costs a millisecond where a YOLO costs thirty, and its tests need no weights of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH = 256, 320
PERSON_HEIGHT, PERSON_WIDTH = 96, 32
STEP = 8
FPS = 10.0


@dataclass(frozen=True)
class Walker:
    """Walks from x0 (pixels, centre) to x1 between two frames, in colours for upper and lower body (BGR)."""

    first: int
    last: int
    x0: float
    x1: float
    upper: tuple[int, int, int] = (255, 80, 80)
    lower: tuple[int, int, int] = (80, 80, 255)
    foot: float = 200.0

    def at(self, frame: int) -> float | None:
        if not self.first <= frame < self.last:
            return None
        return self.x0 + (self.x1 - self.x0) * (frame - self.first) / max(1, self.last - 1 - self.first)


def write_video(path: Path, walkers: Sequence[Walker], frames: int, fps: float = FPS) -> Path:
    """A video of them, 320 × 256 pixels."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (WIDTH, HEIGHT))
    assert writer.isOpened(), "this OpenCV writes no MJPG"
    for i in range(frames):
        image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
        for walker in walkers:
            if (x := walker.at(i)) is not None:
                left, right = round(x - PERSON_WIDTH / 2), round(x + PERSON_WIDTH / 2)
                foot = round(walker.foot)
                middle, top = foot - PERSON_HEIGHT // 2, foot - PERSON_HEIGHT
                image[top:middle, max(0, left):max(0, right)] = walker.upper
                image[middle:foot, max(0, left):max(0, right)] = walker.lower
        writer.write(image)
    writer.release()
    return path


def write_detector(path: Path) -> Path:
    """`[b, 3, 256, 320]` RGB 0 to 1 → `[b, 5, cells]`: centre, size, score of `person`, as YOLOv8 says it."""
    grids = [(HEIGHT // s, WIDTH // s) for s in (8, 16, 32)]
    fine, cells = grids[0][0] * grids[0][1], sum(h * w for h, w in grids)
    y, x = np.mgrid[: grids[0][0], : grids[0][1]].reshape(2, -1) * STEP + STEP / 2
    boxes = np.zeros((1, 4, cells), np.float32)
    boxes[0, :, :fine] = x, y, np.full(fine, PERSON_WIDTH), np.full(fine, PERSON_HEIGHT)
    boxes[0, :, fine:] = np.asarray([[WIDTH / 2], [HEIGHT / 2], [8], [8]])
    pads = [(PERSON_HEIGHT - STEP) // 2, (PERSON_WIDTH - STEP) // 2] * 2
    constants = {
        "boxes": boxes, "threshold": np.float32(0.5), "gain": np.float32(2.2), "zero": np.float32(0),
        "one": np.float32(1), "flat": np.asarray([0, 1, -1], np.int64), "from": np.asarray([0], np.int64),
        "to": np.asarray([cells - fine], np.int64), "axis": np.asarray([2], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["bright"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["bright"], ["filled"], kernel_shape=[PERSON_HEIGHT, PERSON_WIDTH],
                         strides=[STEP, STEP], pads=pads, count_include_pad=1),
        helper.make_node("Sub", ["filled", "threshold"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "zero", "one"], ["map"]),
        helper.make_node("Reshape", ["map", "flat"], ["fine"]),
        helper.make_node("Slice", ["fine", "from", "to", "axis"], ["some"]),
        helper.make_node("Mul", ["some", "zero"], ["coarse"]),
        helper.make_node("Concat", ["fine", "coarse"], ["scores"], axis=2),
        helper.make_node("Mul", ["scores", "zero"], ["nothing"]),
        helper.make_node("Add", ["boxes", "nothing"], ["placed"]),
        helper.make_node("Concat", ["placed", "scores"], ["output0"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "blobs",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["b", 3, HEIGHT, WIDTH])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["b", 5, cells])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"names": "{0: 'person'}"})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
