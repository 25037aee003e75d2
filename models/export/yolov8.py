"""YOLOv8 detection checkpoints (n, s, m, l, x) → ONNX.

The graph is built block by block from what the checkpoint says of itself: kinds of layers, where each takes its input
from, and the weights, whose shapes carry width and depth. The blocks are those of YOLOv8's published architecture:
Conv (convolution, batch normalisation, SiLU), C2f, SPPF, and a head that says for each side of a box a distribution
over 16 distances (DFL, arXiv 2006.04388) and for each class a score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.export.checkpoint import Module, Stub, module_tree, read_checkpoint
from models.export.graph import Graph

_BATCH_NORM_EPSILON: Final = 1e-3  # YOLOv8's, where the checkpoint does not say it

Array = NDArray[np.float32]


def export_yolov8(
    path: Path, *, shape: tuple[int, int] | None = None, batch: int | None = None, licence: str = "AGPL-3.0"
) -> bytes:
    """A checkpoint as an ONNX file: `images` [b, 3, h, w] RGB 0-1 → `output0` [b, 4 + classes, n] in pixels.

    Args:
        path: `.pt` file of a YOLOv8 detector.
        shape: height and width, multiples of 32; None leaves them free (any multiple of 32).
        batch: fixed batch size; None leaves it free.
        licence: written into the graph's notes.

    Raises:
        ModelError: no YOLOv8 detection checkpoint; says what was found.
    """
    if shape and any(side % 32 or side <= 0 for side in shape):
        raise ModelError(f"a YOLOv8 graph needs sides that are multiples of 32, not {shape[0]}x{shape[1]}")
    root = _network(path)
    layers = root["model"]
    graph = Graph()
    values: list[Any] = []
    names = _names(root, layers)
    for index, layer in enumerate(layers):
        source = _source(layer)
        taken = [values[i] if i != -1 else (values[-1] if values else "images") for i in source]
        if layer.kind == "Detect":
            output, classes = _detect(graph, layer, taken, shape)
            if index != len(layers) - 1:
                raise ModelError(f"{path}: its head is not the last layer")
            return graph.finish(
                path.stem,
                {"images": [batch or "batch", 3, *(shape or ("height", "width"))]},
                {"output0": (output, [batch or "batch", 4 + classes, _rows(shape, layer)])},
                {
                    "names": str(dict(enumerate(names or [f"class{i}" for i in range(classes)]))),
                    "task": "detect",
                    "stride": "32",
                    "license": licence,
                    "source": path.name,
                    "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                },
            )
        block = _BLOCKS.get(layer.kind)
        if block is None:
            raise ModelError(
                f"{path}: is no YOLOv8 detector: layer {index} is a {layer.kind}; "
                f"known are {', '.join(sorted(_BLOCKS))} and Detect",
                "export it with its own tool and `edge-agent models add` the ONNX file",
            )
        values.append(block(graph, layer, taken))
    raise ModelError(f"{path}: is no YOLOv8 detector: it has no Detect head")


def _network(path: Path) -> Module:
    content = read_checkpoint(path)
    if isinstance(content, dict):
        content = content.get("ema") or content.get("model")
    if not isinstance(content, Stub):
        raise ModelError(
            f"{path}: holds no network, only {type(content).__name__}; expected a YOLOv8 `.pt` with its module tree",
            "take the official .pt file",
        )
    return module_tree(content)


def _names(root: Module, layers: Module) -> list[str]:
    names = root.attributes.get("names") or layers.attributes.get("names")
    if isinstance(names, dict):
        return [str(names[key]) for key in sorted(names)]
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def _source(layer: Module) -> list[int]:
    source = layer.attributes.get("f", -1)
    return [int(i) for i in source] if isinstance(source, list | tuple) else [int(source)]


def _pair(value: Any) -> list[int]:
    return [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)] * 2


def _convolve(graph: Graph, convolution: Module, x: str, weight: Array, bias: Array | None) -> str:
    stated = convolution.attributes
    padding = _pair(stated.get("padding", 0))
    inputs = [x, graph.constant(weight)] + ([graph.constant(bias)] if bias is not None else [])
    value: str = graph.add(
        "Conv",
        *inputs,
        kernel_shape=list(weight.shape[2:]),
        strides=_pair(stated.get("stride", 1)),
        pads=[*padding, *padding],
        dilations=_pair(stated.get("dilation", 1)),
        group=int(stated.get("groups", 1)),
    )
    return value


def _plain(graph: Graph, convolution: Module, x: str) -> str:
    bias = convolution.tensor("bias") if "bias" in convolution.tensors else None
    return _convolve(graph, convolution, x, convolution.tensor("weight"), bias)


def _conv(graph: Graph, block: Module, taken: list[Any]) -> str:
    """Convolution, batch normalisation folded into it, SiLU."""
    convolution = block["conv"]
    weight = convolution.tensor("weight")
    bias = convolution.tensor("bias") if "bias" in convolution.tensors else np.zeros(len(weight), np.float32)
    if "bn" in block.children:
        normal = block["bn"]
        epsilon = float(normal.attributes.get("eps", _BATCH_NORM_EPSILON))
        gain = normal.tensor("weight") / np.sqrt(normal.tensor("running_var") + epsilon)
        weight = weight * gain[:, None, None, None]
        bias = normal.tensor("bias") + (bias - normal.tensor("running_mean")) * gain
    value = _convolve(graph, convolution, taken[0], weight, bias)
    activation = block.children.get("act")
    if activation is None or activation.kind == "SiLU":
        return str(graph.add("Mul", value, graph.add("Sigmoid", value)))
    if activation.kind == "Identity":
        return value
    raise ModelError(f"{block.path}: activation {activation.kind} is not known, only SiLU")


def _bottleneck(graph: Graph, block: Module, x: str) -> str:
    y = _conv(graph, block["cv2"], [_conv(graph, block["cv1"], [x])])
    return str(graph.add("Add", x, y)) if block.attributes.get("add", False) else y


def _c2f(graph: Graph, block: Module, taken: list[Any]) -> str:
    """Split in two, pass one half through a chain of bottlenecks, join every step."""
    parts = list(graph.add("Split", _conv(graph, block["cv1"], taken), outputs=2, axis=1))
    for bottleneck in block["m"]:
        parts.append(_bottleneck(graph, bottleneck, parts[-1]))
    return _conv(graph, block["cv2"], [graph.add("Concat", *parts, axis=1)])


def _sppf(graph: Graph, block: Module, taken: list[Any]) -> str:
    """Three poolings in a row, joined: a pyramid of receptive fields."""
    parts = [_conv(graph, block["cv1"], taken)]
    kernel = _pair(block["m"].attributes.get("kernel_size", 5))
    pads = [k // 2 for k in kernel]
    for _ in range(3):
        parts.append(graph.add("MaxPool", parts[-1], kernel_shape=kernel, strides=[1, 1], pads=[*pads, *pads]))
    return _conv(graph, block["cv2"], [graph.add("Concat", *parts, axis=1)])


def _upsample(graph: Graph, block: Module, taken: list[Any]) -> str:
    factor = float(block.attributes.get("scale_factor", 2.0))
    scales = graph.constant([1, 1, factor, factor])
    return str(
        graph.add(
            "Resize",
            taken[0],
            "",
            scales,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    )


def _concat(graph: Graph, _: Module, taken: list[Any]) -> str:
    return str(graph.add("Concat", *taken, axis=1))


_BLOCKS: Final[dict[str, Callable[[Graph, Module, list[Any]], str]]] = {
    "Conv": _conv,
    "C2f": _c2f,
    "SPPF": _sppf,
    "Upsample": _upsample,
    "Concat": _concat,
}


def _detect(graph: Graph, head: Module, taken: list[Any], shape: tuple[int, int] | None) -> tuple[str, int]:
    """The head: distances → boxes, logits → scores; its value and the number of classes."""
    bins = int(head.attributes.get("reg_max", 16))
    strides = _strides(head)
    distances: list[str] = []
    scores: list[str] = []
    classes = 0
    for level, x in enumerate(taken):
        for branch, into in ((head["cv2"][level], distances), (head["cv3"][level], scores)):
            value = x
            for part in branch:
                value = _conv(graph, part, [value]) if part.kind == "Conv" else _plain(graph, part, value)
            into.append(graph.add("Reshape", value, graph.integers(0, 0, -1)))
        classes = len(head["cv3"][level][2].tensor("weight"))
    # (b, 4·bins, n) → expectation over the bins → (b, 4, n): left, top, right, bottom in strides.
    raw = graph.add("Reshape", graph.add("Concat", *distances, axis=2), graph.integers(0, 4, bins, -1))
    likely = graph.add("Softmax", graph.add("Transpose", raw, perm=[0, 1, 3, 2]), axis=-1)
    sides = graph.add("MatMul", likely, graph.constant(np.arange(bins)[:, None]))
    sides = graph.add("Reshape", sides, graph.integers(0, 4, -1))
    before, after = graph.add("Split", sides, outputs=2, axis=1)
    points, scale = _anchors(graph, taken, strides, shape)
    # centre = point + (after - before) / 2, size = before + after
    shift = graph.add("Mul", graph.add("Sub", after, before), graph.constant(0.5))
    centre = graph.add("Add", points, shift)
    boxes = graph.add("Mul", graph.add("Concat", centre, graph.add("Add", before, after), axis=1), scale)
    score = graph.add("Sigmoid", graph.add("Concat", *scores, axis=2))
    return str(graph.add("Concat", boxes, score, axis=1)), classes


def _strides(head: Module) -> list[int]:
    stated = head.attributes.get("stride")
    values = stated if isinstance(stated, np.ndarray) else head.tensors.get("stride")
    return [int(v) for v in values] if values is not None and len(values) else [8, 16, 32]


def _anchors(graph: Graph, maps: list[Any], strides: list[int], shape: tuple[int, int] | None) -> tuple[str, str]:
    """Middles of the cells (1, 2, n) in strides, and strides (1, 1, n): constants, or from the maps' sizes."""
    if shape:
        points, scales = [], []
        for stride in strides:
            y, x = np.mgrid[: shape[0] // stride, : shape[1] // stride] + 0.5
            points.append(np.stack([x.ravel(), y.ravel()]))
            scales.append(np.full((1, x.size), stride))
        return graph.constant(np.concatenate(points, 1)[None]), graph.constant(np.concatenate(scales, 1)[None])
    levels, scale_levels = [], []
    zero, one, half = graph.constant(0.0), graph.constant(1.0), graph.constant(0.5)
    for value, stride in zip(maps, strides, strict=True):
        size = graph.add("Shape", value, start=2, end=4)
        axes = []
        for axis, column in ((1, (1, -1)), (0, (-1, 1))):  # x runs along the rows, y along the columns
            count = graph.add("Cast", graph.add("Gather", size, graph.constant(axis, np.int64)), to=1)
            steps = graph.add("Add", graph.add("Range", zero, count, one), half)
            spread = graph.add("Expand", graph.add("Reshape", steps, graph.integers(*column)), size)
            axes.append(graph.add("Reshape", spread, graph.integers(1, 1, -1)))
        levels.append(graph.add("Concat", *axes, axis=1))
        scale_levels.append(graph.add("Add", graph.add("Mul", axes[0], zero), graph.constant(float(stride))))
    return graph.add("Concat", *levels, axis=2), graph.add("Concat", *scale_levels, axis=2)


def _rows(shape: tuple[int, int] | None, head: Module) -> int | str:
    return sum((shape[0] // s) * (shape[1] // s) for s in _strides(head)) if shape else "rows"
