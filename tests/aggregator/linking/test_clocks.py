"""Clocks that are off are found from the stream alone."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.linking.layout import parse_layout
from aggregator.visit import Visit
from tests.aggregator.linking.stream import CAMERAS, MODEL, START, groups, walks

pytestmark = pytest.mark.slow


def offsets(linker: Linker) -> dict[str, float]:
    return {clock.camera: clock.offset for clock in linker.site_map().clocks}


def linked(visits: list) -> tuple[Linker, dict[int, int]]:
    linker, whose = Linker(LinkingSettings(), None, IdAllocator()), {}
    decisions = [decision for group in groups(visits) for decision in linker.observe(group, group[-1].end)]
    decisions += linker.resolve(visits[-1].end, whole=True)
    for decision in decisions:
        if decision.operation != "merge":
            whose[decision.visit] = decision.identity
    return linker, {visit: linker.identity_of(identity) for visit, identity in whose.items()}


@pytest.mark.parametrize(("off", "seed"), [
    ({"yard": 75.0}, 1), ({"hall": -120.0}, 2), ({"shop": 75.0, "dock": -40.0}, 3), ({}, 4)])
def test_offsets_are_found_within_three_seconds(off: dict[str, float], seed: int) -> None:
    clock = {camera: (lambda _, by=by: by) for camera, by in off.items()}
    visits, _ = walks(120, seed=seed, clock=clock)
    found = offsets(linked(visits)[0])
    # Only differences can be known: what two of four agree on is taken for right.
    error = np.array([found[camera] + off.get(camera, 0.0) for camera in CAMERAS])
    assert np.abs(error - np.median(error)).max() <= 3.0


def test_links_are_as_good_as_with_right_clocks() -> None:
    right, who = walks(120, seed=3)
    wrong, whose_wrong = walks(120, seed=3, clock={"shop": lambda _: 75.0, "dock": lambda _: -40.0})

    def good(visits: list, truth: dict[int, int]) -> float:
        whose = linked(visits)[1]
        pairs = [(whose[a.visit] == whose[b.visit]) == (truth[a.visit] == truth[b.visit])
                 for k, a in enumerate(visits) for b in visits[k + 1 : k + 40]]
        return float(np.mean(pairs))

    assert good(wrong, whose_wrong) >= good(right, who) - 0.01


def test_few_people_say_nothing_of_clocks() -> None:
    visits, _ = walks(6, seed=5, clock={"yard": lambda _: 75.0})
    assert set(offsets(linked(visits)[0]).values()) == {0.0}


def test_a_last_look_at_few_of_many_visits_forgets_no_clock() -> None:
    """A sample of everything holds so few visits of one person that it says nothing of clocks by itself."""
    visits, _ = walks(250, seed=7, clock={"shop": lambda _: 75.0})
    linker = Linker(LinkingSettings(sample=400), None, IdAllocator())
    for group in groups(visits):
        linker.observe(group, group[-1].end)
    before = {clock.camera: clock.offset for clock in linker.site_map().clocks}
    assert before["shop"] == pytest.approx(-75, abs=3)
    (partition,) = linker._partitions.values()
    partition.learn_whole(len(CAMERAS), 120)
    after = {clock.camera: clock.offset for clock in linker.site_map().clocks}
    assert after["shop"] == pytest.approx(-75, abs=3)


def one_way(route: tuple[str, ...], *, people: int = 150, turn: int | None = None, seed: int = 1) -> list[Visit]:
    """Everybody goes through all cameras, a walk of 20 s each; from the person `turn` on, back."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        look = rng.normal(size=64)
        look /= np.linalg.norm(look)
        time = START + 20.0 * person + rng.normal()
        for camera in route if turn is None or person < turn else reversed(route):
            stay = rng.uniform(3, 8)
            rows.append((time, time + stay, camera, look + 0.5 * rng.normal(size=64) / 8))
            time += stay + 20.0 * rng.lognormal(0, 0.15)
    return [
        Visit(visit=k, camera=camera, start=start, end=end, label="person", frames=50, final=True, model=MODEL,
              embedding=(vector / np.linalg.norm(vector)).astype(np.float32))
        for k, (start, end, camera, vector) in enumerate(sorted(rows, key=lambda row: row[1]), 1)]


@pytest.mark.parametrize(("route", "turn"), [
    (("door", "hall"), None), (("door", "hall", "exit"), None), (CAMERAS, None), (CAMERAS, 150)],
    ids=["two cameras", "three cameras", "four cameras", "in, and later out"])
def test_people_who_all_walk_one_way_are_no_clocks_that_are_off(route: tuple[str, ...], turn: int | None) -> None:
    linker, _ = linked(one_way(route, people=150 if turn is None else 300, turn=turn))
    assert set(offsets(linker).values()) == {0.0}
    assert linker.notices() == []


def test_with_a_layout_its_word_on_clocks_holds() -> None:
    visits, _ = walks(120, seed=1, clock={"yard": lambda _: 75.0})
    linker = Linker(LinkingSettings(), parse_layout("offset hall 1.5\nhall yard 1 300"), IdAllocator())
    for group in groups(visits):
        linker.observe(group, group[-1].end)
    assert offsets(linker) == {camera: 1.5 * (camera == "hall") for camera in CAMERAS}
