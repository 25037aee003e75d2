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
    settings: TrackerSettings, pairs: Pairs, differ: NDArray[np.bool_], confidence: NDArray[np.float64],
    confirmed: NDArray[np.bool_], eligible: NDArray[np.bool_], frame_of_track: Ints,
    bonus: NDArray[np.float64] | None = None,
) -> Matches:
    """Match tracks and detections of all cameras.

    Args:
        settings: see there.
        pairs: the candidates.
        differ: (k,) candidates whose classes differ.
        confidence: (m,) of the detections.
        confirmed: (n,) tracks that have an id.
        eligible: (n,) tracks that may be matched at all.
        frame_of_track: (n,) rising.
        bonus: (k,) what else speaks for a candidate, or against it, in units of similarity.
    """
    similarity = np.where(differ, pairs.iou * settings.class_mismatch, pairs.iou)
    may = eligible.copy()
    free = np.ones(len(confidence), np.bool_)
    tracks: list[Ints] = []
    found: list[Ints] = []

    def stage(gain: NDArray[np.float64], candidates: NDArray[np.bool_]) -> None:
        candidates &= gain > 0
        if tracks:  # something is taken already
            candidates &= may[pairs.track]
            candidates &= free[pairs.detection]
        some = candidates.nonzero()[0]
        if not len(some):
            return
        track, detection = assign(pairs.track[some], pairs.detection[some], gain[some], frame_of_track)
        may[track] = False
        free[detection] = False
        tracks.append(track)
        found.append(detection)

    sure = (confidence >= settings.high_confidence)[pairs.detection]
    allowed = eligible[pairs.track]
    if settings.kind == "sort":
        stage(similarity - settings.match_similarity, sure & allowed)
    else:
        known = confirmed[pairs.track]
        fused = similarity * confidence[pairs.detection]
        allowed &= known
        gain = fused - settings.match_similarity
        stage(gain if bonus is None else np.where(gain > 0, gain + bonus, gain), sure & allowed)
        stage(similarity - settings.low_similarity, allowed & ~sure)
        if not known.all():
            stage(fused - settings.new_similarity, sure & ~known)
    none = np.zeros(0, np.intp)
    return Matches(np.concatenate([none, *tracks]), np.concatenate([none, *found]), eligible & ~may, free)
