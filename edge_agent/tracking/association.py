"""Which detection continues which track, within each camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Candidates: tracks and detections of one camera whose boxes overlap.

    Attributes:
        track: (k,) int, column of the tracks' boxes.
        detection: (k,) int, column of the detections' boxes.
        iou: (k,) float64, intersection over union, above 0.
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
    a, a_of = _padded(tracks, track_counts)
    b, b_of = _padded(detections, detection_counts)
    apart = a[0][:, :, None] < b[2][:, None, :]
    apart &= a[2][:, :, None] > b[0][:, None, :]
    apart &= a[1][:, :, None] < b[3][:, None, :]
    apart &= a[3][:, :, None] > b[1][:, None, :]
    camera, row, column = np.nonzero(apart)
    track = a_of[camera] + row
    detection = b_of[camera] + column
    return Pairs(track, detection, iou(tracks.take(track, 1), detections.take(detection, 1)))


def iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of overlapping boxes, column by column, (4, k) and (4, k) → (k,)."""
    shared = np.minimum(a[2:], b[2:])
    shared -= np.maximum(a[:2], b[:2])
    both = shared[0] * shared[1]
    size_a, size_b = a[2:] - a[:2], b[2:] - b[:2]
    result: NDArray[np.float64] = both / (size_a[0] * size_a[1] + size_b[0] * size_b[1] - both)
    return result


def _padded(boxes: NDArray[np.float64], counts: Ints) -> tuple[NDArray[np.float32], Ints]:
    """(4, n) boxes → (4, c, most of a camera) with NaN, which overlaps nothing, in the gaps; and the cameras' firsts."""
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    if len(counts) == 1:
        return boxes[:, None, :].astype(np.float32), first
    block = np.full((4, len(counts), counts.max(initial=0)), np.nan, np.float32)
    camera = np.repeat(np.arange(len(counts)), counts)
    block[:, camera, np.arange(boxes.shape[1]) - first[camera]] = boxes
    return block, first


def assign(track: Ints, detection: Ints, gain: NDArray[np.float64], camera_of_track: Ints) -> tuple[Ints, Ints]:
    """The pairing with the highest total gain, each track and each detection at most once.

    A pair that shares neither its track nor its detection with another is right without asking; most pairs are such.
    The rest is solved camera by camera. As a pair with no gain may as well be left out, this gives the same as
    one assignment problem over everything.

    Args:
        track, detection: (k,) candidates.
        gain: (k,) above 0.
        camera_of_track: (n,) for all tracks; a track's and its detections' camera are the same.

    Returns:
        track, detection: (m,) the pairs taken.
    """
    if not len(track):
        return track, detection
    rivals = np.bincount(track)[track] + np.bincount(detection)[detection]
    alone = rivals == 2
    if alone.all():
        return track, detection
    tracks, found = [track[alone]], [detection[alone]]
    contested = ~alone
    track, detection, gain = track[contested], detection[contested], gain[contested]
    camera = camera_of_track[track]  # rises, as pairs come grouped by camera
    cuts = np.flatnonzero(camera[1:] != camera[:-1]) + 1
    begin = 0
    for end in (*cuts.tolist(), len(camera)):
        part = slice(begin, end)
        rows, row = np.unique(track[part], return_inverse=True)
        columns, column = np.unique(detection[part], return_inverse=True)
        table = np.zeros((len(rows), len(columns)))
        table[row, column] = gain[part]
        row, column = linear_sum_assignment(table, maximize=True)
        real = table[row, column] > 0
        tracks.append(rows[row[real]])
        found.append(columns[column[real]])
        begin = end
    return np.concatenate(tracks), np.concatenate(found)
