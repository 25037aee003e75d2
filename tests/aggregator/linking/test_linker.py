"""What everybody may rely on, whoever walks where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.linking.repair import solve
from aggregator.visit import Decision, Visit
from tests.aggregator.linking.stream import groups, walks

pytestmark = pytest.mark.slow


def run(linker: Linker, visits: list[Visit], *, repair: bool = True) -> list[Decision]:
    out = []
    for minute in groups(visits, within_s=60.0):
        for group in groups(minute):
            out += linker.observe(group, group[-1].end)
        if repair:
            out += linker.resolve(minute[-1].end)
    return out


def fresh(**settings: float) -> Linker:
    return Linker(LinkingSettings(**settings), None, IdAllocator())


def whose(decisions: list[Decision]) -> tuple[dict[int, int], dict[int, int]]:
    """Visit → identity today; identity → the one it was merged into."""
    identity, merged = {}, {}
    for decision in decisions:
        if decision.operation == "merge":
            merged[decision.other] = decision.identity
        else:
            identity[decision.visit] = decision.identity

    def today(one: int) -> int:
        while one in merged:
            one = merged[one]
        return one

    return {visit: today(one) for visit, one in identity.items()}, merged


def test_what_comes_all_at_once_is_decided_as_if_it_had_come_in_time() -> None:
    visits, _ = walks(150, noise=0.8, every_s=6)
    in_time, at_once = fresh(), fresh()
    expected = [decision for group in groups(visits) for decision in in_time.observe(group, group[-1].end)]
    shuffled = [visits[k] for k in np.random.default_rng(1).permutation(len(visits))]
    found = at_once.observe(shuffled, visits[-1].end)
    assert in_time.site_map() == at_once.site_map()
    assert [(one.visit, one.operation, one.identity) for one in found] == [
        (one.visit, one.operation, one.identity) for one in expected]
    assert [one.confidence for one in found] == pytest.approx([one.confidence for one in expected], abs=1e-3)


@pytest.mark.parametrize("noise", [0.3, 0.9])
@pytest.mark.parametrize("seed", [1, 2])
def test_ids_are_never_used_twice_and_merged_ones_lead_on(seed: int, noise: float) -> None:
    linker = fresh()
    visits, _ = walks(60, seed=seed, noise=noise, every_s=8)
    decisions = run(linker, visits)
    gone: set[int] = set()
    first: set[int] = set()
    for decision in decisions:
        assert decision.identity not in gone  # nobody gets an id that was merged away
        if decision.operation == "new":
            assert decision.identity not in first  # or one that somebody had
        if decision.operation == "merge":
            assert decision.identity < decision.other  # the older stays
            gone.add(decision.other)
        first.add(decision.identity)
    identity, merged = whose(decisions)
    for other in gone:
        assert linker.identity_of(other) not in gone
    assert identity == {visit: one for visit, one, _ in linker.standing()}
    assert merged == linker.merged


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_camera_never_sees_somebody_twice_at_once(seed: int) -> None:
    """Though they look exactly alike."""
    rng = np.random.default_rng(seed)
    look = rng.normal(size=64).astype(np.float32)
    look /= np.linalg.norm(look)
    visits = []
    for number in range(1, 80):
        start = 1e9 + float(rng.uniform(0, 400))
        visits.append(Visit(visit=number, camera=f"c{rng.integers(3)}", start=start, end=start + 30, label="person",
                            frames=9, final=True, model="m", embedding=look))
    visits.sort(key=lambda visit: visit.end)
    identity, _ = whose(run(fresh(caution=-10), visits))
    for k, a in enumerate(visits):
        for b in visits[k + 1:]:
            if a.camera == b.camera and a.start <= b.end and b.start <= a.end:
                assert identity[a.visit] != identity[b.visit]


def test_who_leaves_one_camera_and_enters_the_next_is_one_person() -> None:
    visits, who = walks(60, seed=4, noise=0.3)
    identity, _ = whose(run(fresh(), visits))
    same = [identity[a.visit] == identity[b.visit] for k, a in enumerate(visits) for b in visits[k + 1:]
            if who[a.visit] == who[b.visit]]
    other = [identity[a.visit] == identity[b.visit] for k, a in enumerate(visits) for b in visits[k + 1:]
             if who[a.visit] != who[b.visit]]
    assert np.mean(same) > 0.8
    assert np.mean(other) < 0.01


def test_learning_is_the_same_every_time() -> None:
    visits, _ = walks(50, seed=5)
    assert run(fresh(), visits) == run(fresh(), visits)


@pytest.mark.parametrize("after", [70, 128, 200])
def test_a_restored_linker_decides_as_one_that_never_stopped(after: int) -> None:
    visits, _ = walks(60, seed=6)
    before, later = visits[:after], visits[after:]
    whole = fresh()
    identity, merged = whose(run(whole, before))
    again = Linker(LinkingSettings(), None, IdAllocator())
    again.restore([(visit, identity[visit.visit]) for visit in sorted(before, key=lambda v: v.visit)], merged)
    again.ids.skip(whole.ids.last)
    assert run(again, later, repair=False) == run(whole, later, repair=False)


def test_a_repair_without_news_changes_nothing() -> None:
    linker = fresh()
    visits, _ = walks(40, seed=7)
    run(linker, visits)
    linker.resolve(visits[-1].end)
    assert linker.resolve(visits[-1].end) == []


def test_visits_of_other_networks_and_classes_never_meet() -> None:
    visits, _ = walks(10, seed=8, noise=0.1)
    linker = fresh(caution=-10)
    first, _ = whose(run(linker, visits))
    others = [Visit(visit=v.visit + 1000, camera=v.camera, start=v.start, end=v.end, label="person", frames=50,
                    final=True, model="another", embedding=v.embedding) for v in visits]
    second, _ = whose(run(linker, others))
    assert not set(first.values()) & set(second.values())


def test_what_a_repair_takes_does_not_grow_with_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy site everybody may be somebody; of those seen before, only so many are looked at again."""
    monkeypatch.setattr("aggregator.linking.linker.WHOLE", 200)
    monkeypatch.setattr("aggregator.linking.linker.FIXED", 40)
    together: list[tuple[int, int]] = []

    def watched(*args: Any, **kwargs: Any) -> Any:
        together.append((len(args[1]), len(args[2])))
        return solve(*args, **kwargs)

    monkeypatch.setattr("aggregator.linking.linker.solve", watched)
    linker = Linker(LinkingSettings(resolve_window=120.0), None, IdAllocator())
    visits, _ = walks(150, seed=3, noise=0.8, every_s=2.0)
    for k, visit in enumerate(visits, 1):
        linker.observe([visit], 0.0)
        if k % 90 == 0:
            linker.resolve(0.0)
    assert max(fresh for fresh, _ in together) > 150
    assert max(fixed for _, fixed in together) >= 40
    assert max(fresh + fixed for fresh, fixed in together) <= 240
