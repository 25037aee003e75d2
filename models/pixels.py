"""What networks expect of a pixel, and how pictures become such tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """An input contract: value = (byte · `scale` - `mean`) / `std`, channels in `order`.

    Attributes:
        order: order of the channels that the network was trained with.
        scale: factor on the byte, 0 to 255.
        mean, std: one number a channel, in `order`, after scaling.
        pad: byte that fills what a picture leaves free.
    """

    order: Literal["rgb", "bgr"]
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pad: int = 114

    def __str__(self) -> str:
        parts = [self.order.upper(), "0-1" if self.scale < 1 else "0-255"]
        if any(self.mean) or self.std != (1.0, 1.0, 1.0):
            parts.append(f"mean {self.mean}, std {self.std}")
        return " ".join(parts)


IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)

CONTRACTS: Final[dict[str, Pixels]] = {
    "rgb_unit": Pixels(order="rgb", scale=1 / 255),  # YOLOv5 to v11 and their heirs
    "bgr_bytes": Pixels(order="bgr"),  # YOLOX, Open Model Zoo
    "rgb_bytes": Pixels(order="rgb"),
    "rgb_imagenet": Pixels(order="rgb", scale=1 / 255, mean=IMAGENET_MEAN, std=IMAGENET_STD),  # torchreid's OSNet
}


def fill(
    tensor: NDArray[np.floating[Any]], images: Sequence[Image] | Image, pixels: Pixels, *, channels_last: bool = False
) -> None:
    """Write pictures into a network's input, without allocating.

    Args:
        tensor: (b, 3, h, w), or (b, h, w, 3) with `channels_last`; floating; overwritten.
        images: b pictures (h, w, 3) uint8 BGR.
        pixels: what the network expects.
        channels_last: the layout of `tensor`.
    """
    planes = np.moveaxis(tensor, -1, 1) if channels_last else tensor
    source = (0, 1, 2) if pixels.order == "bgr" else (2, 1, 0)
    for b, image in enumerate(images):
        split = cv2.split(image)
        for channel, position in enumerate(source):
            planes[b, channel] = split[position]
    if pixels.scale == 1 and not any(pixels.mean) and pixels.std == (1.0, 1.0, 1.0):
        return
    gain = np.asarray([pixels.scale / s for s in pixels.std], tensor.dtype)
    offset = np.asarray([m / s for m, s in zip(pixels.mean, pixels.std, strict=True)], tensor.dtype)
    if len(set(gain.tolist())) == 1 and not offset.any():
        # One factor for all: a single pass over memory instead of three.
        np.multiply(tensor, gain[0], out=tensor)
        return
    shape = (1, 1, 1, 3) if channels_last else (1, 3, 1, 1)
    np.multiply(tensor, gain.reshape(shape), out=tensor)
    np.subtract(tensor, offset.reshape(shape), out=tensor)
