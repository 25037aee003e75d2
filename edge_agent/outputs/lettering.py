"""Text on pictures: smooth type where OpenCV has it (5 and later), its stroke font before."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

_STROKES = cv2.FONT_HERSHEY_DUPLEX


class Lettering:
    """Writes in one size.

    Args:
        height: of a capital letter, pixels.
    """

    def __init__(self, height: int) -> None:
        self.height = height
        self._face: Any = cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None
        self._widths: dict[str, int] = {}
        if self._face is None:
            self._thickness = max(1, round(height / 14))
            self._scale = cv2.getFontScaleFromHeight(_STROKES, height, self._thickness)
        else:
            # A capital is about .72 of the type's size.
            self._size, self._weight = max(8, round(height / 0.72)), 600

    def width(self, text: str) -> int:
        """Of the text, pixels."""
        if text not in self._widths:
            if len(self._widths) > 4096:
                self._widths.clear()
            if self._face is None:
                self._widths[text] = int(cv2.getTextSize(text, _STROKES, self._scale, self._thickness)[0][0])
            else:
                box: Any = cv2.getTextSize((1 << 14, 1 << 14), text, (0, 1 << 13), self._face, self._size,
                                           self._weight)
                self._widths[text] = int(box[0] + box[2])
        return self._widths[text]

    def write(self, image: NDArray[np.uint8], text: str, left: int, base: int, colour: Colour) -> None:
        """Write on the picture.

        Args:
            image: (h, w, 3) uint8, changed.
            text: one line.
            left: where it begins, pixels.
            base: the line on which letters stand, pixels.
            colour: BGR.
        """
        if self._face is None:
            cv2.putText(image, text, (left, base), _STROKES, self._scale, colour, self._thickness, cv2.LINE_AA)
        else:
            cv2.putText(image, text, (left, base), colour, self._face, self._size, self._weight)
