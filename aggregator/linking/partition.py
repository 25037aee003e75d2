"""`Partition`: all visits of one model and one label, what was learned from them, and when to learn again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.calibrate import Sample, learn, starting
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import Rows, VisitTable

FIRST_LESSON = 8
"""Visits before anything is learned."""
GROWTH = 1.5
"""The next lesson comes when so many times as many visits were seen, or a sample's worth of new ones."""


class Partition:
    """The visits that can be compared with one another.

    Args:
        dimensions: of the embeddings; 0 for visits without.
    """

    def __init__(self, dimensions: int) -> None:
        self.table = VisitTable(dimensions)
        self.evidence: Evidence = starting(dimensions)
        self.seen = 0
        """Mature visits that ever got an identity here; what decides when to learn."""
        self.next_lesson = FIRST_LESSON
        self.head = -np.inf
        """Latest time in the stream."""
        self.changed = False
        """Whether anything came since the last repair."""
        self.relearned = False
        """Whether anything was learned since the last repair."""

    def learn_if_due(self, cameras: int, sample: int) -> bool:
        """Learn once enough is new; whether that was so."""
        if self.seen < self.next_lesson or not self.table.dimensions:
            return False
        self.learn(cameras, sample)
        self.next_lesson = int(min(GROWTH * self.seen + 1, self.seen + sample))
        return True

    def learn(self, cameras: int, sample: int, *, whole: bool = False) -> None:
        """Learn from the latest mature visits, and look at all others with the new eyes."""
        table = self.table
        rows = np.flatnonzero(table.ripe)
        if whole and len(rows) > sample:
            rows = rows[np.linspace(0, len(rows) - 1, sample).astype(np.intp)]
        rows = rows[-sample:]
        if len(rows) < 2:
            return
        self.evidence = learn(
            Sample(
                embedding=table.embedding[rows].astype(np.float32),
                camera=table.camera[rows],
                start=table.start[rows],
                end=table.end[rows],
                cameras=cameras,
            )
        )
        self.relearned = True
        table.place(np.arange(len(table)), self.evidence)

    def forget_before(self, time: float) -> None:
        """Drop what ended before `time`, once that is half of all."""
        table = self.table
        old = table.end < time
        if int(old.sum()) > max(1024, len(table) // 2):
            table.keep(np.flatnonzero(~old))

    def members(self, names: NDArray[np.int64], rows: Rows) -> Rows:
        """Those of `rows` that belong to one of the identities `names`."""
        out: Rows = rows[np.isin(self.table.identity[rows], names)]
        return out
