"""Visits that compete get the identities for which, all in all, most speaks."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from aggregator.linking.assign import NOBODY, Candidates, choose


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
