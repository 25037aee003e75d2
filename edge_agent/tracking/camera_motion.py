"""When everything moves together, it was the camera.

A camera that is hit by wind, turned or carried shifts all boxes at once. One common shift a frame is estimated from
how far the surest pairs of tracks and detections lie apart, without looking at the picture. The shift is only
believed where the common part of that error has lately been clearly larger than chance makes it for tracks that err
independently: a camera that stands still is left alone. (The idea of shrinking a common mean by the share of its
variance that noise explains is James and Stein's, 1961.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking.association import Ints, Pairs

LEAST_TRACKS = 4  # that must agree on a shift
LEAST_IOU = 0.3  # of a pair taken as evidence
MEMORY = 1.0  # seconds over which a camera's unrest is averaged
LEAST_SHARE = 0.5  # of the common error that noise must leave unexplained
INTO_VELOCITY = 0.3  # how much of a shift is taken to go on as velocity

# Variance of a median of n normal values with robust deviation MAD: π/2 · (1.4826 MAD)² / n.
_MEDIAN_VARIANCE = np.pi / 2 * 1.4826**2


class CameraMotion:
    """What is known about every camera's unrest.

    Args:
        cameras: how many there are.
    """

    def __init__(self, cameras: int) -> None:
        # For x and y: each camera's usual squared common error, and what chance makes of it, pixels².
        self._unrest = [[(0.0, 0.0)] * cameras for _ in range(2)]

    def shifts(
        self, surprise: NDArray[np.float64], frame: Ints, cameras: Ints, seconds: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """By how much each camera's picture has shifted.

        Args:
            surprise: (2, k) pixels, x and y of the detection's centre minus the predicted one, for sure pairs.
            frame: (k,) to which of the frames each belongs, rising.
            cameras: (f,) whose frames they are.
            seconds: (f,) since that camera's frame before.

        Returns:
            (2, f) float64, pixels to add to every predicted centre; 0 for a camera that stands still.
        """
        counts = np.bincount(frame, minlength=len(cameras))
        shift = np.zeros((2, len(cameras)))
        if counts.max() < LEAST_TRACKS:
            return shift
        common = _medians(surprise, frame, counts)
        spread = _medians(np.abs(surprise - common[:, frame]), frame, counts)
        rows = zip(cameras.tolist(), counts.tolist(), seconds.tolist(), strict=True)
        for i, (camera, count, passed) in enumerate(rows):
            if count < LEAST_TRACKS:
                continue
            pace = min(passed / MEMORY, 1.0)
            for axis in (0, 1):
                error = float(common[axis, i])
                chance = _MEDIAN_VARIANCE * float(spread[axis, i]) ** 2 / count
                usual_error, usual_chance = self._unrest[axis][camera]
                usual_error += pace * (error * error - usual_error)
                usual_chance += pace * (chance - usual_chance)
                self._unrest[axis][camera] = usual_error, usual_chance
                share = 1.0 - usual_chance / usual_error if usual_error > 0 else 0.0
                if share >= LEAST_SHARE:
                    shift[axis, i] = share * error
        return shift


def mutual(pairs: Pairs, tracks: NDArray[np.bool_], detections: NDArray[np.bool_]) -> Ints:
    """Which pairs are each other's best, among `tracks` (n,) and `detections` (m,) that are worth asking."""
    some = ((pairs.iou > LEAST_IOU) & tracks[pairs.track] & detections[pairs.detection]).nonzero()[0]
    track, detection, iou = pairs.track[some], pairs.detection[some], pairs.iou[some]
    of_track, of_detection = np.zeros(len(tracks)), np.zeros(len(detections))
    np.maximum.at(of_track, track, iou)
    np.maximum.at(of_detection, detection, iou)
    best: Ints = some[(iou == of_track[track]) & (iou == of_detection[detection])]
    return best


def _medians(values: NDArray[np.float64], group: Ints, counts: Ints) -> NDArray[np.float64]:
    """Medians of both rows of `values` (2, k) within each group, (2, groups); 0 where a group is empty."""
    if len(counts) == 1:
        n = len(group)
        ordered = np.sort(values, axis=1)
        return (ordered[:, (n - 1) // 2] + ordered[:, n // 2])[:, None] / 2
    last = counts.cumsum()
    low = np.maximum(last - counts + (counts - 1) // 2, 0)
    high = np.minimum(last - counts + counts // 2, len(group) - 1)
    ordered = np.stack([row[np.lexsort((row, group))] for row in values])
    return np.where(counts > 0, (ordered[:, np.minimum(low, high)] + ordered[:, high]) / 2, 0.0)
