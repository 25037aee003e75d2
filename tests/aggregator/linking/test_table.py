"""What visits are compared by is always what they look like now."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.linking.table import VisitTable
from tests.aggregator.linking.stream import walks


def test_who_looks_as_before_is_not_placed_again_and_who_does_not_is(monkeypatch: pytest.MonkeyPatch) -> None:
    linker = Linker(LinkingSettings(), None, IdAllocator())
    visits, _ = walks(30, seed=1)
    for visit in visits:
        linker.observe([visit], visit.end)
    (partition,) = linker._partitions.values()
    table, placed = partition.table, list[int]()
    take = VisitTable.take

    def noted(self: VisitTable, rows: np.ndarray, *how: np.ndarray) -> None:
        placed.extend(rows.tolist())
        take(self, rows, *how)

    monkeypatch.setattr(VisitTable, "take", noted)
    longer = [dataclasses.replace(one, end=one.end + 1, frames=60) for one in visits[-3:]]
    linker.observe(longer, 0.0)
    assert not placed
    other = dataclasses.replace(longer[1], embedding=-longer[1].embedding)
    linker.observe([longer[0], other], 0.0)
    row = table.row_of[other.visit]
    assert placed == [row]
    rows = np.arange(len(table))
    assert table.placed.all()
    expected = partition.evidence.projection.apply(table.embedding.astype(np.float32), table.camera[rows])
    assert np.allclose(table.projected, expected, atol=1e-5)


def test_who_was_too_young_is_placed_once_grown() -> None:
    linker = Linker(LinkingSettings(), None, IdAllocator())
    visits, _ = walks(30, seed=2)
    young = [dataclasses.replace(one, frames=1) if k % 3 == 0 else one for k, one in enumerate(visits)]
    for visit in young:
        linker.observe([visit], visit.end)
    (partition,) = linker._partitions.values()
    assert not partition.table.placed[[partition.table.row_of[one.visit] for one in young if one.frames == 1]].all()
    decisions = linker.observe([one for one in visits[-6:] if one.visit % 3 == 1], 0.0)
    assert len(decisions) == 2
    for decision in decisions:
        row = partition.table.row_of[decision.visit]
        assert partition.table.placed[row]
        assert np.linalg.norm(partition.table.projected[row]) == pytest.approx(1, abs=1e-4)
