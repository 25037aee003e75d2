"""What the tracker says about each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking import kalman
from edge_agent.tracking.association import Ints
from edge_agent.tracking.batch import Batch, Entry
from edge_agent.tracking.frames import TrackedFrame
from edge_agent.tracking.table import TrackTable


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Seen:
    """Tracks that were seen in these frames, new ones among them, in any order.

    Attributes:
        id: (m,) int64; 0 where not confirmed.
        boxes: (4, m) float64, cx, cy, w, h, as the filter has them.
        class_id: (m,) int64.
        detection: (m,) int, column of the batch.
        started, re_entered, mitigated: (m,) bool.
    """

    id: NDArray[np.int64]
    boxes: NDArray[np.float64]
    class_id: NDArray[np.int64]
    detection: Ints
    started: NDArray[np.bool_]
    re_entered: NDArray[np.bool_]
    mitigated: NDArray[np.bool_]

    @classmethod
    def of(
        cls, tracks: TrackTable, which: Ints, detection: Ints, started: NDArray[np.bool_],
        re_entered: NDArray[np.bool_], mitigated: NDArray[np.bool_],
    ) -> Seen:
        """Some of the tracks in a table."""
        return cls(
            id=tracks.id[which], boxes=tracks.state[:4].take(which, 1), class_id=tracks.class_id[which],
            detection=detection, started=started, re_entered=re_entered, mitigated=mitigated,
        )

    def and_also(self, others: Seen) -> Seen:
        """These and others."""
        return Seen(**{
            field.name: np.concatenate([getattr(self, field.name), getattr(others, field.name)], -1)
            for field in fields(self)
        })


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
    told = seen.id.nonzero()[0]
    told = told[seen.detection[told].argsort()]
    detection = seen.detection[told]
    confidence = batch.confidence[detection]
    trust = confidence * confidence
    smooth = kalman.to_xyxy(seen.boxes.take(told, 1))
    xyxy = (smooth + trust * (batch.xyxy.take(detection, 1) - smooth)).T.astype(np.float32)
    track, class_id = seen.id[told], seen.class_id[told].astype(np.int32)
    row, sure = batch.row[detection].astype(np.int32), confidence.astype(np.float32)
    started, re_entered, mitigated = seen.started[told], seen.re_entered[told], seen.mitigated[told]
    cuts = _cuts(batch.frame[detection], len(entries))
    ended_cuts = _cuts(ended_frame, len(entries))
    result: dict[int, TrackedFrame] = {}
    for i, place in enumerate(batch.order):
        part = slice(cuts[i], cuts[i + 1])
        result[place] = TrackedFrame(
            camera=entries[place][0], time=entries[place][1], track=track[part], xyxy=xyxy[part],
            confidence=sure[part], class_id=class_id[part], detection=row[part], started=started[part],
            re_entered=re_entered[part], ended=ended[ended_cuts[i] : ended_cuts[i + 1]],
            id_switch_mitigated=mitigated[part],
        )
    return [result[i] for i in range(len(entries))]


def _cuts(frame: Ints, frames: int) -> list[int]:
    """Where the entries of each frame begin, and the end, for rising `frame`."""
    return [0, len(frame)] if frames == 1 else frame.searchsorted(np.arange(frames + 1)).tolist()
