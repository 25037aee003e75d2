"""From what was asked to what it means for visits, and from there to decisions. The same for a running site and for
one that is replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from aggregator.corrections.asked import Asked, CorrectionError
from aggregator.linking.constraints import Said
from aggregator.linking.linker import Linker
from aggregator.store.records import Changed, CorrectionRow
from aggregator.store.rows import IdentityRow, Member, VisitRow
from aggregator.visit import Decision, Operation, global_id


class Holdings(Protocol):
    """Which visits an identity has; the store's reader knows it, and so does a replay."""

    def members(self, identity: int) -> list[Member]:
        """In the order of their start."""
        ...

    def resolve(self, identity: int) -> int:
        """The number under which an identity goes today."""
        ...

    def whose(self, visit: int) -> int:
        """A visit's identity; 0 for none."""
        ...


class Facts(Holdings, Protocol):
    """What must be known to understand a correction."""

    def identity(self, identity: int) -> IdentityRow | None:
        """One identity, or the one it was merged into."""
        ...

    def visit(self, visit: int) -> VisitRow | None:
        """One visit."""
        ...

    def corrections(self) -> list[CorrectionRow]:
        """All of them, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a correction means for visits.

    Attributes:
        asked: what a person said.
        said: what holds from now on, with the correction's number; of an undo nothing.
        identity: current ones of the visits that `said` speaks of.
        undoes: the correction that is taken back.
    """

    asked: Asked
    said: Said
    identity: dict[int, int] = field(default_factory=dict)
    undoes: CorrectionRow | None = None


def understand(asked: Asked, number: int, facts: Facts, contradicts: Callable[[Said], int | None]) -> Meant:
    """What correction `number` means.

    Args:
        asked: by a person.
        number: it gets.
        facts: how things stand.
        contradicts: the number of an earlier correction that cannot hold together with what is said; None for none.

    Raises:
        CorrectionError: it names what is not there, says nothing new, or contradicts what was said before.
    """
    if asked.operation == "undo":
        row = _to_undo(asked.number, facts.corrections())
        return Meant(asked=asked, said=Said(number=number), undoes=row)
    if asked.operation == "merge":
        meant = _merge(asked, number, facts)
    elif asked.operation == "split":
        meant = _split(asked, number, facts)
    elif asked.operation == "confirm":
        meant = _confirm(asked, number, facts)
    else:
        meant = _reject(asked, number, facts)
    earlier = contradicts(meant.said)
    if earlier is not None:
        row = next(row for row in facts.corrections() if row.correction == earlier)
        raise CorrectionError(409, "contradicts", f"correction {earlier} ({row.operation} by {row.who}) says otherwise",
                              cure=f"undo that first: aggregator correct undo {earlier}")
    return meant


def carry_out(meant: Meant, linker: Linker, holdings: Holdings) -> list[Decision]:
    """Let the linker keep to it; the decisions that follow, to be written to the store."""
    number, asked = meant.said.number, meant.asked
    reason: dict[str, float | str] = {"correction": float(number), "who": asked.who}
    if meant.undoes is not None:
        decisions = _undo(meant.undoes, holdings, reason)
        linker.correct(decisions, undone=meant.undoes.correction)
        return decisions
    if asked.operation == "reject":
        linker.correct([], said=[meant.said], identity=meant.identity)
        return _decide_again(meant, linker, reason)
    decisions = enforce(meant.said, meant.identity, linker.ids.take, reason)
    if asked.operation == "confirm":
        stays = min(meant.identity.values())
        decisions += [_people_say("confirm", visit, stays, 0, reason)
                      for visit in ([asked.visit] if asked.visit is not None else sorted(meant.identity))]
    linker.correct(decisions, said=[meant.said], identity=meant.identity)
    return decisions


def changes(decisions: Sequence[Decision], holdings: Holdings) -> tuple[tuple[Changed, ...], tuple[int, ...]]:
    """What decisions change while all is still as `holdings` have it, and the identities that they fold into others."""
    changed: dict[int, Changed] = {}
    folded = []
    for decision in decisions:
        before = decision.other or decision.identity
        if decision.operation == "merge":
            folded.append(before)
        for member in holdings.members(before):
            if decision.operation == "merge" or member.visit == decision.visit:
                changed.setdefault(member.visit, Changed(
                    visit=member.visit, before=before, certainty=member.certainty, after=decision.identity))
    return tuple(changed.values()), tuple(folded)


def enforce(said: Said, identity: dict[int, int], take: Callable[[], int],
            reason: dict[str, float | str]) -> list[Decision]:
    """The decisions that make `said` true: the oldest identity stays, what must leave gets a new one."""
    decisions = []
    together = [visit for look in said.together for visit in look]
    names = sorted({identity[visit] for visit in together})
    for name in names[1:]:
        latest = [visit for visit in together if identity[visit] == name][-1]
        decisions.append(_people_say("merge", latest, names[0], name, reason))
    left, right = said.apart
    stay = {identity[visit] for visit in right}
    born: dict[int, int] = {}
    for visit in left:
        whose = identity[visit]
        if whose in stay:
            if whose not in born:
                born[whose] = take()
            decisions.append(_people_say("split", visit, born[whose], whose, reason))
    return decisions


def _merge(asked: Asked, number: int, facts: Facts) -> Meant:
    names = list(dict.fromkeys(_whose(one, facts) for one in asked.identities))
    if len(names) < 2:
        shown = ", ".join(global_id(one) for one in asked.identities)
        raise CorrectionError(409, "already", f"{shown} are one identity already", field="identities")
    looks = tuple(tuple(member.visit for member in facts.members(name)) for name in names)
    identity = {visit: name for name, look in zip(names, looks, strict=True) for visit in look}
    return Meant(asked=asked, said=Said(number=number, together=looks), identity=identity)


def _split(asked: Asked, number: int, facts: Facts) -> Meant:
    (name,) = (_whose(one, facts) for one in asked.identities)
    members = facts.members(name)
    if asked.visit is not None:
        _belongs(asked.visit, name, facts)
        left = tuple(m.visit for m in members if m.visit == asked.visit)
        what = f"visit {asked.visit}"
    else:
        assert asked.after is not None
        left = tuple(m.visit for m in members if m.start >= asked.after)
        what = "what came after that time"
    right = tuple(m.visit for m in members if m.visit not in left)
    if not left or not right:
        raise CorrectionError(409, "nothing_to_split", f"{what} is {'nothing' if not left else 'all'} of "
                              f"{global_id(name)}", field="visit" if asked.visit is not None else "after",
                              cure=f"see its visits: aggregator query visits --identity {global_id(name)}")
    return Meant(asked=asked, said=Said(number=number, apart=(left, right)),
                 identity=dict.fromkeys((*left, *right), name))


def _confirm(asked: Asked, number: int, facts: Facts) -> Meant:
    (name,) = (_whose(one, facts) for one in asked.identities)
    visits = [member.visit for member in facts.members(name)]
    if asked.visit is not None:
        _belongs(asked.visit, name, facts)
        # To be G17 is to be with the visit that it began with.
        visits = [asked.visit, *[visit for visit in visits if visit != asked.visit][:1]]
    return Meant(asked=asked, said=Said(number=number, together=(tuple(visits),)),
                 identity=dict.fromkeys(visits, name))


def _reject(asked: Asked, number: int, facts: Facts) -> Meant:
    assert asked.visit is not None
    row = _the_visit(asked.visit, facts)
    if row.identity is None:
        raise CorrectionError(409, "no_identity", f"visit {row.visit} is nobody's yet", field="visit")
    right = tuple(m.visit for m in facts.members(row.identity) if m.visit != row.visit)
    if not right:
        raise CorrectionError(409, "alone", f"visit {row.visit} is all there is of {global_id(row.identity)}",
                              field="visit")
    return Meant(asked=asked, said=Said(number=number, apart=((row.visit,), right)),
                 identity=dict.fromkeys((row.visit, *right), row.identity))


def _to_undo(number: int | None, rows: list[CorrectionRow]) -> CorrectionRow:
    standing = [row for row in rows if row.stands]
    if number is None:
        if not standing:
            raise CorrectionError(409, "nothing_to_undo", "there is no correction that stands")
        return standing[-1]
    row = next((row for row in rows if row.correction == number), None)
    if row is None:
        raise CorrectionError(404, "not_found", f"there is no correction {number}", field="number",
                              cure="see: aggregator correct list")
    if row.operation == "undo":
        raise CorrectionError(409, "is_undo", f"correction {number} took correction {row.undoes} back", field="number",
                              cure="say again what you want to hold")
    if row.undone is not None:
        raise CorrectionError(409, "already", f"correction {number} was undone by {row.undone}", field="number")
    touched = row.visits()
    later = [other for other in standing if other.correction > number and touched & other.visits()]
    if later:
        last = later[-1]
        raise CorrectionError(
            409, "touched_since", f"correction {last.correction} ({last.operation} by {last.who}) came later and "
            f"touches the same visits as {number}", field="number",
            cure=f"undo that first: aggregator correct undo {last.correction}")
    return row


def _undo(row: CorrectionRow, holdings: Holdings, reason: dict[str, float | str]) -> list[Decision]:
    decisions, left = [], dict[int, set[int]]()
    for change in row.changed:
        goes = change.before if change.before in row.folded else holdings.resolve(change.before)
        whose = holdings.whose(change.visit)  # a repair may have moved it on since
        decisions.append(Decision(
            operation="restore", visit=change.visit, identity=goes, other=whose if whose != goes else 0, score=0.0,
            confidence=change.certainty, reason=reason))
        if whose != goes:
            left.setdefault(whose, set()).add(change.visit)
    for name, visits in left.items():
        # Who knows the number that it had meanwhile finds it all the same.
        if all(member.visit in visits for member in holdings.members(name)):
            last = next(d for d in reversed(decisions) if d.visit in visits)
            decisions.append(_people_say("merge", last.visit, last.identity, name, reason))
    return decisions


def _decide_again(meant: Meant, linker: Linker, reason: dict[str, float | str]) -> list[Decision]:
    decisions = []
    left, right = meant.said.apart
    for visit in left:
        whose = meant.identity[visit]
        if whose not in {meant.identity[other] for other in right}:
            continue
        found = linker.redecide(visit)
        if found is None:
            found = _people_say("split", visit, linker.ids.take(), whose, reason)
            linker.correct([found])
        decisions.append(replace(found, operation="split", other=whose, reason={**found.reason, **reason}))
    return decisions


def _people_say(
    operation: Operation, visit: int, identity: int, other: int, reason: dict[str, float | str]
) -> Decision:
    return Decision(operation=operation, visit=visit, identity=identity, other=other,
                    score=0.0, confidence=1.0, reason=reason)


def _whose(identity: int, facts: Facts) -> int:
    row = facts.identity(identity)
    if row is None or not row.visits:
        raise CorrectionError(404, "not_found", f"there is no identity {global_id(identity)}", field="identities",
                              cure="see: aggregator query identities")
    return row.identity


def _the_visit(visit: int, facts: Facts) -> VisitRow:
    row = facts.visit(visit)
    if row is None:
        raise CorrectionError(404, "not_found", f"there is no visit {visit}", field="visit",
                              cure="see: aggregator query visits")
    return row


def _belongs(visit: int, identity: int, facts: Facts) -> None:
    row = _the_visit(visit, facts)
    if row.identity != identity:
        whose = "nobody's yet" if row.identity is None else f"{global_id(row.identity)}'s"
        raise CorrectionError(409, "not_theirs", f"visit {visit} is {whose}, not {global_id(identity)}'s",
                              field="visit", cure=f"see: aggregator query why {visit}")
