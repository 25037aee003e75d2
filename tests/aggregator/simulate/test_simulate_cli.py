"""`aggregator simulate` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from aggregator.cli import app
from aggregator.linking.layout import read_layout
from common.errors import ConfigError

SMALL = ["simulate", "--people", "20", "--cameras", "3", "--hours", "0.5", "--dimensions", "32"]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, [*SMALL, *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_what_it_writes_can_be_replayed_and_scored(tmp_path: Path) -> None:
    visits, layout, links = (tmp_path / name for name in ("visits.npz", "layout.txt", "links.csv"))
    assert "visits.npz" in run("--out", str(visits), "--layout", str(layout)).replace("\n", "")
    assert set(read_layout(layout).cameras) == {"c1", "c2", "c3"}
    for words in (["replay", str(visits), "--layout", str(layout), "--out", str(links)],
                  ["evaluate", "links", str(visits), str(links), "--json"]):
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    with np.load(visits) as file:
        assert json.loads(result.output)["visits"] == len(file["identity"])


def test_the_same_options_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        run("--out", str(tmp_path / name), "--seed", "9")
    with np.load(tmp_path / "a.npz") as a, np.load(tmp_path / "b.npz") as b:
        assert all(a[key].tobytes() == b[key].tobytes() for key in a.files)


def test_evaluate_says_how_well_the_site_would_work() -> None:
    assert "IDF1" in run("--evaluate")
    plan = json.loads(run("--evaluate", "--json"))["plan"]
    assert 0 <= plan["final"]["idf1"] <= 1
    assert set(plan["by_camera"]) <= {"c1", "c2", "c3"}


def test_without_anything_to_do_it_says_what_could_be_done() -> None:
    result = CliRunner().invoke(app, SMALL)
    assert isinstance(result.exception, ConfigError)
    assert "--evaluate" in str(result.exception)
