"""`Around`: whom new visits that come together are compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.table import Rows, VisitTable


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """Who has an identity already in the time around several new visits: found once for all of them.

    Attributes:
        rows: (n,) the new visits, in the order in which they are decided.
        part: rows of the table among which all of the others are.
        known: (m,) rows that have an identity; those of one identity lie together.
        name: (k,) int64, the identities, rising.
        first: (k + 1,) int64, where each one's rows begin in `known`.
    """

    rows: Rows
    part: slice
    known: Rows
    name: NDArray[np.int64]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, table: VisitTable, rows: Rows, live: float) -> Around:
        """Of new visits, which have no identity yet, at least one.

        Args:
            table: where they are.
            rows: the new ones, in the order in which they will be decided.
            live: seconds before and after them.
        """
        since, until = float(table.start[rows].min()) - live, float(table.end[rows].max()) + live
        part = table.block_span(since, until)
        here = (table.identity[part] > 0) & (table.end[part] >= since) & (table.start[part] <= until)
        return cls.among(table, rows, np.flatnonzero(here) + part.start, part)

    @classmethod
    def among(cls, table: VisitTable, rows: Rows, known: Rows, part: slice) -> Around:
        """Of some visits, with identities or without, and others that have one; of which all are in `part`."""
        owner = table.identity[known]
        order = np.argsort(owner, kind="stable")
        known, owner = known[order], owner[order]
        starts = np.flatnonzero(owner[1:] != owner[:-1]) + 1
        first = np.concatenate([[0], starts, [len(known)]]) if len(known) else np.zeros(1, np.int64)
        return cls(rows, part, known, owner[first[:-1]], first)

    def everybody(self, count: int) -> Rows:
        """Who has an identity once the first `count` of the new visits have one."""
        return np.concatenate([self.known, self.rows[:count]])

    def place(self, identity: int) -> int:
        """Where in `name` an identity is; -1 where it is not."""
        at = int(np.searchsorted(self.name, identity))
        return at if at < len(self.name) and self.name[at] == identity else -1

    def visits_of(self, table: VisitTable, identity: int, count: int) -> Rows:
        """Of `everybody` the rows of one identity."""
        new = self.rows[:count]
        new, at = new[table.identity[new] == identity], self.place(identity)
        return new if at < 0 else np.concatenate([self.known[self.first[at] : self.first[at + 1]], new])
