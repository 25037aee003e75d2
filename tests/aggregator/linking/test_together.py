"""New visits that are weighed at once are weighed as if each had come alone."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking.around import Around
from aggregator.linking.assign import weigh
from aggregator.linking.compare import Limits
from aggregator.linking.ids import IdAllocator
from aggregator.linking.linker import Linker
from aggregator.linking.partition import Partition
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.together import Together
from tests.aggregator.linking.stream import CAMERAS, walks

LIVE = 3000.0
CAUTION = 100.0  # so much that no walk alone says it


@pytest.fixture(scope="module")
def site() -> Partition:
    """Visits of 80 people, linked."""
    linker = Linker(LinkingSettings(), None, IdAllocator())
    for visit in walks(80, seed=3, noise=0.8)[0]:
        linker.observe([visit], 0.0)
    (partition,) = linker._partitions.values()
    return partition


def as_new(site: Partition, rows: np.ndarray) -> np.ndarray:
    """Let some visits be without an identity; those that they had."""
    whose: np.ndarray = site.table.identity[rows].copy()
    site.table.identity[rows] = 0
    return whose


@pytest.mark.parametrize("reentry", [0.0, 600.0])
def test_who_is_weighed_together_is_weighed_as_who_is_weighed_alone(site: Partition, reentry: float) -> None:
    table, limits = site.table, Limits(list(CAMERAS), None, reentry)
    rows = np.arange(200, 300)
    whose = as_new(site, rows)
    around = Around.of(table, rows, LIVE)
    together = Together(table, around, site.evidence, limits, 0.4)
    mates = never = at = 0
    for part in np.split(rows, [1, 2, 5, 6, 9, *range(10, 100)]):  # each is decided before those that follow
        others = np.sort(around.everybody(at))
        within = table.between(table.start[rows].min() - LIVE, table.end[rows].max() + LIVE)
        assert others.tolist() == within[table.identity[within] > 0].tolist()
        for k, row in enumerate(part, at):
            every = weigh(table, np.array([row]), others, site.evidence, limits, 0.4, CAUTION)
            never += int(np.isneginf(every.odds).sum())
            barred = set(every.identity[:1].tolist()) if k % 2 else set[int]()
            (alone,), here = every.candidates([barred]), together.candidates(k, barred)
            assert here.identity.tolist() == alone.identity.tolist()
            assert np.allclose(here.odds, alone.odds, atol=1e-3)
            assert np.allclose(here.walk, alone.walk)
            assert here.visits.tolist() == alone.visits.tolist()
            for name in here.identity.tolist():
                theirs = around.visits_of(table, name, at)
                assert sorted(theirs) == [row for row in others if table.identity[row] == name]
                mates += int(np.isin(theirs, rows).sum())
        table.identity[part] = whose[part - 200]
        for k in range(at, at := at + len(part)):
            together.decide(k, int(whose[k]))
    assert mates > 50
    assert never > (50 if reentry else 0)


def test_the_first_of_all_are_weighed_against_nobody(site: Partition) -> None:
    table = site.table
    rows = np.arange(len(table))
    whose = as_new(site, rows)
    around = Around.of(table, rows[:3], LIVE)
    together = Together(table, around, site.evidence, Limits(list(CAMERAS), None, 0.0), 0.4)
    assert [len(together.candidates(k, set())) for k in range(3)] == [0, 0, 0]
    table.identity[rows] = whose
