"""Non-maximum suppression without a loop over boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.geometry import iou_matrix


def suppress(
    xyxy: NDArray[np.floating[Any]],
    confidence: NDArray[np.floating[Any]],
    class_id: NDArray[np.integer[Any]],
    iou: float,
) -> NDArray[np.intp]:
    """Greedy, class-aware suppression: a box goes when a kept, surer box of its class overlaps it by more than `iou`.

    Args:
        xyxy: (n, 4) boxes, any unit.
        confidence: (n,).
        class_id: (n,).
        iou: intersection over union above which two boxes are one object.

    Returns:
        (k,) indices of the boxes kept, surest first; ties keep their order.
    """
    order = np.argsort(-confidence, kind="stable")
    if len(order) < 2:
        return order
    boxes, classes = xyxy[order], class_id[order]
    over = iou_matrix(boxes, boxes) > iou
    over &= classes[:, None] == classes[None, :]
    over = np.triu(over, 1)  # row i suppresses the less sure column j
    kept = ~over.any(axis=0)
    if kept.all():
        return order
    # `kept` so far holds only boxes that nobody could suppress. The greedy answer is the fixed point of
    # kept[j] = no kept i suppresses j; each round settles at least one more place in every chain of overlaps.
    while True:
        again = ~over[kept].any(axis=0)
        if np.array_equal(again, kept):
            return order[kept]
        kept = again
