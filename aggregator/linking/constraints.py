"""`Constraints`: what people said about who is who. Nothing that is decided later may contradict it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.repair import Repair


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one correction says.

    Attributes:
        number: the correction's.
        together: visits, by the store's numbers, that are all of one person; in groups of visits that look alike. Who
            comes later needs to resemble one of the groups only: people put a coat on.
        apart: two groups of visits; nobody of the one is anybody of the other.
    """

    number: int
    together: tuple[tuple[int, ...], ...] = ()
    apart: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())


class Constraints:
    """All that was said and not taken back.

    Visits that must be together form groups, of which some exclude others; to say something of a group is to say it of
    all its visits. Where the visits stand is kept here too, because linking forgets visits sooner than what was said.
    """

    def __init__(self) -> None:
        self.identity: dict[int, int] = {}
        self._said: dict[int, Said] = {}
        self._group: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._foes: dict[int, set[int]] = {}
        self._look: dict[int, int] = {}
        self._known: NDArray[np.int64] = np.zeros(0, np.int64)

    def contradicts(self, said: Said) -> int | None:
        """The number of the earlier correction that cannot hold together with `said`; None where all can."""
        if _consistent([*self._said.values(), said]):
            return None
        for number in sorted(self._said, reverse=True):  # the latest without which it would hold
            if _consistent([*(one for one in self._said.values() if one.number != number), said]):
                return number
        return max(self._said, default=said.number)

    def say(self, said: Iterable[Said], identity: Mapping[int, int]) -> None:
        """Add what was said; `identity` of the visits that it speaks of, by number."""
        self._said.update((one.number, one) for one in said)
        self.identity.update(identity)
        self._rebuild()

    def take_back(self, number: int) -> tuple[int, ...]:
        """That correction was undone; the visits that it spoke of."""
        said = self._said.pop(number, None)
        if said is None:
            return ()
        self._rebuild()
        return tuple(visit for side in (*said.together, *said.apart) for visit in side)

    def move(self, visit: int, identity: int) -> None:
        """A visit's identity has changed, or is known now; 0 for none."""
        if identity and visit in self._group:
            self.identity[visit] = identity

    def barred(self, visit: int, current: Callable[[int], int]) -> set[int]:
        """Identities that a visit is not, as far as people said.

        Args:
            visit: the store's number.
            current: an identity → the one that it was merged into.
        """
        foes = self._foes.get(self._group.get(visit, 0))
        return set() if not foes else {current(self.identity[other]) for foe in foes for other in self._members[foe]
                if other in self.identity}

    def looks(self, visits: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Of (n,) visits, which look of their person each shows, (n,) int64: visits of one number look alike, and those
        of -1, of which nobody said anything. None where that is all of them."""
        rows = self._spoken_of(visits)
        if not rows:
            return None
        look = np.full(len(visits), -1, np.int64)
        for row in rows:
            look[row] = self._look.get(int(visits[row]), -1)
        return look

    def _spoken_of(self, visits: NDArray[np.int64]) -> list[int]:
        if not len(self._known):
            return []
        at = np.minimum(np.searchsorted(self._known, visits), len(self._known) - 1)
        return np.flatnonzero(self._known[at] == visits).tolist()

    def among(self, visits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """What was said about some visits.

        Args:
            visits: (n,) the store's numbers.

        Returns:
            (n,) int64, the group of each, -1 for none; (k, 2) rows that must stay apart, as must all of their groups.
        """
        group = np.full(len(visits), -1, np.int64)
        at: dict[int, int] = {}
        for row in self._spoken_of(visits):
            group[row] = self._group[int(visits[row])]
            at.setdefault(int(group[row]), row)
        pairs = [(row, at[foe]) for one, row in at.items() for foe in self._foes.get(one, ()) if foe in at]
        return group, np.array(sorted(pairs), np.intp).reshape(-1, 2)

    def allow(self, repair: Repair, visits: NDArray[np.int64], current: Callable[[int], int]) -> Repair:
        """The part of a repair that contradicts nobody. It sees what clustering cannot: visits that were forgotten.

        Args:
            repair: as `plan` made it.
            visits: (n,) of its rows.
            current: an identity → the one that it was merged into.
        """
        while True:
            wrong = self._wrong(repair, visits, current)
            kept = Repair(
                moves=[move for move in repair.moves if not wrong & {move[1], move[2] or -1 - move[3]}],
                merges=[merge for merge in repair.merges if not wrong & set(merge)],
            )
            if kept == repair:
                return repair
            repair = kept

    def _wrong(self, repair: Repair, visits: NDArray[np.int64], current: Callable[[int], int]) -> set[int]:
        """Identities, as they are and as they would be, about which the repair contradicts somebody."""
        into = {folded: stays for stays, folded in repair.merges}
        goes = {int(visits[row]): to or -1 - group for row, _, to, group in repair.moves}

        def before(visit: int) -> int:
            return current(self.identity.get(visit, 0))

        def after(visit: int) -> int:
            identity = goes.get(visit) or before(visit)
            return into.get(identity, identity)

        ends = {group: {after(visit) for visit in members} for group, members in self._members.items()}
        wrong: set[int] = set()
        for group, names in ends.items():
            foes = [foe for foe in self._foes.get(group, ()) if names & ends[foe]]
            if len(names) > 1 or foes:
                involved = [visit for one in (group, *foes) for visit in self._members[one]]
                wrong |= {name(visit) for visit in involved for name in (before, after)}
        # A merge's two names are as one here, and the one that goes is no longer seen in `after`.
        return wrong | {folded for stays, folded in repair.merges if stays in wrong}

    def _rebuild(self) -> None:
        self._group = _groups(self._said.values())
        self._known = np.fromiter(sorted(self._group), np.int64, len(self._group))
        self._look = {}
        for number in sorted(self._said):
            for look in self._said[number].together:
                for visit in look:
                    self._look.setdefault(visit, look[0])
        self._members = {}
        for visit, group in self._group.items():
            self._members.setdefault(group, []).append(visit)
        self._foes = {}
        for said in self._said.values():
            left, right = ({self._group[visit] for visit in side} for side in said.apart)
            for here, there in ((left, right), (right, left)):
                for group in here:
                    self._foes.setdefault(group, set()).update(there)
        self.identity = {visit: self.identity[visit] for visit in self._group if visit in self.identity}


def _groups(said: Iterable[Said]) -> dict[int, int]:
    """Every visit that is spoken of → its group, named by one of its visits."""
    name: dict[int, int] = {}

    def root(visit: int) -> int:
        name.setdefault(visit, visit)
        while name[visit] != visit:
            name[visit] = name[name[visit]]
            visit = name[visit]
        return visit

    for one in said:
        for side in one.apart:
            for visit in side:
                root(visit)
        together = [visit for look in one.together for visit in look]
        for visit in together:
            a, b = root(together[0]), root(visit)
            name[max(a, b)] = min(a, b)
    return {visit: root(visit) for visit in list(name)}


def _consistent(said: list[Said]) -> bool:
    group = _groups(said)
    return not any({group[v] for v in one.apart[0]} & {group[v] for v in one.apart[1]} for one in said)
