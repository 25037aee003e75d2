"""Small real videos, and pictures whose number can be read back after any codec."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.capture.quiet import quiet_opencv

quiet_opencv()

BITS = 10
SIZE = (160, 96)


def numbered(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A picture with `number` (below 1024) as black and white bars, (h, w, 3) uint8."""
    width, height = size
    bars = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8) * 255
    columns = np.minimum(np.arange(width) * BITS // width, BITS - 1)
    return np.ascontiguousarray(np.broadcast_to(bars[columns][None, :, None], (height, width, 3)))


def number_in(image: NDArray[np.uint8]) -> int:
    """What `numbered` wrote, read from the middle of each bar."""
    width = image.shape[1]
    middles = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    bits = image[:, middles].mean(axis=(0, 2)) > 127
    return int((bits << np.arange(BITS)).sum())


def make_video(path: Path, frames: int = 30, fps: float = 10.0, size: tuple[int, int] = SIZE,
               codec: str = "MJPG") -> Path:
    """A video of numbered pictures. `MJPG` for .avi (every frame stands alone), `mp4v` for .mp4, `VP80` for .webm."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
    assert writer.isOpened(), f"no {codec} in {path}"
    for i in range(frames):
        writer.write(numbered(i, size))
    writer.release()
    return path


def make_folder(path: Path, frames: int = 5, size: tuple[int, int] = SIZE) -> Path:
    """A folder of numbered PNGs: 0.png, 1.png … without leading zeros."""
    path.mkdir()
    for i in range(frames):
        cv2.imwrite(str(path / f"{i}.png"), numbered(i, size))
    return path
