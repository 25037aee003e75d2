"""Boxes and points, many at a time. Boxes are `xyxy`: left, top, right, bottom, y downwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def area(xyxy: Floats) -> Floats:
    """Area of each box: (n, 4) → (n,), in the boxes' unit squared."""
    sides = xyxy[:, 2:] - xyxy[:, :2]
    result: Floats = sides[:, 0] * sides[:, 1]
    return result


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4) → (n, m) in [0, 1]."""
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = area(a)[:, None] + area(b)[None, :] - shared
    result: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return result


def foot_points(xyxy: Floats) -> Floats:
    """Where each box stands: the middle of its lower edge, (n, 4) → (n, 2) x, y."""
    return np.stack([(xyxy[:, 0] + xyxy[:, 2]) / 2, xyxy[:, 3]], axis=1)


def clip(xyxy: Floats, width: float, height: float) -> Floats:
    """Boxes cut at the frame's edges."""
    return np.clip(xyxy, 0, np.asarray([width, height, width, height], xyxy.dtype))


def normalise(xyxy: Floats, width: float, height: float) -> NDArray[np.float32]:
    """Pixels of the frame → shares of its width and height, (n, 4) float32."""
    return np.asarray(xyxy / np.asarray([width, height, width, height]), np.float32)
