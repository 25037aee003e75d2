"""Which crops are worth embedding: confident, whole, in front of others, large enough. Per frame, not per object."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common import geometry


def crop_quality(
    xyxy: NDArray[np.float32], confidence: NDArray[np.float32], width: int, height: int, full_height: float
) -> NDArray[np.float32]:
    """How much of a person each crop shows, (n,) float32 in [0, 1].

    The product of the detector's confidence, the share of the box that nobody nearer to the camera covers, the
    share inside the frame, and the height relative to `full_height` (at most 1).

    Args:
        xyxy: (n, 4) boxes in pixels of a frame of `width` × `height`; they may reach beyond it.
        confidence: (n,) of the detector.
        full_height: pixels; a taller crop tells an embedder no more.
    """
    if not len(xyxy):
        return np.zeros(0, np.float32)
    size = np.maximum(geometry.area(xyxy), 1e-6)
    inside = geometry.area(geometry.clip(xyxy, width, height)) / size
    # A box that touches the frame's edge shows a person cut off there, whatever the detector's own clipping says.
    touches = (xyxy[:, :2] <= 1).any(axis=1) | (xyxy[:, 2:] >= [width - 1, height - 1]).any(axis=1)
    tall = np.minimum((xyxy[:, 3] - xyxy[:, 1]) / full_height, 1.0)
    quality = confidence * (1 - _covered(xyxy, size)) * inside * np.where(touches, 0.5, 1.0) * tall
    clipped: NDArray[np.float32] = np.clip(quality, 0, 1).astype(np.float32)
    return clipped


def _covered(xyxy: NDArray[np.float32], size: NDArray[Any]) -> NDArray[Any]:
    """Largest share of each box that one box standing nearer (its foot lower in the picture) covers, (n,)."""
    width = np.minimum(xyxy[:, None, 2], xyxy[None, :, 2]) - np.maximum(xyxy[:, None, 0], xyxy[None, :, 0])
    height = np.minimum(xyxy[:, None, 3], xyxy[None, :, 3]) - np.maximum(xyxy[:, None, 1], xyxy[None, :, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0) / size[:, None]
    nearer = xyxy[None, :, 3] > xyxy[:, None, 3]
    covered: NDArray[Any] = np.minimum(np.where(nearer, shared, 0).max(axis=1), 1)
    return covered


def cut(image: NDArray[np.uint8], xyxy: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """The boxes' pixels, as views of `image` (h, w, 3); at least one pixel each way."""
    height, width = image.shape[:2]
    corners = np.clip(np.rint(xyxy).astype(np.int64), 0, [width - 1, height - 1, width, height])
    corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + 1)
    return [image[top:bottom, left:right] for left, top, right, bottom in corners.tolist()]


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Share of fine detail in a crop, in [0, 1): variance of the Laplacian against the picture's own variance.

    Relative, so that a dark scene is not called blurred. The crop is brought to 32 × 64 first: detail is compared at
    one scale, and the cost does not grow with the picture.
    """
    grey = cv2.cvtColor(cv2.resize(crop, (32, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    detail = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return detail / (detail + float(grey.var()) + 1e-6)
