"""`Detections`: the boxes of one frame, column by column."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The boxes found in one frame.

    Attributes:
        xyxy: (n, 4) float32, left, top, right, bottom in pixels of the frame.
        confidence: (n,) float32 in [0, 1].
        class_id: (n,) int32, index into the detector's class names.

    Raises:
        ValueError: a column has another shape than the rest ask for.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def __post_init__(self) -> None:
        n = len(self.confidence)
        if len(self.class_id) == 0 and n:
            object.__setattr__(self, "class_id", np.zeros(n, np.int32))
        for name, expected in (("xyxy", (n, 4)), ("confidence", (n,)), ("class_id", (n,))):
            actual = getattr(self, name).shape
            if actual != expected:
                raise ValueError(f"Detections.{name}: expected shape {expected}, got {actual}")

    @classmethod
    def empty(cls) -> Detections:
        """No boxes."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.confidence)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Detections:
        return Detections(self.xyxy[index], self.confidence[index], self.class_id[index])
