"""A past run is made again exactly from its store, and what other settings would have changed is told."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from typer.testing import CliRunner

from aggregator.cli import app
from aggregator.linking import Linker, LinkingSettings
from aggregator.rerun import Changes, Rerun, compare
from aggregator.store import StoreFullError, StoreReader, database, open_store, store_file
from aggregator.visit import Decision
from common.errors import ConfigError, PassageError
from tests.aggregator.corrections.rig import Rig, Thorough, walks

pytestmark = pytest.mark.slow


def again(data: Path, changes: Changes | None = None, make: Any = Linker) -> Rerun:
    with StoreReader(data) as reader:
        rerun = Rerun(reader.all_decisions(), reader.corrections(), changes or Changes(), make)
        for moment in reader.moments():
            rerun.take(moment)
        assert sum(1 for _ in reader.all_decisions()) == sum(m.decisions for m in reader.moments())
    return rerun


def stored(data: Path) -> dict[int, int]:
    with StoreReader(data) as reader:
        return {v.visit: v.identity for v in reader.visits(limit=1000).rows if v.identity}


def typed(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["replay", *words], catch_exceptions=False)
    return result.exit_code, result.output


def lived(folder: Path, kind: type[Linker] = Linker) -> Path:
    """A site's life: three starts, repairs, corrections of every kind, an undo, a correction of an undone one."""
    parts = walks(rounds=4)
    with Rig(folder, kind=kind) as rig:
        rig.send(parts[:30])
        rig.settle()
        rig.send(parts[30:50])
        whose = rig.identities()
        rig.correct("merge", identities=(whose[1], whose[5]) if whose[1] != whose[5] else (whose[1], whose[7]))
        rig.settle()
    with Rig(folder, kind=kind) as rig:
        rig.send(parts[50:70])
        rig.settle()
        whose = rig.identities()
        many = Counter(i for i in whose.values() if i)
        big = next(v for v, i in whose.items() if many[i] > 1 and v > 12)
        rig.correct("reject", visit=big)
        rig.send(parts[70:80])
        rig.settle()
        rig.correct("undo", number=2)
        rig.correct("confirm", identities=(rig.identities()[3],))
    with Rig(folder, kind=kind) as rig:
        rig.correct("undo", number=1)
        rig.send(parts[80:])
        rig.settle()
    return folder


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lived(tmp_path_factory.mktemp("life"))


def test_a_past_run_is_made_again_exactly(life: Path) -> None:
    rerun = again(life)
    assert rerun.differences == []
    assert rerun.again.identity == rerun.recorded.identity == stored(life)
    assert (rerun.counts["start"], rerun.counts["correct"]) == (3, 5)
    assert typed("--log", str(life))[0] == 0
    assert "the same: " in typed("--log", str(life))[1]


def test_a_past_run_with_a_thorough_linker_too(tmp_path: Path) -> None:
    data = lived(tmp_path, Thorough)
    rerun = again(data, make=Thorough)
    assert rerun.differences == []
    assert rerun.again.identity == stored(data)
    assert again(data).differences, "another linker decides otherwise, and that is seen"


@pytest.mark.parametrize("spoil", [
    "UPDATE log SET identity = identity + 1 WHERE entry = 20 AND operation <> 'merge'",
    "UPDATE log SET confidence = confidence / 2 WHERE entry = 20",
    "UPDATE arrivals SET mean = (SELECT mean FROM arrivals WHERE arrival = 1) WHERE arrival = 60",
    "UPDATE moments SET decisions = decisions - 1 WHERE moment = (SELECT max(moment) FROM moments WHERE decisions > 0)",
])
def test_what_is_not_the_same_is_told_and_the_exit_code_says_so(life: Path, tmp_path: Path, spoil: str) -> None:
    copy = store_file(tmp_path)
    with sqlite3.connect(store_file(life)) as source, sqlite3.connect(copy) as target:
        source.backup(target)
        assert target.execute(spoil).rowcount == 1
    source.close()
    target.commit()
    target.close()
    code, out = typed("--log", str(tmp_path))
    assert code == 1
    assert "not the same: " in out
    told = json.loads(typed("--log", str(tmp_path), "--json")[1])
    assert told["same"] is False
    assert told["differences"][0]["recorded"] != told["differences"][0]["replayed"]


def test_what_other_settings_would_have_made_of_it(life: Path, tmp_path: Path) -> None:
    out = tmp_path / "diff.csv"
    code, text = typed("--log", str(life), "--set", "caution=8", "--json", "--out", str(out))
    told = json.loads(text)
    assert code == 0
    assert told["changed_settings"] is True
    assert told["identities"]["replayed"] > told["identities"]["recorded"], "who is careful links less"
    assert told["moved"] == len(told["visits_moved"]) > 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == told["visits"]
    assert {f"G{i}" for i in stored(life).values()} == {row["recorded"] for row in rows}
    config = tmp_path / "other.yaml"
    config.write_text("linking: {caution: 8}\n")
    assert json.loads(typed("--log", str(life), "-c", str(config), "--json")[1])["moved"] == told["moved"]
    same = json.loads(typed("--log", str(life), "--set", f"linking.caution={LinkingSettings().caution}", "--json")[1])
    assert (same["moved"], same["joined"], same["cut"]) == (0, 0, 0), "what was set is what it was"
    assert "visits moved" in typed("--log", str(life), "--set", "caution=8")[1]


def test_corrections_hold_with_other_settings_too(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.send(walks())
        rig.settle()
        whose = rig.identities()
        rig.correct("merge", identities=(whose[1], whose[2]))
        rig.correct("split", identities=(whose[3],), visit=15)
        rig.settle()
    for caution in (0.0, 5.0, 20.0):
        now = again(tmp_path, Changes(settings={"caution": caution}), Thorough).again.identity
        assert now[1] == now[2]
        assert now[15] not in (now[3], now[27])


def test_failures_in_between_leave_no_trace_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Linker):
        def observe(self, visits: Any, now: float) -> list[Decision]:
            decisions = super().observe(visits, now)
            if any(one.visit == 9 for one in visits):
                raise ZeroDivisionError
            return decisions

    with Rig(tmp_path, kind=Broken) as rig:
        parts = walks(rounds=2)
        rig.send(parts[:10])
        fails = 2

        def full(moments: Any) -> None:
            nonlocal fails
            fails -= 1
            if fails >= 0:
                raise StoreFullError("full")
            real(moments)

        real = rig.store.moments.add
        monkeypatch.setattr(rig.store.moments, "add", full)
        rig.send(parts[10:])
        rig.settle()
        assert fails < 0
    rerun = again(tmp_path)
    assert rerun.differences == []
    assert rerun.again.identity == stored(tmp_path)
    assert rerun.counts["keep"] > 0
    assert rerun.counts["start"] > 1


def test_what_an_older_release_left_is_where_it_begins(tmp_path: Path) -> None:
    parts = walks(rounds=2)
    with Rig(tmp_path) as rig:
        rig.send(parts[:30])
        rig.settle()
    with sqlite3.connect(":memory:") as first:
        first.executescript(database._script("schema.sql"))
        known = {name for (name,) in first.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    first.close()
    with sqlite3.connect(store_file(tmp_path)) as db:  # as version 1 would have left it
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in sorted(tables - known, key=lambda name: name == "moments"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with Rig(tmp_path, kind=Linker) as rig:
        rig.send(parts[30:])
        rig.settle()
    rerun = again(tmp_path)
    assert rerun.differences == []
    assert rerun.again.identity == stored(tmp_path)


def test_wrong_usage_says_what_is_right(life: Path, tmp_path: Path) -> None:
    def ask(*words: str) -> None:
        CliRunner().invoke(app, ["replay", *words], catch_exceptions=False, standalone_mode=False)

    for words, cure in ((("--log", str(life), "--set", "cautoin=2"), "caution"),
                        (("--log", str(life), "--set", "caution"), "caution=2"),
                        (("visits.npz", "--log", str(life)), "leave VISITS"),
                        ((), "aggregator replay"), (("visits.npz", "--out", "x", "--set", "caution=2"), "replay")):
        with pytest.raises(ConfigError) as raised:
            ask(*words)
        assert cure in (raised.value.cure or ""), raised.value
    open_store(tmp_path).close()
    with pytest.raises(PassageError, match="nothing was linked"):
        ask("--log", str(tmp_path))


def best_match(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    """The greatest number of visits that can stay, whichever identities are matched."""
    old, new = sorted(set(before.values())), sorted(set(after.values()))
    shared = np.zeros((len(old), len(new)))
    for visit in {*before} & {*after}:
        shared[old.index(before[visit]), new.index(after[visit])] += 1
    rows, columns = linear_sum_assignment(-shared)
    return int(shared[rows, columns].sum())


@given(st.dictionaries(st.integers(1, 12), st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=12))
def test_a_comparison_counts_who_is_with_whom(rows: dict[int, tuple[int, int]]) -> None:
    before, after = {v: a for v, (a, _) in rows.items()}, {v: b for v, (_, b) in rows.items()}
    found = compare(before, after)
    assert len(rows) - best_match(before, after) <= found.moved
    assert (found.moved == 0) == (len({*zip(before.values(), after.values(), strict=True)})
                                  == len(set(before.values())) == len(set(after.values())))
    assert compare(before, {v: i + 100 for v, i in before.items()}).moved == 0
    assert (found.joined == 0 and found.cut == 0) == (found.moved == 0)


def test_one_visit_moved_is_one_visit_moved() -> None:
    before = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2}
    found = compare(before, {1: 9, 2: 9, 3: 7, 4: 7, 5: 7})
    assert (found.moved, found.joined, found.cut, found.before, found.after) == (1, 1, 1, 2, 2)
    assert found.examples == ((3, 1, 7),)
