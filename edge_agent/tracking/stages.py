"""In which order tracks and detections are brought together.

ByteTrack (Zhang et al., ECCV 2022): first all confirmed tracks with the detections the detector is sure of, then the
tracks left over with the unsure ones, which are mostly of half-hidden objects, then what remains of the sure ones
with tracks not confirmed yet. Other than there, tracks lost for a while may also come back through an unsure
detection: with predictions this tight, that is right more often than wrong. SORT (Bewley et al., ICIP 2016): one
stage, sure detections only, overlap alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking.association import Ints, Pairs, assign
from edge_agent.tracking.settings import TrackerSettings


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Which track goes on with which detection.

    Attributes:
        track, detection: (m,) int, what belongs together.
        taken: (n,) bool, the tracks among them.
        free: (k,) bool, the detections not among them.
    """

    track: Ints
    detection: Ints
    taken: NDArray[np.bool_]
    free: NDArray[np.bool_]


def match(
    settings: TrackerSettings, pairs: Pairs, similarity: NDArray[np.float64], confidence: NDArray[np.float64],
    confirmed: NDArray[np.bool_], eligible: NDArray[np.bool_], frame_of_track: Ints,
) -> Matches:
    """Match tracks and detections of all cameras.

    Args:
        settings: see there.
        pairs: the candidates.
        similarity: (k,) of the candidates, intersection over union where the classes agree.
        confidence: (m,) of the detections.
        confirmed: (n,) tracks that have an id.
        eligible: (n,) tracks that may be matched at all.
        frame_of_track: (n,) rising.
    """
    may = eligible.copy()
    free = np.ones(len(confidence), np.bool_)
    tracks, found = [], []

    def stage(gain: NDArray[np.float64], candidates: NDArray[np.bool_]) -> None:
        some = np.flatnonzero(candidates & (gain > 0) & may[pairs.track] & free[pairs.detection])
        track, detection = assign(pairs.track[some], pairs.detection[some], gain[some], frame_of_track)
        may[track] = False
        free[detection] = False
        tracks.append(track)
        found.append(detection)

    sure = (confidence >= settings.high_confidence)[pairs.detection]
    if settings.kind == "sort":
        stage(similarity - settings.match_similarity, sure)
    else:
        known = confirmed[pairs.track]
        fused = similarity * confidence[pairs.detection]
        stage(fused - settings.match_similarity, sure & known)
        stage(similarity - settings.low_similarity, known & ~sure)
        stage(fused - settings.new_similarity, sure & ~known)
    return Matches(np.concatenate(tracks), np.concatenate(found), eligible & ~may, free)
