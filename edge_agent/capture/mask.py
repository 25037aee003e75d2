"""`Mask`: the part of a camera's view in which people count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common import geometry
from common.detections import Detections
from common.errors import SourceError
from common.places.geometry import inside

Polygon = Sequence[tuple[float, float]]


class Mask:
    """Drops who stands outside. Where somebody stands is the middle of the box's lower edge.

    Args:
        picture: (h, w), not zero where people count; stretched over the view, whatever its size.
        polygons: (x, y) as shares of the view's width and height; a point counts that lies in any of them.
    """

    def __init__(self, picture: NDArray[np.uint8] | None = None, polygons: Sequence[Polygon] = ()) -> None:
        self._picture = None if picture is None else picture > 0
        self._polygons = [np.asarray(polygon, np.float64) for polygon in polygons]

    @classmethod
    def load(cls, mask: Path | str | Sequence[Polygon]) -> Mask:
        """From a camera's setting.

        Raises:
            SourceError: the picture cannot be read.
        """
        if not isinstance(mask, Path | str):
            return cls(polygons=mask)
        path = Path(mask)
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
        if picture is None:
            raise SourceError(f"mask {path}: {'is no picture' if path.is_file() else 'there is no such file'}",
                              "give a PNG that is black where nobody counts, or polygons")
        return cls(picture=np.asarray(np.where(picture > 127, 255, 0), np.uint8))

    def keep(self, detections: Detections, width: int, height: int) -> NDArray[np.bool_]:
        """(n,) bool: which detections stand inside.

        Args:
            detections: n boxes in pixels of the view.
            width: of the view, pixels.
            height: of the view, pixels.
        """
        feet = geometry.foot_points(detections.xyxy).astype(np.float64) / [width, height]
        # A box that is cut off below stands on the view's lower edge, and that belongs to the view.
        feet = np.clip(feet, 0.0, 1.0 - 1e-6)
        kept = np.zeros(len(feet), np.bool_)
        if self._picture is not None:
            rows, columns = self._picture.shape
            kept |= self._picture[(feet[:, 1] * rows).astype(np.intp), (feet[:, 0] * columns).astype(np.intp)]
        for polygon in self._polygons:
            kept |= inside(feet, polygon)
        return kept
