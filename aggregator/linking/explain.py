"""What carried a link, taken apart for people: how alike, from where, after how long, and how usual that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aggregator.linking.assign import Candidates
from aggregator.linking.evidence import Evidence
from aggregator.linking.gaps import bin_of, gaps
from aggregator.linking.table import Rows, VisitTable


@dataclass(frozen=True, slots=True)
class Here:
    """The visit that is decided about.

    Attributes:
        row: its own.
        others: (k,) rows of the visits of whom it is, one at least.
        table: of it and of those that it was compared with.
        evidence: what was known of this site then.
        cameras: names by index.
    """

    row: int
    others: Rows
    table: VisitTable
    evidence: Evidence
    cameras: list[str]


def explain(option: Candidates, chosen: int, here: Here) -> dict[str, float | str]:
    """The reason of a link, for the log.

    Returns:
        `appearance`: log-likelihood ratio of all visits compared, one person : two; `walk`: log-odds of the likeliest
        way; `cosine`, `transit` (s; negative: seen at once) and `from` or `to` (camera) of the visit of that identity
        that is nearest in time; `usual`: how often such a transit occurs, the commonest of the two cameras being 1, and
        `sooner`: 1 when that one is longer, where transits were learned; `visits` compared, other `candidates`.
    """
    table = here.table
    gap, other = _nearest(table, here.row, here.others)
    camera, mine = int(table.camera[other]), int(table.camera[here.row])
    before = table.start[other] <= table.start[here.row]
    walk = float(option.walk[chosen])
    reason: dict[str, float | str] = {
        "appearance": round(float(option.odds[chosen]) - walk, 3),
        "walk": round(walk, 3),
        "cosine": round(float(table.projected[here.row] @ table.projected[other]), 3),
        "transit": round(gap, 1),
        ("from" if before else "to"): here.cameras[camera],
    }
    if here.evidence.learned_from:
        last = len(here.evidence.transit) - 1
        way = (camera, mine) if before else (mine, camera)
        odds = here.evidence.transit[min(way[0], last), min(way[1], last)]
        slot, best = int(bin_of(np.array([gap], np.float32))[0]), int(odds.argmax())
        reason["usual"] = round(float(np.exp(odds[slot] - odds[best])), 3)
        reason["sooner"] = float(slot < best)
    reason["candidates"] = float(len(option) - 1)
    reason["visits"] = float(option.visits[chosen])
    return reason


def _nearest(table: VisitTable, row: int, others: Rows) -> tuple[float, int]:
    """Of `others` the one nearest in time: seconds between, and its row."""
    gap = gaps(table.start[row], table.end[row], table.start[others], table.end[others])
    at = int(np.abs(gap).argmin())
    return float(gap[at]), int(others[at])
