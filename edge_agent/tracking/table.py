"""All tracks of the box, column by column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking import kalman

_FLOATS, _INTS = kalman.ROWS + 3, 5


class TrackTable:
    """The open tracks of all cameras, grouped by camera in rising order, the oldest of a camera first.

    Attributes (views of the columns in use; writing into them is how tracks change):
        state: (20, n) float64, see `kalman`, as of the camera's latest frame.
        unseen: (n,) float64, seconds since it was last seen; 0 when the latest frame showed it.
        evidence: (n,) float64, sum of the log-odds of its detections until it is confirmed.
        votes: (n,) float64, by how much confidence its class leads.
        camera: (n,) int64, index of the camera.
        id: (n,) int64, local id; 0 while not confirmed.
        hits: (n,) int64, frames it was seen in.
        missed: (n,) int64, frames in a row in which it was not seen.
        class_id: (n,) int64, what it was mostly seen as.
    """

    __slots__ = (
        "_floats", "_ints", "camera", "class_id", "count", "evidence", "hits", "id", "missed", "state", "unseen",
        "votes",
    )

    def __init__(self, capacity: int = 64) -> None:
        self._floats = np.zeros((_FLOATS, capacity))
        self._ints = np.zeros((_INTS, capacity), np.int64)
        self._look(0)

    def take(self, rows: NDArray[np.intp]) -> TrackTable:
        """A copy of some of the tracks."""
        some = TrackTable(0)
        some._floats, some._ints = self._floats.take(rows, 1), self._ints.take(rows, 1)
        some._look(len(rows))
        return some

    def put(self, rows: NDArray[np.intp], some: TrackTable) -> None:
        """Write back what `take` gave."""
        self._floats[:, rows], self._ints[:, rows] = some._floats, some._ints

    def replace(self, keep: NDArray[np.bool_], new: TrackTable) -> None:
        """Forget the tracks where `keep` (n,) is False and take in those of `new`."""
        kept = np.flatnonzero(keep)
        count = len(kept) + new.count
        floats = np.concatenate([self._floats.take(kept, 1), new._floats[:, : new.count]], 1)
        ints = np.concatenate([self._ints.take(kept, 1), new._ints[:, : new.count]], 1)
        camera = ints[0]
        if new.count and (camera[1:] < camera[:-1]).any():
            order = np.argsort(camera, kind="stable")
            floats, ints = floats.take(order, 1), ints.take(order, 1)
        if count > self._floats.shape[1]:
            self._floats = np.zeros((_FLOATS, 2 * count))
            self._ints = np.zeros((_INTS, 2 * count), np.int64)
        self._floats[:, :count] = floats
        self._ints[:, :count] = ints
        self._look(count)

    def _look(self, count: int) -> None:
        """Point the attributes at the first `count` entries."""
        self.count = count
        floats, ints = self._floats[:, :count], self._ints[:, :count]
        self.state = floats[: kalman.ROWS]
        self.unseen, self.evidence, self.votes = floats[kalman.ROWS :]
        self.camera, self.id, self.hits, self.missed, self.class_id = ints

    @classmethod
    def of(
        cls, camera: NDArray[np.int64], state: kalman.States, evidence: NDArray[np.float64],
        confidence: NDArray[np.float64], class_id: NDArray[np.int32],
    ) -> TrackTable:
        """Tracks seen once, just now."""
        table = cls(len(camera))
        table._look(len(camera))
        table.state[:] = state
        table.evidence[:] = evidence
        table.votes[:] = confidence
        table.camera[:] = camera
        table.hits[:] = 1
        table.class_id[:] = class_id
        return table


def log_odds(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p / (1 − p)), (n,) → (n,), with p kept away from certainty."""
    p = np.minimum(np.maximum(confidence, 0.02), 0.98)
    odds: NDArray[np.float64] = np.log(p / (1.0 - p))
    return odds
