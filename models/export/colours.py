"""What colours and textures a body wears from head to foot, reckoned by an ONNX graph: nobody trained it.

1. the crop is shrunk by averaging, which takes noise and compression away;
2. every pixel votes, softly, for hue bins as far as it is colourful and for lightness bins as far as it is not;
   colourfulness and hue are taken from ratios of the channels, which do not change with the strength of the light;
   lightness is mostly relative to the crop's own mean;
3. the strength and direction of the local gradient vote for texture bins;
4. votes are summed in overlapping stripes across the body, pixels near the middle counting more (the sides are
   mostly background);
5. square roots (Hellinger's kernel: no single large bin rules the cosine), then unit length.

The re-identification network joins it to what its convolutions see (`models.export.reid`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.pixels import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from models.export.graph import Graph

Floats = NDArray[np.float32]

# Chosen by reasoning, not fitted.
_ROWS, _COLUMNS = 64, 32  # the shrunk crop
STRIPES: Final = 8
HUES: Final = 8
LIGHTS: Final = 6
DIRECTIONS: Final = 4
COLOURFUL: Final = 0.25  # saturation at which a pixel counts half as coloured, half as grey
ADAPT: Final = 0.75  # how far lightness is relative to the crop's own mean: 0 not at all, 1 wholly
_ACROSS: Final = 0.18  # width of the bell across the body, in widths of the crop
TEXTURE: Final = 0.35  # weight of texture against colour
EVEN: Final = 0.75  # share of an even spread that is taken away
DIMENSIONS: Final = STRIPES * (HUES + LIGHTS + DIRECTIONS)


def describe(graph: Graph, images: str, shrink: int = 4) -> str:
    """Add what reckons the description to a graph.

    Args:
        graph: to add to.
        images: [b, 3, 64 · shrink, 32 · shrink] RGB, ImageNet's mean and deviation taken out.
        shrink: how many times to shrink them.

    Returns:
        [b, DIMENSIONS], unit length.
    """

    def number(value: float) -> str:
        return graph.constant(value)

    def combine(x: str, rows: Any) -> str:
        """A linear combination of the channels at every pixel."""
        weight = np.asarray(rows, np.float32)
        return str(graph.add("Conv", x, graph.constant(weight[:, :, None, None]), kernel_shape=[1, 1]))

    small = graph.add("AveragePool", images, kernel_shape=[shrink] * 2, strides=[shrink] * 2)
    rgb = graph.add("Mul", small, graph.constant(np.asarray(IMAGENET_STD)[None, :, None, None]))
    rgb = graph.add("Add", rgb, graph.constant(np.asarray(IMAGENET_MEAN)[None, :, None, None]))
    light = combine(rgb, [[0.299, 0.587, 0.114]])
    mean = graph.add("ReduceMean", light, axes=[1, 2, 3], keepdims=1)

    # Colour: the plane across the grey axis; its angle is hue, its length over lightness is colourfulness.
    plane = combine(rgb, [[1 / np.sqrt(2), -1 / np.sqrt(2), 0], [1 / np.sqrt(6), 1 / np.sqrt(6), -2 / np.sqrt(6)]])
    squared = graph.add("ReduceSum", graph.add("Mul", plane, plane), graph.integers(1), keepdims=1)
    length = graph.add("Sqrt", graph.add("Add", squared, number(1e-8)))
    saturation = graph.add("Div", length, graph.add("Add", light, number(0.1)))
    s2 = graph.add("Mul", saturation, saturation)
    chromatic = graph.add("Div", s2, graph.add("Add", s2, number(COLOURFUL**2)))
    angles = 2 * np.pi * np.arange(HUES) / HUES
    cosine = graph.add("Div", combine(plane, np.stack([np.cos(angles), np.sin(angles)], 1)), length)
    hue = graph.add("Relu", cosine)
    for _ in range(2):  # to the fourth power: narrow bins that still overlap
        hue = graph.add("Mul", hue, hue)
    total = graph.add("ReduceSum", hue, graph.integers(1), keepdims=1)
    hue = graph.add("Div", hue, graph.add("Add", total, number(1e-6)))  # grey has no hue
    hue = graph.add("Mul", hue, chromatic)

    # Lightness, mostly adapted to the crop's own mean: v = l · (0.45 / mean)^adapt
    adapted = graph.add("Pow", graph.add("Div", number(0.45), graph.add("Add", mean, number(0.02))), number(ADAPT))
    value = graph.add("Min", graph.add("Mul", light, adapted), number(1.0))
    centres = np.linspace(0.0, 1.0, LIGHTS).reshape(1, -1, 1, 1)
    distance = graph.add("Abs", graph.add("Sub", value, graph.constant(centres)))
    bins = graph.add("Relu", graph.add("Sub", number(1.0), graph.add("Mul", distance, number(LIGHTS - 1))))
    grey = graph.add("Mul", bins, graph.add("Sub", number(1.0), chromatic))

    # Texture: strength of change of log lightness in four directions.
    log_light = graph.add("Log", graph.add("Add", light, number(0.05)))
    x, y = np.array([[-1, 0, 1]] * 3) / 6, np.array([[-1, 0, 1]] * 3).T / 6
    kernels = np.stack([x, y, (x + y) / np.sqrt(2), (x - y) / np.sqrt(2)])[:, None]
    change = graph.add("Abs", graph.add("Conv", log_light, graph.constant(kernels), kernel_shape=[3, 3], pads=[1] * 4))

    window = graph.constant(windows())

    def pool(votes: str, channels: int) -> str:
        """(b, k, rows, columns) → (b, k, stripes)"""
        flat = graph.add("Reshape", votes, graph.integers(0, channels, _ROWS * _COLUMNS))
        return str(graph.add("MatMul", flat, window))

    votes = pool(graph.add("Concat", hue, grey, axis=1), HUES + LIGHTS)
    colour = _hellinger(graph, votes, 1e-6)
    change = _hellinger(graph, pool(change, DIRECTIONS), 0.05)
    # Votes are never negative, so all people look alike at first: most of an even spread of votes is taken away.
    colour = graph.add("Sub", colour, number(EVEN / np.sqrt(HUES + LIGHTS)))
    change = graph.add("Sub", change, number(EVEN / np.sqrt(DIRECTIONS)))
    parts = graph.add("Concat", colour, graph.add("Mul", change, number(TEXTURE)), axis=1)
    flat = graph.add("Flatten", parts, axis=1)
    norm = graph.add("ReduceL2", flat, axes=[1], keepdims=1)
    return str(graph.add("Div", flat, graph.add("Max", norm, number(1e-6))))


def _hellinger(graph: Any, votes: str, floor: float) -> str:
    """Shares of each stripe's votes, then square roots: every stripe becomes a vector of at most unit length."""
    total = graph.add("ReduceSum", votes, graph.integers(1), keepdims=1)
    share = graph.add("Div", votes, graph.add("Add", total, graph.constant(floor)))
    return str(graph.add("Sqrt", graph.add("Add", share, graph.constant(1e-7))))


def windows() -> Floats:
    """(rows · columns, stripes): overlapping bells down the body times a bell across it; each sums to 1."""
    y = (np.arange(_ROWS) + 0.5) / _ROWS
    x = (np.arange(_COLUMNS) + 0.5) / _COLUMNS
    middles = 0.06 + 0.9 * (np.arange(STRIPES) + 0.5) / STRIPES
    down = np.exp(-0.5 * ((y[:, None] - middles) / (0.55 / STRIPES)) ** 2)
    across = np.exp(-0.5 * ((x - 0.5) / _ACROSS) ** 2)
    window = (down[:, None, :] * across[None, :, None]).reshape(-1, STRIPES)
    return np.asarray(window / window.sum(axis=0), np.float32)
