"""What the tracker says about each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking import kalman
from edge_agent.tracking.association import Ints
from edge_agent.tracking.batch import Batch, Entry
from edge_agent.tracking.frames import TrackedFrame


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Seen:
    """Tracks that were seen in these frames, new ones among them, in any order.

    Attributes:
        id: (m,) int64; 0 where not confirmed.
        boxes: (4, m) float64, cx, cy, w, h, as the filter has them.
        class_id: (m,) int64.
        detection: (m,) int, column of the batch.
        started, re_entered: (m,) bool.
    """

    id: NDArray[np.int64]
    boxes: NDArray[np.float64]
    class_id: NDArray[np.int64]
    detection: Ints
    started: NDArray[np.bool_]
    re_entered: NDArray[np.bool_]


def report(
    entries: Sequence[Entry], batch: Batch, seen: Seen, ended: NDArray[np.int64], ended_frame: Ints
) -> list[TrackedFrame]:
    """Tell each frame's confirmed tracks, in the order of `entries`.

    The box told is the filter's and the detector's, weighted: a sure detection shows the outline of this very moment,
    an unsure one is of half an object, whose other half the filter remembers.

    Args:
        entries: as given to the tracker.
        batch: made of them.
        seen: all cameras' tracks.
        ended: (e,) ids of tracks given up.
        ended_frame: (e,) in which frame of the batch, rising.
    """
    told = np.flatnonzero(seen.id)
    told = told[np.argsort(seen.detection[told])]
    detection = seen.detection[told]
    confidence = batch.confidence[detection]
    trust = confidence * confidence
    smooth = kalman.to_xyxy(seen.boxes[:, told])
    xyxy = (smooth + trust * (batch.xyxy[:, detection] - smooth)).T.astype(np.float32)
    track, class_id = seen.id[told], seen.class_id[told].astype(np.int32)
    row, sure = batch.row[detection].astype(np.int32), confidence.astype(np.float32)
    started, re_entered = seen.started[told], seen.re_entered[told]
    frames = np.arange(len(entries) + 1)
    cuts = np.searchsorted(batch.frame[detection], frames).tolist()
    ended_cuts = np.searchsorted(ended_frame, frames).tolist()
    result: dict[int, TrackedFrame] = {}
    for i, place in enumerate(batch.order):
        part = slice(cuts[i], cuts[i + 1])
        result[place] = TrackedFrame(
            camera=entries[place][0], time=entries[place][1], track=track[part], xyxy=xyxy[part],
            confidence=sure[part], class_id=class_id[part], detection=row[part], started=started[part],
            re_entered=re_entered[part], ended=ended[ended_cuts[i] : ended_cuts[i + 1]],
        )
    return [result[i] for i in range(len(entries))]
