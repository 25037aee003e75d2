"""Tracks that the source itself knows: a data set of people already cut out says whose visit each picture is of."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking.frames import TrackedFrame


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Who is where in one frame, as its source says.

    Attributes:
        track: (n,) int64, local ids, never used again by this camera.
        xyxy: (n, 4) float32, pixels of the frame.
        ended: (m,) int64, tracks that will not be seen again, those of this frame among them.
    """

    track: NDArray[np.int64]
    xyxy: NDArray[np.float32]
    ended: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.xyxy.shape != (len(self.track), 4):
            raise ValueError(f"Given.xyxy: expected shape {(len(self.track), 4)}, got {self.xyxy.shape}")


class GivenTracks:
    """Stands where `Tracker` stands, for cameras whose tracks are given."""

    def __init__(self) -> None:
        self._open: dict[str, set[int]] = {}

    @property
    def cameras(self) -> Set[str]:
        """Those that were stepped."""
        return self._open.keys()

    def step(self, camera: str, time: float, given: Given, class_id: int) -> TrackedFrame:
        """One frame of one camera; everybody is of one class and sure."""
        known = self._open.setdefault(camera, set())
        n = len(given.track)
        started = np.array([track not in known for track in given.track.tolist()], np.bool_)
        known.update(given.track.tolist())
        ended = given.ended[[track in known for track in given.ended.tolist()]]
        known.difference_update(ended.tolist())
        return TrackedFrame(
            camera=camera, time=time, track=given.track, xyxy=given.xyxy, confidence=np.ones(n, np.float32),
            class_id=np.full(n, class_id, np.int32), detection=np.arange(n, dtype=np.int32), started=started,
            re_entered=np.zeros(n, np.bool_), ended=ended)

    def finish(self) -> dict[str, NDArray[np.int64]]:
        """End all tracks: the ids, rising, of those that were still open, for every camera seen."""
        ids = {camera: np.array(sorted(tracks), np.int64) for camera, tracks in self._open.items()}
        for tracks in self._open.values():
            tracks.clear()
        return ids
