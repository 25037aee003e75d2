"""`View`: the part of a camera's picture that is looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from edge_agent.capture.settings import CameraSettings


class View:
    """Cuts every picture of a camera to its crop, without copying.

    Attributes:
        origin: left and top of the view in the source's picture, pixels.
    """

    def __init__(self, camera: CameraSettings) -> None:
        self._camera = camera
        crop = camera.crop
        self.origin = (float(crop[0]), float(crop[1])) if crop else (0.0, 0.0)

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(h, w, 3) → the view of it.

        Raises:
            ConfigError: the crop reaches beyond the picture.
        """
        if self._camera.crop is None:
            return image
        left, top, right, bottom = self._camera.crop
        height, width = image.shape[:2]
        if right > width or bottom > height:
            raise ConfigError(f"camera {self._camera.id}: crop {list(self._camera.crop)} reaches beyond its picture "
                              f"of {width}×{height} pixels", "crop is left, top, right, bottom in pixels")
        return image[top:bottom, left:right]
