"""Numbers as a picture: a heatmap in colours that lie over a camera's view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Dark blue, violet, red, orange, pale yellow: lightness rises all the way, so it reads in grey and to the colour-blind.
RAMP = np.array([[28, 24, 92], [112, 28, 128], [204, 50, 88], [246, 132, 44], [252, 238, 158]], np.float64)


def colours(shades: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shades (h, w), 0 to 255 → BGRA (h, w, 4) uint8; nothing is transparent, much is nearly opaque."""
    stops = np.linspace(0, 255, len(RAMP))
    levels = np.arange(256)
    table = np.empty((256, 4), np.uint8)
    for channel in range(3):
        table[:, 2 - channel] = np.interp(levels, stops, RAMP[:, channel])
    table[:, 3] = np.interp(levels, [0, 6, 96, 255], [0, 0, 170, 235])
    painted: NDArray[np.uint8] = table[shades]
    return painted


def heatmap_png(heat: NDArray[np.float32]) -> bytes:
    """A heatmap (h, w) as PNG with transparency; the brightest colour is its greatest value.

    The square root of the share is shown: places where people wait would drown the paths between them.
    """
    top = float(heat.max(initial=0.0))
    share = np.sqrt(np.maximum(heat, 0) / top) if top > 0 else np.zeros_like(heat)
    return _png(colours((share * 255).astype(np.uint8)))


def laid_over(png: bytes, picture: NDArray[np.uint8]) -> bytes:
    """What `heatmap_png` gave, laid over a picture of the view, (h, w, 3) uint8 BGR: a PNG of the picture's size."""
    height, width = picture.shape[:2]
    heat = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert heat is not None
    # Colours count as much as they cover, or the dark of where nothing is would spread along the edges.
    cover = heat[..., 3:].astype(np.float32) / 255
    both = cv2.resize(np.concatenate([heat[..., :3] * cover, cover], axis=2), (width, height),
                      interpolation=cv2.INTER_LINEAR)
    mixed = picture * (1 - both[..., 3:]) + both[..., :3]
    return _png(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))


def read_picture(data: bytes) -> NDArray[np.uint8] | None:
    """A JPEG, PNG or the like as (h, w, 3) uint8 BGR; None when it is no picture."""
    if not data:  # OpenCV raises for that
        return None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if picture is None else picture.astype(np.uint8, copy=False)


def _png(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:  # cannot be: the picture is of a kind that PNG holds
        raise RuntimeError("OpenCV wrote no PNG")
    return data.tobytes()
