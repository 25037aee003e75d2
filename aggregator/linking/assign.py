"""The first decision: new visits to known identities or new ones."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aggregator.linking.agglomerate import weight
from aggregator.linking.blocks import in_blocks
from aggregator.linking.compare import Limits, looks, walks
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import Rows, VisitTable

Floats = NDArray[np.float32]

TOGETHER = 64
"""New visits that are compared with all others at once, at most."""
BLOCK = 2048
"""Of all others so many at a time: what is between stays in the processor's cache."""
SLACK = 1e-3
"""Of a normalised score: more than roundings make."""
IMPOSSIBLE = 1e6
MANY = 256
SHOWN = 8
"""Identities that a visit may be given or that are shown as rivals: the likeliest."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What speaks for each identity that a visit could be, the likeliest first.

    Attributes:
        identity: (k,) int64, distinct.
        odds: (k,) float32, log-odds; what cannot be is not there.
        walk: (k,) float32, the part of them that is about when and where; the rest is appearance.
        visits: (k,) int64, how many of the identity's visits were compared.
        first: (k,) int64, where these begin in the columns that follow.
        cosine, gap: (m,) float32, of the visits compared.
        row: (m,), where they are in the table.
    """

    identity: NDArray[np.int64]
    odds: Floats
    walk: Floats
    visits: NDArray[np.int64]
    first: NDArray[np.int64]
    cosine: Floats
    gap: Floats
    row: Rows

    def __len__(self) -> int:
        return len(self.identity)

    def nearest(self, which: int) -> tuple[float, float, int]:
        """Of a candidate's visit that is nearest in time: cosine, gap in seconds, row."""
        first = int(self.first[which])
        at = first + int(np.abs(self.gap[first : first + int(self.visits[which])]).argmin())
        return float(self.cosine[at]), float(self.gap[at]), int(self.row[at])


NOBODY = Candidates(
    identity=np.zeros(0, np.int64),
    odds=np.zeros(0, np.float32),
    walk=np.zeros(0, np.float32),
    visits=np.zeros(0, np.int64),
    first=np.zeros(0, np.int64),
    cosine=np.zeros(0, np.float32),
    gap=np.zeros(0, np.float32),
    row=np.zeros(0, np.intp),
)


@dataclass(slots=True, eq=False)
class Around:
    """Whom several new visits are compared with, and which of these may look like them: found once for all of them, so
    that a visit's own share grows with those alone. The new visits are decided in their order.

    Attributes:
        rows: (n,) the new visits.
        part: rows of the table among which all of them are.
        known: (m,) rows that have an identity; those of one identity lie together.
        name: (k,) int64, the identities, rising.
        first: (k + 1,) int64, where each one's rows begin in `known`.
        alike_to: (n, k) bool, whether one of an identity's visits may look more like the new one than not.
        each_other: (n, n) bool, the same of the new ones.
        cosine: (n, rows of `part`) float32, of the projected embeddings.
        slot: (n,) int64, where in `name` the identities are that new ones were given; -1 for new identities.
        decided: of how many that is known.
    """

    rows: Rows
    part: slice
    known: Rows
    name: NDArray[np.int64]
    first: NDArray[np.int64]
    alike_to: NDArray[np.bool_]
    each_other: NDArray[np.bool_]
    cosine: Floats
    slot: NDArray[np.int64]
    decided: int = 0

    @classmethod
    def of(cls, table: VisitTable, rows: Rows, evidence: Evidence, live: float) -> Around:
        """For new visits that come together: what is between is read once for all of them.

        Args:
            table: where the visits are.
            rows: the new ones, which have no identity yet, at least one, in the order in which they will be decided;
                what is between takes 10 bytes for each of them and each of the others.
            evidence: learned.
            live: seconds before and after them.
        """
        since, until = float(table.start[rows].min()) - live, float(table.end[rows].max()) + live
        part = table.block_span(since, until)
        owner = table.identity[part]
        inside = (owner > 0) & (table.end[part] >= since) & (table.start[part] <= until)
        some = np.flatnonzero(inside)
        known = some[np.argsort(owner[some], kind="stable")]
        owner = owner[known]
        starts = np.flatnonzero(owner[1:] != owner[:-1]) + 1
        first = np.concatenate([[0], starts, [len(known)]]) if len(known) else np.zeros(1, np.int64)
        projected, level, scale = table.projected[part], table.level[part], table.scale[part]
        mine, my_scale = table.projected[rows], table.scale[rows][:, None]
        least = (np.float32(evidence.alike_from - SLACK) + table.level[rows])[:, None]
        cosine, near = np.empty((len(rows), len(inside)), np.float32), np.empty((len(rows), len(inside)), bool)

        def compare(some: slice) -> None:
            cosine[:, some] = alike = mine @ projected[some].T
            # The normalised score without what is the same for all others, which is put on what it is compared with.
            score = alike * (my_scale + scale[some])
            score -= level[some]
            np.greater_equal(score, least, out=near[:, some])

        in_blocks(len(inside), BLOCK, compare)
        slot = np.zeros(len(inside), np.intp)
        slot[known] = np.repeat(np.arange(len(first) - 1), np.diff(first))
        alike_to = np.zeros((len(rows), len(first) - 1), bool)
        new, other = np.divmod(np.flatnonzero(near & inside), len(inside))
        alike_to[new, slot[other]] = True
        return cls(rows, part, known + part.start, owner[first[:-1]], first, alike_to, near[:, rows - part.start],
                   cosine, np.full(len(rows), -1))

    def everybody(self, count: int) -> Rows:
        """Who has an identity once the first `count` of the new visits have one."""
        return np.concatenate([self.known, self.rows[:count]])

    def alike(self, table: VisitTable, these: slice) -> Rows:
        """Of `everybody` before these of the new visits those whose identity has a visit that may look more like one of
        these than not."""
        if these.stop - these.start == 1:
            like, near = self.alike_to[these.start].copy(), self.each_other[these.start, : these.start]
        else:
            like = np.logical_or.reduce(self.alike_to[these])
            near = np.logical_or.reduce(self.each_other[these, : these.start])
        others = self.rows[:0]
        if these.start:
            self._note(table, these.start)
            slot = self.slot[: these.start]
            old = slot >= 0
            like[slot[near & old]] = True
            wanted = near.copy()
            wanted[old] = like[slot[old]]
            if (near & ~old).any():  # with those who are of one new identity with one of them
                owner = table.identity[self.rows[: these.start]]
                wanted |= (owner[:, None] == owner[near]).any(axis=1)
            others = self.rows[: these.start][wanted]
        slots = np.flatnonzero(like)
        if not len(slots):
            return others
        low = self.first[slots]
        count = self.first[slots + 1] - low
        behind = np.cumsum(count)
        found = self.known[np.repeat(low - behind + count, count) + np.arange(int(behind[-1]))]
        return np.concatenate([found, others]) if len(others) else found

    def cosines(self, these: slice, others: Rows) -> Floats:
        """Of these of the new visits with `others`, (n, m) float32."""
        out: Floats = self.cosine[these].take(others - self.part.start, axis=1)
        return out

    def _note(self, table: VisitTable, count: int) -> None:
        """Which identities the first `count` have got, as far as that was not noted."""
        if count > self.decided and len(self.name):
            owner = table.identity[self.rows[self.decided : count]]
            at = np.minimum(np.searchsorted(self.name, owner), len(self.name) - 1)
            self.slot[self.decided : count] = np.where(self.name[at] == owner, at, -1)
        self.decided = max(self.decided, count)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Visits against identities.

    Attributes:
        identity: (k,) int64, rising.
        odds: (n, k) float32, log-odds; -inf cannot be.
        walk: (n, k) float32, the part of them that is about when and where.
        visits, first: (k,) int64, how many visits of each were compared, and where they begin in what follows.
        cosine, gap: (n, m) float32, of the visits compared; row: (m,), where they are in the table.
    """

    identity: NDArray[np.int64]
    odds: Floats
    walk: Floats
    visits: NDArray[np.int64]
    first: NDArray[np.int64]
    cosine: Floats
    gap: Floats
    row: Rows


def weigh(
    table: VisitTable, rows: Rows, others: Rows, evidence: Evidence, limits: Limits, dependence: float, least: float,
    look: NDArray[np.int64] | None = None, cosine: Floats | None = None,
) -> Weighed:
    """Each of `rows` against the identities of `others`, which all have one.

    An identity's odds are those of clustering: the mean likeness to its visits, as often as they amount to independent
    ones, and the likeliest walk from or to one of them. An identity that people say has several
    looks is as likely as the likeliest of them.

    Args:
        table: where the rows are.
        rows, others: rows; one of `others` at least.
        evidence, limits, dependence: see there.
        least: log-odds that matter. Of identities that cannot have so much some may be left out.
        look: (len(others),), which look of its identity each shows; None: nobody said anything.
        cosine: as `looks` takes it.
    """
    likeness, cosine = looks(table, rows, others, evidence, cosine)
    owner = table.identity[others]
    if evidence.likeliest <= least:
        # No walk alone says so much, so one of an identity's visits at least must look more like this one than not.
        kept = _shared(owner, likeness.max(axis=0) > 0)
        others, owner, look = others[kept], owner[kept], None if look is None else look[kept]
        likeness, cosine = likeness.take(kept, axis=1), cosine.take(kept, axis=1)
    order = np.argsort(owner, kind="stable") if look is None else np.lexsort((look, owner))
    others, owner = others[order], owner[order]
    likeness, cosine = likeness.take(order, axis=1), cosine.take(order, axis=1)
    walk, gap = walks(table, rows, others, evidence, limits)
    starts = np.empty(len(owner), bool)
    starts[:1] = True
    np.not_equal(owner[1:], owner[:-1], out=starts[1:])
    first = np.flatnonzero(starts)
    visits = np.empty_like(first)
    np.subtract(first[1:], first[:-1], out=visits[:-1])
    visits[-1:] = len(owner) - first[-1:]
    if not len(first):
        none = np.zeros((len(rows), 0), np.float32)
        return Weighed(owner, none, none, visits, first, cosine, gap, others)
    if look is None:
        odds = np.add.reduceat(likeness, first, axis=1)
        odds *= weight(visits.astype(np.float32), dependence) / visits.astype(np.float32)
    else:
        look = look[order]
        part = np.flatnonzero(starts | np.append(True, look[1:] != look[:-1]))
        alike = np.diff(part, append=len(owner))
        appearance = np.add.reduceat(likeness, part, axis=1) / alike * weight(alike.astype(np.float32), dependence)
        odds = np.maximum.reduceat(appearance, np.searchsorted(part, first), axis=1)
    way = np.maximum.reduceat(walk, first, axis=1)
    odds += way
    never = walk == -np.inf
    if never.any():
        odds[np.logical_or.reduceat(never, first, axis=1)] = -np.inf
    return Weighed(owner[first], odds, way, visits, first, cosine, gap, others)


def _shared(owner: NDArray[np.int64], some: NDArray[np.bool_] | Rows) -> Rows:
    """Which of (n,) rows have an owner in common with one of `some` of them."""
    low, high = int(owner.min()), int(owner.max())
    marked = np.zeros(high - low + 1, bool)
    marked[owner[some] - low] = True
    return np.flatnonzero(marked[owner - low])


def candidates(weighed: Weighed, barred: Sequence[Set[int]] = ()) -> list[Candidates]:
    """For each visit the likeliest identities.

    Args:
        weighed: visits against identities. Its odds are changed.
        barred: for each visit, identities that it is not.
    """
    odds = weighed.odds
    for k, names in enumerate(barred):
        if names:
            odds[k, np.isin(weighed.identity, list(names))] = -np.inf
    out = []
    for k in range(len(odds)):
        some = _likeliest(odds[k])
        if len(some) and odds[k, some[-1]] <= -IMPOSSIBLE:
            some = some[odds[k, some] > -IMPOSSIBLE]
        out.append(
            Candidates(
                weighed.identity[some], odds[k, some], weighed.walk[k, some], weighed.visits[some],
                weighed.first[some], weighed.cosine[k], weighed.gap[k], weighed.row,
            )
        )
    return out


def _likeliest(odds: Floats) -> Rows:
    """Where the greatest `SHOWN` of (k,) are, the greatest first, of equals the first."""
    some: Rows = np.arange(len(odds))
    if len(odds) > MANY:  # few of them need to be sorted
        some = np.sort(np.argpartition(-odds, SHOWN)[:SHOWN])
    return some[np.argsort(-odds[some], kind="stable")[:SHOWN]]


def choose(options: list[Candidates], caution: float) -> list[int]:
    """Which candidate each of several visits is that cannot be of one person, jointly; -1 for somebody new."""
    if len(options) == 1:
        one = options[0]
        return [0 if len(one) and one.odds[0] > caution else -1]
    names = np.unique(np.concatenate([one.identity for one in options]))
    if not len(names):
        return [-1] * len(options)
    cost = np.full((len(options), len(names) + len(options)), -caution, np.float64)
    cost[:, : len(names)] = IMPOSSIBLE
    for k, one in enumerate(options):
        better = one.odds > caution
        cost[k, np.searchsorted(names, one.identity[better])] = -one.odds[better]
    chosen = linear_sum_assignment(cost)[1]
    out = []
    for k, one in enumerate(options):
        found = one.identity == names[min(chosen[k], len(names) - 1)]
        out.append(int(found.argmax()) if chosen[k] < len(names) and found.any() else -1)
    return out
