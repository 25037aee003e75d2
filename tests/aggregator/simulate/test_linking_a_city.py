"""The whole of linking, with the city as its oracle."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from aggregator.evaluate.scores import idf1
from aggregator.linking.settings import LinkingSettings
from aggregator.simulate.city import City, simulate
from aggregator.simulate.plan import Plan, evaluate
from aggregator.simulate.settings import CitySettings

pytestmark = pytest.mark.slow

SITE = CitySettings(cameras=6, people=110, hours=2.0, seed=1)


@pytest.fixture(scope="module")
def city() -> City:
    return simulate(SITE)


@pytest.fixture(scope="module")
def plan(city: City) -> Plan:
    return evaluate(city, LinkingSettings())


def threshold(city: City, least: float) -> Sequence[int]:
    """The baseline: a visit goes to the identity whose mean is most alike, if that is alike enough."""
    means = np.zeros((len(city), city.embedding.shape[1]), np.float32)
    count, out = 0, []
    for row in city.embedding.astype(np.float32):
        cosine = means[:count] @ row / np.maximum(np.linalg.norm(means[:count], axis=1), 1e-9)
        best = int(cosine.argmax()) if count and cosine.max() >= least else count
        count += best == count
        means[best] += row
        out.append(best)
    return out


def test_it_knows_people_again_far_better_than_a_threshold(city: City, plan: Plan) -> None:
    truth = city.seen.who.tolist()
    best = max(idf1(truth, threshold(city, least)) for least in np.arange(0.4, 0.9, 0.05))
    assert plan.final.idf1 >= 0.88
    assert 1 - plan.final.idf1 < 0.6 * (1 - best)  # though the threshold was chosen by looking at the truth
    assert plan.final.false_links <= 0.1
    assert plan.final.idf1 >= plan.online.idf1 - 0.01


def test_with_a_perfect_network_hardly_a_mistake_is_made() -> None:
    plan = evaluate(simulate(SITE.model_copy(update={"error": 0.05, "groups": 0.0})), LinkingSettings())
    assert plan.final.idf1 >= 0.95
    assert plan.final.false_links <= 0.02


def test_clocks_that_are_off_cost_little_once_the_layout_says_so(plan: Plan) -> None:
    off = simulate(SITE.model_copy(update={"skew": 40.0}))
    assert evaluate(off, LinkingSettings(), off.world.topology()).final.idf1 >= plan.final.idf1 - 0.03


def test_people_dressed_alike_are_harder(plan: Plan) -> None:
    alike = evaluate(simulate(SITE.model_copy(update={"groups": 0.9})), LinkingSettings()).final
    assert 0.55 <= alike.idf1 < plan.final.idf1


def test_truth_is_not_read(city: City, plan: Plan) -> None:
    blind = dataclasses.replace(city, seen=dataclasses.replace(city.seen, who=np.zeros_like(city.seen.who)))
    unseen = evaluate(blind, LinkingSettings()).final
    assert (plan.final.global_ids, plan.final.linked) == (unseen.global_ids, unseen.linked)
