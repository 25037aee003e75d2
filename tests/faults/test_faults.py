"""`./run faults` in short: a round or two of each fault; and that a loss would be seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aggregator.store import store_file
from tests.faults.__main__ import ends_early, planned
from tests.faults.check import check
from tests.faults.play import Outcome, can_mount, play
from tests.faults.plug import make_plug
from tests.faults.rounds import FAULTS
from tests.faults.site import MIDDLE, UP_S, Site, begin_forking

pytestmark = pytest.mark.system

SEED = 1


@pytest.fixture(scope="module")
def context() -> Any:
    return begin_forking(make_plug()[0])


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost_or_doubled(name: str, context: Any, tmp_path: Path) -> None:
    fault = FAULTS[name]
    if fault.needs == "plug" and not make_plug()[0]:
        pytest.skip(make_plug()[1])
    if fault.disk and not can_mount():
        pytest.skip("needs root, to mount a small disk")
    outcome = play(name, SEED, context, tmp_path)
    verdict = outcome.verdict
    assert outcome.good, f"{name} {outcome.seed}: lost {verdict.lost}, doubled {verdict.doubled}, {verdict.problems}"
    assert outcome.up_s < UP_S


BREAKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "a visit that is gone": ("DELETE FROM visits WHERE run = 'scene' AND track = 1", lambda v: v.lost == 2),
    "an event that is there twice": (
        "INSERT INTO events (time, camera, run, kind, track, data) SELECT time, camera, run, kind, track, data "
        "FROM events WHERE run = 'scene' LIMIT 1", lambda v: v.doubled == 1),
    "a part that was counted twice": (
        "INSERT INTO exemplars SELECT * FROM exemplars WHERE visit = (SELECT max(visit) FROM visits)",
        lambda v: v.problems),
    "somebody taken for somebody else": (
        "UPDATE visits SET identity = (SELECT identity FROM visits WHERE run = 'scene' AND track = 1) "
        "WHERE run = 'scene' AND track = 10", lambda v: v.problems),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_wrong_is_seen(what: str, context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.check.AGREE_S", 0.0)
    statement, seen = BREAKS[what]
    with Site(tmp_path, 3, context) as site:
        site.start()
        site.finish()
        site.stop(MIDDLE)
        with sqlite3.connect(store_file(site.disk[MIDDLE])) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(statement)
        verdict = check(site)
    assert not verdict.good
    assert seen(verdict), verdict


def test_a_sweep_that_ends_before_the_last_write_is_told() -> None:
    writes = FAULTS["write-of-box"].writes
    rounds = [Outcome("write-of-box", at, at=at, died=int(at < 200)) for at in range(1, writes + 1)]
    assert not ends_early("write-of-box", rounds)
    rounds[-3].died = 1
    assert ends_early("write-of-box", rounds)
    assert not ends_early("cut", rounds)


def test_a_plan_mixes_all_faults_by_their_weight() -> None:
    plan = planned(500, 1, list(FAULTS))
    assert len(plan) == len(set(plan)) == 500
    weights = sum(fault.weight for fault in FAULTS.values())
    for name, fault in FAULTS.items():
        assert abs(sum(kind == name for kind, _ in plan) - 500 * fault.weight / weights) <= 1.5
