"""Which detection continues which track, within each camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Ints = NDArray[np.intp]

LEAST_IOU = 0.1  # pairs that overlap less are nobody's candidates


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Candidates: tracks and detections of one camera whose boxes overlap.

    Attributes:
        track: (k,) int, column of the tracks' boxes, rising.
        detection: (k,) int, column of the detections' boxes.
        iou: (k,) float64, intersection over union, at least `LEAST_IOU`.
    """

    track: Ints
    detection: Ints
    iou: NDArray[np.float64]


def overlapping(
    tracks: NDArray[np.float64], track_counts: Ints, detections: NDArray[np.float64], detection_counts: Ints
) -> Pairs:
    """All pairs of one camera that overlap.

    Most pairs of a frame lie apart, and comparing edges is the cheapest thing NumPy does, so every camera's pairs
    are first sifted that way in one padded block; only what remains gets an intersection over union.

    Args:
        tracks: (4, n) left, top, right, bottom, grouped by camera.
        track_counts: (c,) how many of them belong to each camera.
        detections, detection_counts: likewise; the cameras in the same order.
    """
    a, first_a = _padded(tracks, track_counts)
    b, first_b = _padded(detections, detection_counts)
    touch = a[0][:, :, None] < b[2][:, None, :]
    touch &= a[2][:, :, None] > b[0][:, None, :]
    touch &= a[1][:, :, None] < b[3][:, None, :]
    touch &= a[3][:, :, None] > b[1][:, None, :]
    track: Ints
    detection: Ints
    track, detection = np.divmod(touch.ravel().nonzero()[0], max(b.shape[2], 1))
    if len(track_counts) > 1:
        camera, row = np.divmod(track, a.shape[2] or 1)
        track = row + first_a[camera]
        detection += first_b[camera]
    overlap = iou(tracks[:, track], detections[:, detection])
    enough = (overlap >= LEAST_IOU).nonzero()[0]
    return Pairs(track[enough], detection[enough], overlap[enough])


def iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of boxes with an area, (4, k) and (4, k) left, top, right, bottom → (k,)."""
    sides = np.minimum(a[2:], b[2:])
    sides -= np.maximum(a[:2], b[:2])
    np.maximum(sides, 0.0, out=sides)
    shared = sides[0] * sides[1]
    sides_a, sides_b = a[2:] - a[:2], b[2:] - b[:2]
    union = sides_a[0] * sides_a[1] + sides_b[0] * sides_b[1] - shared
    result: NDArray[np.float64] = shared / union
    return result


def _padded(boxes: NDArray[np.float64], counts: Ints) -> tuple[NDArray[np.float32], Ints]:
    """(4, n) boxes → (4, c, most of a camera), the gaps filled with NaN, which overlaps nothing; first of each (c,)."""
    first = counts.cumsum() - counts
    if len(counts) == 1:
        return boxes[:, None, :].astype(np.float32), first
    block = np.full((4, len(counts), int(counts.max(initial=0))), np.nan, np.float32)
    camera = np.repeat(np.arange(len(counts)), counts)
    block[:, camera, np.arange(boxes.shape[1]) - first[camera]] = boxes
    return block, first


def assign(track: Ints, detection: Ints, gain: NDArray[np.float64], camera_of_track: Ints) -> tuple[Ints, Ints]:
    """The pairing with the highest total gain, each track and each detection at most once.

    A pair that shares neither its track nor its detection with another is right without asking; most pairs are such.
    The rest is solved camera by camera. As a pair that is no candidate may as well be left out, this gives the same
    as one assignment problem over everything.

    Args:
        track, detection: (k,) candidates, tracks rising.
        gain: (k,) above 0.
        camera_of_track: (n,) for all tracks, rising; a track's and its detections' camera are the same.

    Returns:
        track, detection: (m,) the pairs taken.
    """
    if not len(track):
        return track, detection
    rivals = np.bincount(track)[track] + np.bincount(detection)[detection]
    contested = (rivals > 2).nonzero()[0]
    if not len(contested):
        return track, detection
    alone = (rivals == 2).nonzero()[0]
    tracks, found = [track[alone]], [detection[alone]]
    track, detection, gain = track[contested], detection[contested], gain[contested]
    # Contested tracks and detections numbered through, those of a camera side by side.
    rows, row = _numbered(track)
    columns, column = _numbered(detection)
    if camera_of_track[track[0]] == camera_of_track[track[-1]]:
        table = np.zeros((len(rows), len(columns)))
        table[row, column] = gain
        r, c = linear_sum_assignment(table, maximize=True)
        real = table[r, c] > 0
        return np.concatenate([*tracks, rows[r[real]]]), np.concatenate([*found, columns[c[real]]])
    camera = camera_of_track[track]
    cuts: list[int] = ((camera[1:] != camera[:-1]).nonzero()[0] + 1).tolist()
    for begin, end in zip([0, *cuts], [*cuts, len(track)], strict=True):
        part = slice(begin, end)
        first_row, first_column = row[begin], column[part].min()
        table = np.zeros((row[end - 1] - first_row + 1, column[part].max() - first_column + 1))
        table[row[part] - first_row, column[part] - first_column] = gain[part]
        r, c = linear_sum_assignment(table, maximize=True)
        real = table[r, c] > 0
        tracks.append(rows[r[real] + first_row])
        found.append(columns[c[real] + first_column])
    return np.concatenate(tracks), np.concatenate(found)


def _numbered(values: Ints) -> tuple[Ints, Ints]:
    """The different values, rising, and for each value which of them it is; for small whole numbers."""
    present = np.zeros(int(values.max()) + 1, np.bool_)
    present[values] = True
    return present.nonzero()[0], (present.cumsum() - 1)[values]

