"""What people said holds, whatever is decided later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.linking.constraints import Constraints, Said
from aggregator.linking.repair import Repair, join
from aggregator.visit import Decision, Visit

pytestmark = pytest.mark.slow

MODEL = "m"
DIMENSIONS = 64


def look(person: int, noise: float, seed: int) -> np.ndarray:
    vector = np.random.default_rng(person).normal(size=DIMENSIONS)
    vector /= np.linalg.norm(vector)
    vector += noise * np.random.default_rng((person, seed)).normal(size=DIMENSIONS) / np.sqrt(DIMENSIONS)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def visit(number: int, person: int, start: float, camera: str, noise: float = 0.3) -> Visit:
    return Visit(visit=number, camera=camera, start=start, end=start + 5, label="person", frames=50, final=True,
                 model=MODEL, embedding=look(person, noise, number))


def stream(people: int, rounds: int = 3) -> list[Visit]:
    """`people` walk round three cameras, one after the other."""
    visits = []
    for turn in range(rounds):
        for person in range(1, people + 1):
            start = 1000.0 + 300 * turn + 20 * person
            visits.append(visit(len(visits) + 1, person, start, f"c{turn % 3}"))
    return visits


class Site:
    """A linker and what is known outside of it."""

    def __init__(self, **options: float) -> None:
        self.linker = Linker(LinkingSettings(**options), None, IdAllocator())
        self.identity: dict[int, int] = {}

    def take(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            if decision.operation == "merge":
                self.identity.update((v, decision.identity) for v, i in self.identity.items() if i == decision.other)
            else:
                self.identity[decision.visit] = decision.identity

    def see(self, visits: list[Visit]) -> None:
        for one in visits:
            self.take(self.linker.observe([one], one.end))

    def resolve(self, whole: bool = False) -> None:
        self.take(self.linker.resolve(0.0, whole=whole))

    def say(self, said: Said, decisions: list[Decision]) -> None:
        mentioned = {*sum(said.together, ()), *said.apart[0], *said.apart[1]}
        known = {v: self.identity[v] for v in mentioned}
        self.linker.correct(decisions, said=[said], identity=known)
        self.take(decisions)

    def of(self, identity: int) -> set[int]:
        return {v for v, i in self.identity.items() if i == identity}


def split(visit: int, identity: int, other: int) -> Decision:
    return Decision(operation="split", visit=visit, identity=identity, other=other, score=0.0, confidence=1.0)


def merge(identity: int, other: int) -> Decision:
    return Decision(operation="merge", visit=0, identity=identity, other=other, score=0.0, confidence=1.0)


def walked(people: int = 12, rounds: int = 3) -> Site:
    site = Site()
    site.see(stream(people, rounds))
    site.resolve(whole=True)
    assert len(set(site.identity.values())) == people, "the scene is easy: everybody is one identity"
    return site


def test_what_a_person_took_apart_is_not_joined_again() -> None:
    site = walked()
    whose = site.identity[3]
    rest = site.of(whose) - {3}
    new = site.linker.ids.take()
    site.say(Said(number=1, apart=((3,), tuple(rest))), [split(3, new, whose)])
    site.see([visit(900, 3, 1960.0, "c0")])
    for _ in range(3):
        site.resolve(whole=True)
    assert site.identity[3] not in {site.identity[v] for v in rest}
    assert site.identity[900] in {site.identity[3], *(site.identity[v] for v in rest)}


def test_without_the_word_of_a_person_it_would_be_joined_again() -> None:
    site = walked()
    whose = site.identity[3]
    apart = split(3, site.linker.ids.take(), whose)
    site.linker.correct([apart])
    site.take([apart])
    site.resolve(whole=True)
    assert site.identity[3] == whose


def test_what_a_person_joined_is_not_taken_apart_again_and_draws_what_comes_after() -> None:
    site = walked()
    a, b = site.identity[1], site.identity[2]
    said = Said(number=1, together=(tuple(site.of(a)), tuple(site.of(b))))
    site.say(said, [merge(a, b)])
    site.see([visit(900, 1, 1920.0, "c0"), visit(901, 2, 1940.0, "c0")])
    for _ in range(3):
        site.resolve(whole=True)
    assert {site.identity[v] for look in said.together for v in look} == {a}
    assert site.identity[900] == site.identity[901] == a


def test_without_the_word_of_a_person_it_would_be_taken_apart_again() -> None:
    site = walked()
    a, b = site.identity[1], site.identity[2]
    both = site.of(a) | site.of(b)
    site.linker.correct([merge(a, b)])
    site.take([merge(a, b)])
    site.resolve(whole=True)
    assert len({site.identity[v] for v in both}) == 2


def test_a_visit_that_is_not_that_person_is_decided_again_among_the_others() -> None:
    site = walked()
    whose = site.identity[3]
    said = Said(number=1, apart=((3,), tuple(site.of(whose) - {3})))
    site.linker.correct([], said=[said], identity=dict(site.identity))
    decision = site.linker.redecide(3)
    assert decision is not None
    assert decision.identity != whose
    assert whose not in {rival.identity for rival in decision.rivals}
    site.take([decision])
    site.resolve(whole=True)
    assert site.identity[3] not in {site.identity[v] for v in said.apart[1]}


def test_whom_a_person_named_before_they_were_mature_is_found_again() -> None:
    site = walked()
    young = replace(visit(800, 50, 1930.0, "c0"), frames=1)
    site.see([young])
    assert 800 not in site.identity
    new = site.linker.ids.take()
    site.linker.correct([split(800, new, 0)])
    site.see([visit(900, 50, 1965.0, "c1")])
    assert site.identity[900] == new


def test_what_was_undone_holds_no_more() -> None:
    site = walked()
    whose = site.identity[3]
    new = site.linker.ids.take()
    site.say(Said(number=1, apart=((3,), tuple(site.of(whose) - {3}))), [split(3, new, whose)])
    site.linker.correct([], undone=1)
    site.resolve(whole=True)
    assert site.identity[3] == whose


def test_what_was_said_holds_for_visits_that_are_forgotten() -> None:
    """Days later nothing of the old visits is compared any more, and still nobody is taken for whom they are not."""
    site = Site(time_to_live=500.0)
    site.see(stream(12))
    site.resolve(whole=True)
    whose = site.identity[3]
    old = site.of(whose)
    fresh = [visit(900, 3, 1500.0, "c0"), visit(901, 3, 1900.0, "c1")]
    site.see(fresh)
    assert {site.identity[900], site.identity[901]} == {whose}
    new = site.linker.ids.take()
    site.say(Said(number=1, apart=((901,), tuple(old))), [split(901, new, whose)])
    for partition in site.linker._partitions.values():
        keep = np.flatnonzero(~np.isin(partition.table.visit, list(old)))
        partition.table.keep(keep)
    for _ in range(3):
        site.resolve(whole=True)
    assert site.identity[901] not in {site.identity[v] for v in old}


def test_what_cannot_both_be_is_found_over_several_corrections() -> None:
    said = Constraints()
    said.say([Said(number=1, together=((1, 2),)), Said(number=2, together=((2,), (3,)))], {})
    assert said.contradicts(Said(number=3, apart=((1,), (3,)))) == 2
    assert said.contradicts(Said(number=3, apart=((1,), (4,)))) is None
    said.say([Said(number=3, apart=((1,), (4,)))], {})
    assert said.contradicts(Said(number=4, together=((3, 4),))) == 3
    said.take_back(2)
    assert said.contradicts(Said(number=4, together=((3, 4),))) is None


def test_the_pairs_are_those_of_the_rows_that_are_there() -> None:
    said = Constraints()
    said.say([Said(number=1, together=((1, 2),)), Said(number=2, apart=((2,), (3, 4)))], {})
    group, apart = said.among(np.array([9, 2, 1, 4]))
    assert group.tolist() == [-1, 1, 1, 4]
    assert {tuple(pair) for pair in apart.tolist()} == {(1, 3), (3, 1)}
    assert said.among(np.array([9]))[1].shape == (0, 2)


def test_nodes_are_joined_through_others() -> None:
    assert join(np.array([0, 1, 2, 3, 3]), np.array([5, -1, 6, 5, 6])).tolist() == [0, 1, 0, 0, 0]


def oracle(said: list[Said], identity: Mapping[int, int]) -> bool:
    """Whether a state contradicts nobody, pair by pair."""
    return all(len({identity[v] for look in one.together for v in look}) <= 1 for one in said) and \
        not any(identity[a] == identity[b] for one in said for a in one.apart[0] for b in one.apart[1])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_repair_that_is_let_through_contradicts_anybody(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 10))
    identity = {v: data.draw(st.integers(1, 4)) for v in range(1, count + 1)}
    numbers = st.lists(st.integers(1, count), max_size=3, unique=True)
    said = [Said(number=n, together=tuple(data.draw(st.lists(numbers, max_size=2))), apart=(tuple(data.draw(numbers)),
                                                                     tuple(data.draw(numbers))))
            for n in range(1, data.draw(st.integers(1, 4)) + 1)]
    kept = Constraints()
    kept.say(said, identity)
    if not oracle(said, identity):
        return
    rows = data.draw(st.lists(st.integers(1, count), unique=True, min_size=1))
    moves = [(row, identity[v], data.draw(st.sampled_from([0, 1, 2, 3, 4])), data.draw(st.integers(0, 2)))
             for row, v in enumerate(rows) if data.draw(st.booleans())]
    merges = data.draw(st.sampled_from([[], [(1, 2)], [(1, 3), (2, 4)]]))
    repair = kept.allow(Repair(moves, merges), np.array(rows), lambda one: one)
    after = dict(identity)
    after.update((rows[row], to or -1 - group) for row, _, to, group in repair.moves)
    for stays, folded in repair.merges:
        after = {v: stays if i == folded else i for v, i in after.items()}
    assert oracle(said, after)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_people_say_holds_after_every_repair(data: st.DataObject) -> None:
    site = Site()
    visits = stream(5)
    site.see(visits[:9])
    said: list[Said] = []
    for number in range(1, data.draw(st.integers(1, 4)) + 1):
        names = sorted(set(site.identity.values()))
        if data.draw(st.booleans()) and len(names) > 1:
            a, b = sorted(data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)))
            one = Said(number=number, together=(tuple(site.of(a)), tuple(site.of(b))))
            decisions = [merge(a, b)]
        else:
            several = [name for name in names if len(site.of(name)) > 1]
            if not several:
                continue
            whose = data.draw(st.sampled_from(several))
            leaves = data.draw(st.sampled_from(sorted(site.of(whose))))
            one = Said(number=number, apart=((leaves,), tuple(site.of(whose) - {leaves})))
            decisions = [split(leaves, site.linker.ids.take(), whose)]
        if site.linker.constraints.contradicts(one) is None:
            site.say(one, decisions)
            said.append(one)
        assert oracle(said, site.identity)
        site.resolve(whole=data.draw(st.booleans()))
        assert oracle(said, site.identity)
    for later in visits[9:]:
        site.see([later])
    site.resolve(whole=True)
    assert oracle(said, site.identity)
    assert {v: i for v, i, _ in site.linker.standing()} == {v: i for v, i in site.identity.items() if i}
