"""A past run made again from the store: the same visits, repairs and corrections at the same moments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aggregator.corrections.asked import Asked
from aggregator.corrections.plan import Meant, carry_out, changes
from aggregator.engine.recorder import read_description
from aggregator.linking.constraints import Said
from aggregator.linking.ids import IdAllocator
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.topology import Topology
from aggregator.store.records import CorrectionRow, Moment
from aggregator.store.rows import LogRow, Member
from aggregator.visit import Decision, Visit
from common.settings import from_mapping

TOLERANCE = 1e-4
"""How far scores and confidences may lie apart: another processor adds in another order."""

MakeLinker = Callable[[LinkingSettings, Topology | None, IdAllocator], Linker]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be other than it was.

    Attributes:
        settings: of linking, by name, over those that were in force.
        layout: instead of the one that was; None leaves it.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    layout: Topology | None = None

    def __bool__(self) -> bool:
        return bool(self.settings) or self.layout is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A moment from which came what did not come then."""

    moment: int
    kind: str
    recorded: tuple[LogRow, ...]
    again: tuple[Decision, ...]


class Standing:
    """Whose every visit is, after the decisions so far."""

    def __init__(self) -> None:
        self.identity: dict[int, int] = {}
        self.merged: dict[int, int] = {}
        self.certainty: dict[int, float] = {}
        self.start: dict[int, float] = {}
        self.last = 0

    def apply(self, decision: Decision | LogRow) -> None:
        """Carry out one decision, as the store does."""
        self.last = max(self.last, decision.identity)
        if decision.operation == "merge":
            self.merged[decision.other] = decision.identity
            for member in self.members(decision.other):
                self.identity[member.visit] = decision.identity
            return
        if decision.operation == "retract":
            self.identity.pop(decision.visit, None)
            return
        if decision.operation == "restore":
            self.merged.pop(decision.identity, None)
        self.identity[decision.visit] = decision.identity
        self.certainty[decision.visit] = decision.confidence

    def members(self, identity: int) -> list[Member]:
        """In the order of their start."""
        found = [Member(visit=visit, start=self.start.get(visit, 0.0), certainty=self.certainty.get(visit, 0.0))
                 for visit, name in self.identity.items() if name == identity]
        return sorted(found, key=lambda member: (member.start, member.visit))

    def resolve(self, identity: int) -> int:
        """The number under which an identity goes now."""
        while identity in self.merged:
            identity = self.merged[identity]
        return identity

    def whose(self, visit: int) -> int:
        """A visit's identity; 0 for none."""
        return self.identity.get(visit, 0)


class Rerun:
    """Makes a run again.

    Args:
        log: every decision of the store, in order.
        corrections: every correction.
        changes: what is to be other than it was.
        make: makes a linker.

    Attributes:
        differences: moments from which came something else; not looked for when anything is changed.
        recorded, again: how things stood at the end then, and stand now.
        visits: latest form of each, by number.
        counts: moments by kind, and `decisions`.
    """

    def __init__(self, log: Iterable[LogRow], corrections: Iterable[CorrectionRow], changes: Changes = Changes(),
                 make: MakeLinker = Linker) -> None:
        self.differences: list[Difference] = []
        self.recorded, self.again = Standing(), Standing()
        self.visits: dict[int, Visit] = {}
        self.counts: Counter[str] = Counter()
        self._log: Iterator[LogRow] = iter(log)
        self._corrections = {row.correction: row for row in corrections}
        self._done: list[int] = []
        self._carried: dict[int, CorrectionRow] = {}
        self._changes = changes
        self._make = make
        self._linker: Linker | None = None

    def take(self, moment: Moment) -> None:
        """The next moment.

        Raises:
            ConfigError: settings that this release does not know, or that cannot be.
        """
        self.counts[moment.kind] += 1
        recorded = tuple(row for _, row in zip(range(moment.decisions), self._log, strict=False))
        for visit in moment.visits:
            self.visits[visit.visit] = visit
            for standing in (self.recorded, self.again):
                standing.start[visit.visit] = visit.start
        if moment.kind == "keep":  # with decisions: what an older release left
            again: list[Decision] | tuple[LogRow, ...] = recorded
        else:
            again = self._decide(moment)
        self.counts["decisions"] += len(again)
        for row in recorded:
            self.recorded.apply(row)
        for decision in again:
            self.again.apply(decision)
        if moment.kind != "keep" and not self._changes and not same(recorded, again):
            self.differences.append(Difference(
                moment=sum(n for kind, n in self.counts.items() if kind != "decisions"), kind=moment.kind,
                # Of other moments than `keep` these are decisions.
                recorded=recorded, again=tuple(again)))  # type: ignore[arg-type]

    def _decide(self, moment: Moment) -> list[Decision]:
        if moment.kind == "start":
            self._start(moment.data)
            return []
        assert self._linker is not None
        if moment.kind == "observe":
            return self._linker.observe(moment.visits, moment.time)
        if moment.kind == "resolve":
            return self._linker.resolve(moment.time)
        return self._correct(self._corrections[moment.data["correction"]])

    def _start(self, data: Mapping[str, Any]) -> None:
        settings = from_mapping({**data["settings"], **self._changes.settings}, LinkingSettings,
                                "the replayed settings")
        layout = self._changes.layout or (read_description(data["layout"]) if data["layout"] else None)
        linker = self._make(settings, layout, IdAllocator(max(self.again.last, data["last"])))
        rows = ((self.visits[number], self.again.whose(number)) for number in sorted(self.visits))
        merged = {name: self.again.resolve(name) for name in self.again.merged}
        taken_back = {self._corrections[number].undoes for number in self._done}
        said = [self._said(self._corrections[number]) for number in self._done
                if number not in taken_back and self._corrections[number].undoes is None]
        linker.restore(rows, merged, said)
        self._linker = linker

    def _correct(self, row: CorrectionRow) -> list[Decision]:
        assert self._linker is not None
        self._done.append(row.correction)
        # What it changed here is not what it changed then, where anything is other than it was.
        undoes = None if row.undoes is None else self._carried.get(row.undoes)
        if row.undoes is not None and undoes is None:
            return []
        one = row.changed[0].visit if row.operation == "confirm" and len(row.changed) == 1 else None
        said = self._said(row)
        spoken = [visit for group in (*said.together, *said.apart) for visit in group]
        if undoes is None and not spoken:
            return []
        decisions = carry_out(Meant(
            asked=Asked(operation=row.operation, who=row.who, visit=one), said=said, undoes=undoes,
            identity={visit: self.again.whose(visit) for visit in spoken}), self._linker, self.again)
        changed, folded = changes(decisions, self.again)
        self._carried[row.correction] = replace(row, changed=changed, folded=folded)
        return decisions

    def _said(self, row: CorrectionRow) -> Said:
        """With other settings, visits may have no identity of which something could be said."""
        def known(group: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(visit for visit in group if self.again.whose(visit))

        looks = tuple(look for look in map(known, row.together) if look)
        return Said(number=row.correction, together=looks, apart=(known(row.apart[0]), known(row.apart[1])))


def same(recorded: Iterable[LogRow], again: Iterable[Decision | LogRow]) -> bool:
    """Whether decisions are those of the log."""
    recorded, again = list(recorded), list(again)
    return len(recorded) == len(again) and all(
        (a.operation, a.visit, a.identity, a.other) == (b.operation, b.visit, b.identity, b.other)
        and abs(a.score - b.score) <= TOLERANCE * max(1.0, abs(a.score))
        and abs(a.confidence - b.confidence) <= TOLERANCE for a, b in zip(recorded, again, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two ways to say who every visit is.

    Attributes:
        visits: that have an identity in either.
        before, after: identities.
        moved: visits that are not with those they were with: the identities matched by what they share.
        joined: how many times visits of two identities came into one.
        cut: how many times visits of one identity came into two.
        examples: visit, identity before and after (0: none) of those that moved, in order.
    """

    visits: int
    before: int
    after: int
    joined: int
    cut: int
    examples: tuple[tuple[int, int, int], ...]

    @property
    def moved(self) -> int:
        """How many."""
        return len(self.examples)


def compare(before: Mapping[int, int], after: Mapping[int, int]) -> Comparison:
    """Compare identities by visit. Names do not matter, only who is with whom."""
    visits = sorted({*before, *after})
    shared = Counter((before.get(visit, 0), after.get(visit, 0)) for visit in visits)
    shared = Counter({pair: count for pair, count in shared.items() if all(pair)})
    mate: dict[int, int] = {}
    taken: set[int] = set()
    for (old, new), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if old not in mate and new not in taken:
            mate[old] = new
            taken.add(new)
    parts_of_old, parts_of_new = Counter(old for old, _ in shared), Counter(new for _, new in shared)
    moved = [(visit, before.get(visit, 0), after.get(visit, 0)) for visit in visits]
    return Comparison(
        visits=len(visits), before=len(set(before.values())), after=len(set(after.values())),
        joined=sum(parts_of_new.values()) - len(parts_of_new), cut=sum(parts_of_old.values()) - len(parts_of_old),
        examples=tuple((visit, old, new) for visit, old, new in moved
                       if not old or not new or mate.get(old) != new))
