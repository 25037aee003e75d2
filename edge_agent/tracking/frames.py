"""`TrackedFrame`: the tracks seen in one frame, column by column."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackedFrame:
    """What the tracker says about one frame of one camera. Rows are the confirmed tracks seen in this frame.

    Attributes:
        camera: the camera's name.
        time: UTC seconds of the frame.
        track: (n,) int64, local ids, unique within the camera for as long as the id allocator lives.
        xyxy: (n, 4) float32, left, top, right, bottom in pixels of the frame, smoothed by the motion model.
        confidence: (n,) float32 in [0, 1], the detector's.
        class_id: (n,) int32, what the track was mostly seen as; one odd frame does not change it.
        detection: (n,) int32, row of the given `Detections` that was taken for the track.
        started: (n,) bool, the track is told of for the first time.
        re_entered: (n,) bool, the track was lost for a while and came back under its old id.
        ended: (m,) int64, ids of tracks given up in this step; they never come back.
        id_switch_mitigated: (n,) bool, by motion alone another track would have taken this detection; what they look
            like told otherwise. All False where it is left out.
    """

    camera: str
    time: float
    track: NDArray[np.int64]
    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]
    detection: NDArray[np.int32]
    started: NDArray[np.bool_]
    re_entered: NDArray[np.bool_]
    ended: NDArray[np.int64]
    id_switch_mitigated: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def __post_init__(self) -> None:
        n = len(self.track)
        if self.xyxy.shape != (n, 4):
            raise ValueError(f"TrackedFrame.xyxy: expected shape {(n, 4)}, got {self.xyxy.shape}")
        if n and not len(self.id_switch_mitigated):
            object.__setattr__(self, "id_switch_mitigated", np.zeros(n, np.bool_))
        for name in ("confidence", "class_id", "detection", "started", "re_entered", "id_switch_mitigated"):
            actual = getattr(self, name).shape
            if actual != (n,):
                raise ValueError(f"TrackedFrame.{name}: expected shape {(n,)}, got {actual}")

    def __len__(self) -> int:
        return len(self.track)
