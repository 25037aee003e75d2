"""A camera that was knocked, or turned between two frames: hardly a box lies where it should, but all by the same way.

Where boxes still overlap their predictions, `camera_motion` measures the shift. Where they no longer do, every track
votes for the ways to all detections of about its size that are not too far, and what most tracks agree on is taken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking.association import Ints

LEAST_TRACKS = 4  # that a frame must show before it is asked
POOR = 0.5  # share of the tracks that are found in place, below which it is asked
AGREE = 0.6  # share of the tracks that must be for the way taken
REACH = 1.5  # how far to look, in sizes (root of the area) of the track
ALIKE = 0.3  # by how much the logarithms of two sizes may differ
TOLERANCE = 0.15  # by how much ways may differ that are the same, in sizes
MOST_TRACKS = 60  # that are asked; more know no better


def jolts(
    tracks: NDArray[np.float64], frame_of_track: Ints, held: NDArray[np.bool_], detections: NDArray[np.float64],
    frame_of_detection: Ints, sure: NDArray[np.bool_], in_place: Ints,
) -> NDArray[np.float64]:
    """By how much each camera was knocked.

    Args:
        tracks: (4, n) cx, cy, w, h as predicted.
        frame_of_track: (n,) rising.
        held: (n,) tracks that were seen in the frame before.
        detections: (4, m) cx, cy, w, h.
        frame_of_detection: (m,) rising.
        sure: (m,) detections the detector is sure of.
        in_place: (f,) how many of each frame's tracks were found where they were expected.

    Returns:
        (2, f) float64, pixels to add to the predicted centres; 0 where all is well or nothing can be said.
    """
    shift = np.zeros((2, len(in_place)))
    known = np.bincount(frame_of_track[held], minlength=len(in_place))
    found = np.bincount(frame_of_detection[sure], minlength=len(in_place))
    could = np.minimum(known, found)
    for i in ((could >= LEAST_TRACKS) & (in_place < POOR * could)).nonzero()[0].tolist():
        mine = ((frame_of_track == i) & held).nonzero()[0][:MOST_TRACKS]
        shift[:, i] = _vote(tracks[:, mine], detections[:, (frame_of_detection == i) & sure])
    return shift


def _vote(tracks: NDArray[np.float64], detections: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """The way (2,) from the tracks to the detections that most tracks agree on, or 0."""
    size, other = np.sqrt(tracks[2] * tracks[3]), np.sqrt(detections[2] * detections[3])
    way = detections[:2, None, :] - tracks[:2, :, None]
    possible = (np.abs(way) < REACH * size[:, None]).all(0)
    possible &= np.abs(np.log(other / size[:, None])) < ALIKE
    track, detection = possible.nonzero()
    if not len(track):
        return 0.0
    ways = way[:, track, detection]
    same = (np.abs(ways[:, :, None] - ways[:, None, :]) < TOLERANCE * np.median(size)).all(0)
    first = np.concatenate([[0], (track[1:] != track[:-1]).nonzero()[0] + 1])
    votes = np.logical_or.reduceat(same, first, axis=1).sum(1)  # a track has one vote for each way
    best = int(votes.argmax())
    if votes[best] < max(LEAST_TRACKS, AGREE * min(len(size), len(other))):
        return 0.0
    agreed: NDArray[np.float64] = np.median(ways[:, same[best]], axis=1)
    return agreed
