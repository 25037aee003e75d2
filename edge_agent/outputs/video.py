"""annotated.mp4: what the camera saw, with who is who. Written on this machine only; nothing sends it anywhere."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import StoreError
from edge_agent.capture.quiet import quiet_opencv

log = logging.getLogger("passage.outputs")

# H.264 plays everywhere, but OpenCV's own wheels may carry no encoder for it; MPEG-4 plays in all desktop players.
CODECS = ("avc1", "mp4v")
FALLBACK_FPS = 25.0

quiet_opencv()


class AnnotatedVideo:
    """An MP4 that has its name only when it is whole.

    Args:
        path: where, ending in .mp4.
        size: width and height, pixels; pictures of another size are scaled to it.
        fps: frames a second; 25 when it is 0.

    Attributes:
        codec: `avc1` (H.264) or `mp4v` (MPEG-4 part 2), as fourcc.

    Raises:
        StoreError: it cannot be written.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        self.path, self.codec = path, ""
        self._draft = path.with_suffix(".part" + path.suffix)
        self._size = size
        self._writer = None
        self._frames = 0
        for codec in CODECS:
            writer = cv2.VideoWriter(str(self._draft), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec),
                                     fps or FALLBACK_FPS, size)
            if writer.isOpened():
                self._writer, self.codec = writer, codec
                break
        if self._writer is None:
            raise StoreError(f"{path}: no video can be written here ({' and '.join(CODECS)} were tried)",
                             "look whether the folder may be written, or leave --annotate out")
        log.info("%s is written as %s", path, self.codec)

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a picture, (h, w, 3) uint8 BGR."""
        if self._writer is None:
            return
        if (image.shape[1], image.shape[0]) != self._size:
            image = np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        self._writer.write(image)
        self._frames += 1

    def close(self) -> None:
        """Finish the file and give it its name; may be called again.

        Raises:
            StoreError: what was written is no video, mostly because the disk is full.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        # OpenCV says nothing when a write fails.
        if self._frames and not _holds_video(self._draft):
            raise StoreError(f"{self.path} could not be written to its end", "free some space and run again")
        if self._draft.exists():
            os.replace(self._draft, self.path)  # noqa: PTH105

    def __enter__(self) -> AnnotatedVideo:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _holds_video(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        return bool(capture.isOpened())
    finally:
        capture.release()
