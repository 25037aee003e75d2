"""`Batch`: the detections of several cameras' frames, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.detections import Detections
from edge_agent.tracking import kalman
from edge_agent.tracking.association import Ints

Entry = tuple[str, float, Detections]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Frames in the order of their cameras' indices, and the detections worth a look, grouped by frame.

    Attributes:
        order: (f,) where each frame stood in what was given.
        cameras: (f,) int, index of the camera, rising.
        times: (f,) float64, UTC seconds.
        counts: (f,) int, detections worth a look in each frame.
        frame: (m,) int, the frame of each detection.
        row: (m,) int, the row it had in its `Detections`.
        xyxy: (4, m) float64, left, top, right, bottom in pixels.
        boxes: (4, m) float64, cx, cy, w, h.
        confidence: (m,) float64.
        class_id: (m,) int32.
    """

    order: list[int]
    cameras: Ints
    times: NDArray[np.float64]
    counts: Ints
    frame: Ints
    row: Ints
    xyxy: NDArray[np.float64]
    boxes: NDArray[np.float64]
    confidence: NDArray[np.float64]
    class_id: NDArray[np.int32]

    @classmethod
    def of(cls, entries: Sequence[Entry], index: Mapping[str, int], lowest: float) -> Batch:
        """Gather what was found, leaving out detections below `lowest` confidence and boxes without a size.

        Raises:
            ValueError: a camera that is unknown or comes twice.
        """
        cameras = []
        for name, _, _ in entries:
            if name not in index:
                raise ValueError(f"unknown camera '{name}'; the tracker knows {', '.join(index)}")
            cameras.append(index[name])
        if len(set(cameras)) != len(cameras):
            raise ValueError("a camera comes twice in one step; give its frames in two steps")
        order = sorted(range(len(cameras)), key=cameras.__getitem__)
        found = [entries[i][2] for i in order]
        confidence = _joined([d.confidence for d in found]).astype(np.float64)
        xyxy = _joined([d.xyxy for d in found]).T.astype(np.float64)
        boxes = kalman.from_xyxy(xyxy)
        sides = boxes[2:]
        # Comparisons with NaN are false, so what is not a number goes too.
        sound = (sides > 0) & (sides < np.inf)
        used = ((confidence >= lowest) & sound[0] & sound[1]).nonzero()[0]
        row, frame = used, np.zeros(len(used), np.intp)
        if len(found) > 1:
            sizes = np.array([len(d) for d in found])
            frame = np.arange(len(found)).repeat(sizes)[used]
            row = used - (sizes.cumsum() - sizes)[frame]
        sure = np.minimum(confidence[used], 1.0)
        return cls(
            order=order,
            cameras=np.array([cameras[i] for i in order]),
            times=np.array([entries[i][1] for i in order], np.float64),
            counts=np.bincount(frame, minlength=len(found)),
            frame=frame,
            row=row,
            xyxy=xyxy.take(used, 1),
            boxes=boxes.take(used, 1),
            confidence=sure,
            class_id=_joined([d.class_id for d in found])[used],
        )


def _joined(columns: list[NDArray[Any]]) -> NDArray[Any]:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)
