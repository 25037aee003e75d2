"""Visits that compete get the identities for which, all in all, most speaks."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from aggregator.linking.assign import NOBODY, Candidates, choose, weigh
from aggregator.linking.compare import Limits
from aggregator.linking.ids import IdAllocator
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from tests.aggregator.linking.stream import CAMERAS, walks


def option(names: list[int], odds: list[float]) -> Candidates:
    order = np.argsort(-np.array(odds), kind="stable")
    return dataclasses.replace(
        NOBODY, identity=np.array(names, np.int64)[order], odds=np.array(odds, np.float32)[order])


def worth(options: list[Candidates], chosen: tuple[int, ...], caution: float) -> float:
    """What speaks for a whole choice; somebody new counts as much as caution asks for."""
    names = [int(one.identity[k]) for one, k in zip(options, chosen, strict=True) if k >= 0]
    if len(set(names)) < len(names):
        return -np.inf
    return sum(caution if k < 0 else float(one.odds[k]) if one.odds[k] > caution else -np.inf
               for one, k in zip(options, chosen, strict=True))


@pytest.mark.parametrize("seed", range(60))
def test_nothing_better_was_possible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    options = []
    for _ in range(int(rng.integers(1, 5))):
        names = rng.permutation(6)[: int(rng.integers(0, 5))].tolist()
        options.append(option(names, rng.normal(1, 3, len(names)).tolist()))
    caution = float(rng.uniform(-1, 3))
    every = itertools.product(*(range(-1, len(one)) for one in options))
    best = max(worth(options, chosen, caution) for chosen in every)
    assert worth(options, tuple(choose(options, caution)), caution) == pytest.approx(best, abs=1e-4)


def test_two_at_once_are_not_one_person() -> None:
    both = [option([7], [5.0]), option([7], [4.0])]
    assert choose(both, 1.0) == [0, -1]


def test_without_anybody_known_all_are_new() -> None:
    assert choose([NOBODY, NOBODY], 1.0) == [-1, -1]


def test_of_whom_nothing_can_come_nothing_is_lost() -> None:
    """Who is left out before times are compared would not have had the odds that matter."""
    linker = Linker(LinkingSettings(), None, IdAllocator())
    visits, _ = walks(60, seed=5, noise=0.8)
    for visit in visits:
        linker.observe([visit], visit.end)
    (partition,) = linker._partitions.values()
    table, least = partition.table, 1.5
    assert partition.evidence.likeliest <= least
    limits = Limits(list(CAMERAS), None, 0.0)
    rows = np.arange(len(table))
    fewer = 0
    for row in rows[-40:]:
        others = rows[:row]
        every = weigh(table, rows[row:row + 1], others, partition.evidence, limits, 0.4, -np.inf)
        some = weigh(table, rows[row:row + 1], others, partition.evidence, limits, 0.4, least)
        matter = every.odds[0] > least
        assert set(every.identity[matter]) <= set(some.identity)
        place = np.searchsorted(every.identity, some.identity)
        np.testing.assert_allclose(some.odds[0], every.odds[0][place], rtol=1e-5)
        np.testing.assert_array_equal(some.visits, every.visits[place])
        fewer += len(every.identity) - len(some.identity)
    assert fewer > 0
