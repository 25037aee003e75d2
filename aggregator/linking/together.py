"""`Together`: new visits that come together, weighed against everybody at once, and decided one after the other."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.agglomerate import weight
from aggregator.linking.around import Around
from aggregator.linking.assign import Candidates
from aggregator.linking.blocks import in_blocks
from aggregator.linking.compare import Limits, alike, walks
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import VisitTable

Floats = NDArray[np.float32]

BLOCK = 2048
"""Of all others so many at a time: what is between stays in the processor's cache."""
SHARED = 32
"""Blocks from which on other threads help: less is soon done, and comes again for every few visits."""
SLACK = 1e-3
"""Of a normalised score: more than roundings make."""


class Together:
    """What `weigh` says of each new visit when it is its turn, for much less.

    It holds where no walk alone says enough for a link, and neither faces nor people said anything: then an identity
    counts only where one of its visits at least looks more like the new one than not, which are few. So all pairs of
    a new visit and a visit of such an identity are weighed as columns of numbers. Whoever gets a new visit while these
    are decided has it added to what was weighed.

    Args:
        table: where they are; projected and placed.
        around: of the new visits. What is between takes 6 bytes for each of them and each of the others.
        evidence, limits, dependence: see `weigh`.
    """

    def __init__(
        self, table: VisitTable, around: Around, evidence: Evidence, limits: Limits, dependence: float
    ) -> None:
        self._table, self._around, self._evidence, self._limits = table, around, evidence, limits
        rows, n = around.rows, len(around.rows)
        most = int(np.diff(around.first).max(initial=0)) + n
        count = np.arange(most + 1, dtype=np.float32)
        self._worth = weight(count, dependence) / np.maximum(count, 1)
        """What each of so many visits' likeness counts."""
        # Of each two new visits: the earlier of them may have become one of the identities.
        cosine = table.projected[rows] @ table.projected[rows].T
        self._mate_alike = alike(table, rows[:, None], rows, evidence, cosine)
        self._mate_walk = walks(table, rows[:, None], rows, evidence, limits)
        self._near = self._mate_alike > 0
        self._decided = 0
        self._whose: list[int] = []
        self._mates: dict[int, list[int]] = {}
        """By identity, which of the new visits were given to it."""
        self._grown = np.zeros(len(around.name), bool)
        """Which of the identities known before got one of the new visits."""
        self._weigh()

    def candidates(self, which: int, barred: Set[int]) -> Candidates:
        """Whom one of the new visits may be, when those that were told to `decide` are known.

        Args:
            which: its number among them.
            barred: identities that it is not.
        """
        some = slice(self._first[which], self._first[which + 1])
        slot, odds, walk, visits = self._slot[some], self._odds[some], self._walk[some], self._visits[some]
        name = self._around.name[slot]
        at = self._grown[slot].nonzero()[0].tolist()
        near = self._near[which, : self._decided].nonzero()[0].tolist()
        if at or near:
            place = dict(zip(name[at].tolist(), at, strict=True))
            more: list[tuple[int, float, float, int]] = []
            for identity in dict.fromkeys([*place, *(self._whose[mate] for mate in near)]):
                here = place.get(identity, -1)
                if here >= 0:
                    before = float(self._alike[some][here]), float(walk[here]), int(visits[here])
                else:
                    before = self._of_nobody_alike(which, identity)
                one = self._joined(which, identity, *before)
                if here >= 0:
                    odds[here], walk[here], visits[here] = one
                else:
                    more.append((identity, *one))
            if more:
                names, added, ways, counts = zip(*more, strict=True)
                name, visits = np.append(name, names), np.append(visits, counts)
                odds, walk = (np.append(a, np.array(b, np.float32)) for a, b in ((odds, added), (walk, ways)))
        return Candidates.likeliest(name, odds, walk, visits, barred)

    def decide(self, which: int, identity: int) -> None:
        """The next of the new visits has got an identity."""
        assert which == self._decided
        self._decided += 1
        self._whose.append(identity)
        if identity not in self._mates:
            self._mates[identity] = []
            if (at := self._around.place(identity)) >= 0:
                self._grown[at] = True
        self._mates[identity].append(which)

    def _joined(self, which: int, identity: int, likeness: float, walk: float, visits: int
                ) -> tuple[float, float, int]:
        """Odds, walk and number of visits of an identity with the new visits that it was given.

        Args:
            which: who is compared with it.
            identity: whom.
            likeness, walk, visits: of its visits before: sum, greatest, how many. -inf cannot be.
        """
        mates = self._mates[identity]
        ways = self._mate_walk[which, mates].tolist()
        likeness += sum(self._mate_alike[which, mates].tolist())
        never = -np.inf in ways or (visits and walk == -np.inf)
        walk, visits = max(walk, *ways), visits + len(mates)
        return -np.inf if never else likeness * float(self._worth[visits]) + walk, walk, visits

    def _of_nobody_alike(self, which: int, identity: int) -> tuple[float, float, int]:
        """Sum of likeness, greatest walk and number of an identity's visits before, none of which looks like this."""
        at = self._around.place(identity)
        if at < 0:
            return 0.0, -np.inf, 0
        row, others = self._around.rows[which], self._around.known[self._around.first[at] : self._around.first[at + 1]]
        cosine = self._table.projected[others] @ self._table.projected[row]
        walk = walks(self._table, row, others, self._evidence, self._limits)
        likeness = float(alike(self._table, row, others, self._evidence, cosine).sum())
        return likeness, -np.inf if np.isneginf(walk).any() else float(walk.max()), len(others)

    def _weigh(self) -> None:
        """All of the new visits against those identities that may look like them."""
        table, around = self._table, self._around
        who, slot, cosine = self._alike_to()
        low = around.first[slot]
        count = around.first[slot + 1] - low
        first = np.cumsum(count) - count
        other = around.known[np.repeat(low - first, count) + np.arange(int(count.sum()))]
        row = around.rows[np.repeat(who, count)]
        likeness = alike(table, row, other, self._evidence, cosine[np.repeat(who, count), other - around.part.start])
        if len(first):
            kept = np.maximum.reduceat(likeness, first) > 0
            pairs = np.flatnonzero(np.repeat(kept, count))
            row, other, likeness = row.take(pairs), other.take(pairs), likeness.take(pairs)
            some = np.flatnonzero(kept)
            who, slot, count = who.take(some), slot.take(some), count.take(some)
            first = np.cumsum(count) - count
        walk = walks(table, row, other, self._evidence, self._limits)
        self._first = np.searchsorted(who, np.arange(len(around.rows) + 1)).tolist()
        self._slot, self._visits = slot, count
        if len(first):
            likeness, never = np.add.reduceat(likeness, first), np.minimum.reduceat(walk, first) == -np.inf
            walk = np.maximum.reduceat(walk, first)
            walk[never] = -np.inf
        self._alike, self._walk = likeness, walk
        self._odds = likeness * self._worth[count] + walk

    def _alike_to(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """Which of the new visits may look more like a visit of which identity than not, rising; and the cosines of the
        new ones with all rows of the table's part, (n, rows)."""
        table, around, evidence = self._table, self._around, self._evidence
        part, rows = around.part, around.rows
        width = part.stop - part.start
        projected, scale = table.projected[part], table.scale[part]
        level = np.full(width, np.inf, np.float32)  # nobody is like those that are not known
        level[around.known - part.start] = table.level[around.known]
        mine, my_scale = table.projected[rows], table.scale[rows][:, None]
        least = (np.float32(evidence.alike_from - SLACK) + table.level[rows])[:, None]
        slot = np.zeros(width, np.intp)
        slot[around.known - part.start] = np.repeat(np.arange(len(around.name)), np.diff(around.first))
        cosine, found = np.empty((len(rows), width), np.float32), np.zeros((len(rows), len(around.name)), bool)

        def compare(some: slice) -> None:
            cosine[:, some] = product = mine @ projected[some].T
            # The normalised score without what is the same for all others, which is put on what it is compared with.
            score = product * (my_scale + scale[some])
            score -= level[some]
            new, other = _where(score >= least)
            found[new, slot[some].take(other)] = True

        in_blocks(width, BLOCK, compare, SHARED)
        return *_where(found), cosine


def _where(marked: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """As `np.nonzero` of (n, m), several times as fast."""
    at = np.flatnonzero(marked)
    row = at // max(1, marked.shape[1])
    return row, at - row * marked.shape[1]
