"""Faces that no person's box covers: YuNet, where its weights are on this machine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.store import ModelStore

log = logging.getLogger("passage.preview")

NAME = "yunet"
LEAST_SCORE = 0.4  # low: a blurred lamp costs nothing
GROWN = 0.25
LONG_SIDE = 480  # of what YuNet looks at: it finds faces from ten pixels up, and costs a quarter of twice the size


class FaceFinder(Protocol):
    """Finds faces."""

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(h, w, 3) uint8 BGR → (n, 4) float32, left, top, right, bottom in pixels, with a margin."""
        ...


class YuNet:
    """OpenCV's face detector. Not thread-safe.

    Args:
        weights: the ONNX file.

    Raises:
        ModelError: OpenCV cannot use it.
    """

    def __init__(self, weights: Path) -> None:
        try:
            self._net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), LEAST_SCORE)
        except cv2.error as error:
            raise ModelError(f"{weights}: OpenCV cannot use it: {error}", f"edge-agent models pull {NAME}") from error

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `FaceFinder`."""
        scale = min(1.0, LONG_SIDE / max(image.shape[:2]))
        if scale < 1:
            image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        self._net.setInputSize((image.shape[1], image.shape[0]))
        found = self._net.detect(image)[1]
        if found is None:
            return np.zeros((0, 4), np.float32)
        corner, size = found[:, :2] / scale, found[:, 2:4] / scale
        return np.concatenate([corner - GROWN * size, corner + (1 + GROWN) * size], axis=1).astype(np.float32)


def face_finder(store: ModelStore) -> FaceFinder | None:
    """YuNet when it was pulled; None, with a word in the log, when not: heads of tracked people are hidden anyway."""
    if store.stored(NAME) is None:
        log.info("faces outside of tracked people's boxes are not looked for: `edge-agent models pull %s` adds that",
                 NAME)
        return None
    try:
        return YuNet(store.path(NAME, "face-detect"))
    except ModelError as error:
        log.warning("faces outside of tracked people's boxes are not looked for: %s", error)
        return None
