"""`Frame`: one picture of one camera, with its time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking.given import Given


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        camera: the camera's name.
        index: frame number in the source, from 0; a looped file and a stream that was reconnected count on.
        time: UTC seconds at which it was taken.
        image: (h, w, 3) uint8, BGR, already cropped to the camera's view. A view of the decoder's array, not a copy:
            whoever draws on it copies it first.
        view: left and top of that view in the source's own picture, pixels.
        given: who is where, where the source knows it itself; else the detector and the tracker are asked.
    """

    camera: str
    index: int
    time: float
    image: NDArray[np.uint8]
    view: tuple[float, float] = (0.0, 0.0)
    given: Given | None = None
