"""Pictures of any size into a network's input of fixed size, and boxes back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.pixels import Image


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a picture stands inside the network's input, all in pixels.

    Attributes:
        height, width: of the input.
        inner_height, inner_width: of the scaled picture in it.
        top, left: of its corner.
        scale_x, scale_y: input pixels for one pixel of the picture.
    """

    height: int
    width: int
    inner_height: int
    inner_width: int
    top: int
    left: int
    scale_x: float
    scale_y: float

    def back(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (n, 4) in pixels of the input → pixels of the picture."""
        shift = np.asarray([self.left, self.top, self.left, self.top], np.float32)
        scale = np.asarray([self.scale_x, self.scale_y, self.scale_x, self.scale_y], np.float32)
        return (xyxy - shift) / scale


def fit_into(image_height: int, image_width: int, height: int, width: int, *, centred: bool = True) -> Fit:
    """Scale a picture so that it just fits into height × width, its sides' ratio kept."""
    ratio = min(height / image_height, width / image_width)
    inner_height = min(height, max(1, round(image_height * ratio)))
    inner_width = min(width, max(1, round(image_width * ratio)))
    top = (height - inner_height) // 2 if centred else 0
    left = (width - inner_width) // 2 if centred else 0
    return Fit(
        height, width, inner_height, inner_width, top, left, inner_width / image_width, inner_height / image_height
    )


def rectangle(image_height: int, image_width: int, size: int, multiple: int = 32) -> tuple[int, int]:
    """The smallest input, a multiple of `multiple` each way, for a picture whose long side becomes `size`."""
    ratio = size / max(image_height, image_width)
    sides = (max(1, round(side * ratio)) for side in (image_height, image_width))
    height, width = ((side + multiple - 1) // multiple * multiple for side in sides)
    return height, width


def place(image: Image, canvas: Image, fit: Fit, pad: int) -> None:
    """Draw a picture into `canvas` (height, width, 3), its border filled with `pad`."""
    bottom, right = fit.top + fit.inner_height, fit.left + fit.inner_width
    inner = canvas[fit.top : bottom, fit.left : right]
    if image.shape[:2] == inner.shape[:2]:
        inner[:] = image
    else:
        # Bilinear, as the networks were trained; shrinking below half also averages, so thin limbs do not flicker.
        how = cv2.INTER_AREA if fit.scale_x < 0.5 else cv2.INTER_LINEAR
        cv2.resize(image, (fit.inner_width, fit.inner_height), inner, 0, 0, how)
    canvas[: fit.top], canvas[bottom:] = pad, pad
    canvas[fit.top : bottom, : fit.left], canvas[fit.top : bottom, right:] = pad, pad
