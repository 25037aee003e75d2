"""`Together`: new visits that come together, weighed against everybody at once, and decided one after the other."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.agglomerate import weight
from aggregator.linking.around import Around
from aggregator.linking.assign import Candidates
from aggregator.linking.compare import Limits, alike, walks
from aggregator.linking.evidence import Evidence
from aggregator.linking.sparse import Sparse
from aggregator.linking.table import VisitTable

Floats = NDArray[np.float32]


class Together:
    """What `weigh` says of each new visit when it is its turn, for much less.

    It holds where no walk alone says enough for a link, and neither faces nor people said anything: then it is enough
    to weigh all of them against whom they look like (`Sparse`). Whoever gets a new visit while these are decided has it
    added to what was weighed.

    Args:
        table: where they are; projected and placed.
        around: of the new visits.
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
        self._before = Sparse.of(table, around, evidence, limits, dependence)

    def candidates(self, which: int, barred: Set[int]) -> Candidates:
        """Whom one of the new visits may be, when those that were told to `decide` are known.

        Args:
            which: its number among them.
            barred: identities that it is not.
        """
        weighed = self._before
        some = slice(weighed.first[which], weighed.first[which + 1])
        slot, odds, walk, visits = weighed.slot[some], weighed.odds[some], weighed.walk[some], weighed.visits[some]
        name = self._around.name[slot]
        at = self._grown[slot].nonzero()[0].tolist()
        near = self._near[which, : self._decided].nonzero()[0].tolist()
        if at or near:
            place = dict(zip(name[at].tolist(), at, strict=True))
            more: list[tuple[int, float, float, int]] = []
            for identity in dict.fromkeys([*place, *(self._whose[mate] for mate in near)]):
                here = place.get(identity, -1)
                if here >= 0:
                    before = float(weighed.likeness[some][here]), float(walk[here]), int(visits[here])
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
