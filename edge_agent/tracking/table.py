"""All tracks of the box, column by column."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking import kalman


@dataclass(slots=True, eq=False)
class TrackTable:
    """Columns of equal capacity of which the first `count` entries count. Grows by doubling, and closes its gaps.

    Attributes:
        state: (20, capacity) float64, see `kalman`, as of the last time the track was seen.
        time: UTC seconds when last seen.
        camera: index of the camera.
        id: local id; 0 while not confirmed.
        hits: frames seen in so far.
        missed: frames in a row in which it was not seen.
        class_id: what it was mostly seen as.
        votes: by how much confidence that class leads.
    """

    state: NDArray[np.float64]
    time: NDArray[np.float64]
    camera: NDArray[np.intp]
    id: NDArray[np.int64]
    hits: NDArray[np.int32]
    missed: NDArray[np.int32]
    class_id: NDArray[np.int32]
    votes: NDArray[np.float64]
    count: int = 0

    @classmethod
    def empty(cls, capacity: int = 64) -> TrackTable:
        """No tracks."""
        return cls(
            state=np.zeros((kalman.ROWS, capacity)),
            time=np.zeros(capacity),
            camera=np.zeros(capacity, np.intp),
            id=np.zeros(capacity, np.int64),
            hits=np.zeros(capacity, np.int32),
            missed=np.zeros(capacity, np.int32),
            class_id=np.zeros(capacity, np.int32),
            votes=np.zeros(capacity),
        )

    def add(self, count: int) -> slice:
        """Room for `count` more tracks: where they are to be written."""
        need = self.count + count
        capacity = len(self.time)
        if need > capacity:
            room = max(need, 2 * capacity) - capacity
            for name in _COLUMNS:
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column[..., :1]).repeat(room, -1)], -1))
        added = slice(self.count, need)
        self.count = need
        return added

    def keep(self, keep: NDArray[np.bool_]) -> None:
        """Forget the tracks where `keep` (count,) is False; the others stay in order."""
        left = np.flatnonzero(keep)
        for name in _COLUMNS:
            column = getattr(self, name)
            column[..., : len(left)] = column[..., left]
        self.count = len(left)


_COLUMNS = [field.name for field in fields(TrackTable) if field.name != "count"]
