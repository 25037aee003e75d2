"""Hides parts of a picture so that nobody can bring them back: what is left is a few coarse blocks, smoothed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCKS = 4.0  # across a region of the largest size: too few for a face
LEAST_BLOCK = 6


def hide(image: NDArray[np.uint8], regions: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blur everything inside the regions.

    Args:
        image: (h, w, 3) uint8; changed in place.
        regions: (n, 4) float32, left, top, right, bottom in pixels; may reach beyond the picture.

    Returns:
        The image.
    """
    height, width = image.shape[:2]
    bounds = np.clip(np.stack([np.floor(regions[:, 0]), np.floor(regions[:, 1]), np.ceil(regions[:, 2]),
                               np.ceil(regions[:, 3])], axis=1), 0, [width, height, width, height]).astype(int)
    bounds = bounds[(bounds[:, 2] > bounds[:, 0]) & (bounds[:, 3] > bounds[:, 1])]
    if not len(bounds):
        return image
    # One coarse copy for all: blocks as large as the largest head needs hide the smaller ones the better.
    across = np.minimum(regions[:, 2] - regions[:, 0], regions[:, 3] - regions[:, 1]).max()
    block = max(LEAST_BLOCK, round(float(across) / BLOCKS))
    small = cv2.resize(image, (max(1, width // block), max(1, height // block)), interpolation=cv2.INTER_AREA)
    coarse = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    for left, top, right, bottom in bounds.tolist():
        image[top:bottom, left:right] = coarse[top:bottom, left:right]
    return image
