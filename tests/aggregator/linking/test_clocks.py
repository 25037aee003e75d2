"""Clocks that are off are found from the stream alone."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking import IdAllocator, Linker, LinkingSettings
from tests.aggregator.linking.stream import CAMERAS, groups, walks


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
