"""YOLOv8's arithmetic written out slowly in NumPy from the tree of `TinyYolo`, batch normalisation unfolded."""

from __future__ import annotations

from typing import Any

import numpy as np

Node = dict[str, Any]


def compute(layers: list[Node], x: np.ndarray) -> np.ndarray:
    """(1, 3, h, w) → (1, 4 + classes, cells)."""
    values: list[np.ndarray] = []
    for layer in layers:
        source = layer["state"]["f"]
        taken = [values[i] if i != -1 else (values[-1] if values else x) for i in np.atleast_1d(source)]
        if layer["kind"] == "Detect":
            return _detect(layer, taken)
        values.append(_KINDS[layer["kind"]](layer, taken))
    raise AssertionError("no head")


def _conv2d(node: Node, x: np.ndarray) -> np.ndarray:
    weight = node["parameters"]["weight"].astype(np.float64)
    (stride, _), (pad, _) = node["state"]["stride"], node["state"]["padding"]
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    out = np.einsum("bchwij,ocij->bohw", windows, weight, optimize=True)
    bias = node["parameters"]["bias"]
    return out if bias is None else out + bias.astype(np.float64)[:, None, None]


def _conv(node: Node, taken: list[np.ndarray]) -> np.ndarray:
    x = _conv2d(node["modules"]["conv"], taken[0])
    normal = node["modules"]["bn"]
    gain, shift, mean, var = (
        normal[group][name].astype(np.float64)[:, None, None]
        for group, name in (
            ("parameters", "weight"),
            ("parameters", "bias"),
            ("buffers", "running_mean"),
            ("buffers", "running_var"),
        )
    )
    x = (x - mean) / np.sqrt(var + 0.001) * gain + shift
    return x / (1 + np.exp(-x))


def _c2f(node: Node, taken: list[np.ndarray]) -> np.ndarray:
    parts = list(np.split(_conv(node["modules"]["cv1"], taken), 2, axis=1))
    for step in node["modules"]["m"]["modules"].values():
        y = _conv(step["modules"]["cv2"], [_conv(step["modules"]["cv1"], [parts[-1]])])
        parts.append(parts[-1] + y if step["state"]["add"] else y)
    return _conv(node["modules"]["cv2"], [np.concatenate(parts, 1)])


def _sppf(node: Node, taken: list[np.ndarray]) -> np.ndarray:
    parts = [_conv(node["modules"]["cv1"], taken)]
    for _ in range(3):
        padded = np.pad(parts[-1], ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=-np.inf)
        parts.append(np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3)).max(axis=(4, 5)))
    return _conv(node["modules"]["cv2"], [np.concatenate(parts, 1)])


def _detect(node: Node, taken: list[np.ndarray]) -> np.ndarray:
    rows = []
    for level, x in enumerate(taken):
        stride = (8, 16, 32)[level]
        answers = []
        for branch in ("cv2", "cv3"):
            value = x
            for part in node["modules"][branch]["modules"][str(level)]["modules"].values():
                value = _conv(part, [value]) if part["kind"] == "Conv" else _conv2d(part, value)
            answers.append(value[0])
        distances, scores = answers
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                likely = np.exp(distances[:, i, j].reshape(4, 16))
                left, top, right, bottom = (likely / likely.sum(1, keepdims=True)) @ np.arange(16)
                x1, y1, x2, y2 = j + 0.5 - left, i + 0.5 - top, j + 0.5 + right, i + 0.5 + bottom
                box = np.asarray([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]) * stride
                rows.append(np.concatenate([box, 1 / (1 + np.exp(-scores[:, i, j]))]))
    return np.stack(rows, 1)[None]


_KINDS = {
    "Conv": _conv,
    "C2f": _c2f,
    "SPPF": _sppf,
    "Upsample": lambda node, taken: taken[0].repeat(2, 2).repeat(2, 3),
    "Concat": lambda node, taken: np.concatenate(taken, 1),
}
