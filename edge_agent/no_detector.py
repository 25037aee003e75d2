"""What stands where a detector stands when all cameras are data sets of people cut out: nobody need be found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.detections import Detections

PERSON = "person"


class NoDetector:
    """Knows one class, and finds nobody."""

    name = "none"
    fingerprint = ""
    names: tuple[str, ...] = (PERSON,)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Nobody, in each of them."""
        return [Detections.empty() for _ in images]
