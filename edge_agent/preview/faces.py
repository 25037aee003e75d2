"""Faces that no person's box covers: YuNet, where its weights are on this machine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.faces import DETECTOR, FaceDetector
from models.store import ModelStore

log = logging.getLogger("passage.preview")

LEAST_SCORE = 0.4  # low: a blurred lamp costs nothing
GROWN = 0.25
LONG_SIDE = 480  # of what YuNet looks at: it finds faces from ten pixels up, and costs a quarter of twice the size


class FaceFinder(Protocol):
    """Finds faces."""

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(h, w, 3) uint8 BGR → (n, 4) float32, left, top, right, bottom in pixels, with a margin."""
        ...


class YuNet:
    """OpenCV's face detector, told to rather find too much. Not thread-safe.

    Args:
        weights: the ONNX file.

    Raises:
        ModelError: OpenCV cannot use it.
    """

    def __init__(self, weights: Path) -> None:
        self._net = FaceDetector(weights, LEAST_SCORE)

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `FaceFinder`."""
        found = self._net.find(image, LONG_SIDE).xyxy
        corner, size = found[:, :2], found[:, 2:] - found[:, :2]
        return np.concatenate([corner - GROWN * size, corner + (1 + GROWN) * size], axis=1).astype(np.float32)


def face_finder(store: ModelStore) -> FaceFinder | None:
    """YuNet when it was pulled; None, with a word in the log, when not: heads of tracked people are hidden anyway."""
    if store.stored(DETECTOR) is None:
        log.info("faces outside of tracked people's boxes are not looked for: `edge-agent models pull %s` adds that",
                 DETECTOR)
        return None
    try:
        return YuNet(store.path(DETECTOR, "face-detect"))
    except ModelError as error:
        log.warning("faces outside of tracked people's boxes are not looked for: %s", error)
        return None
