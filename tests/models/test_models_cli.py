"""`edge-agent models …` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from common.errors import ConfigError, ModelError
from edge_agent.models_cli import app
from models.store import ModelStore
from tests.models.checkpoints import TinyYolo
from tests.models.graphs import bright_spot_detector, mean_embedder


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSAGE_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_list_shows_licences_states_and_what_comes_with_the_package(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in said(run("list", "--json"))["models"]}
    assert rows["yolov8n"]["licence"] == "AGPL-3.0"
    assert "publish its source" in rows["yolov8n"]["notice"]
    assert rows["yolov8n"]["state"] == "pull"
    assert rows["osnet_ain_x1_0_msmt17"]["state"] == "add your own"
    assert rows["osnet_generated"]["state"] == "built in"
    text = run("list").output
    assert "yolox_tiny" in text
    assert "Folder:" in text


def test_add_verify_bench_a_file_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "spots.onnx"
    file.write_bytes(bright_spot_detector())
    assert said(run("add", file, "--as", "spots", "--task", "detect", "--json"))[0]["name"] == "spots"
    (verified,) = said(run("verify", "--json"))
    assert verified["ok"]
    assert "anchor free detector of 1 classes" in verified["is"]
    assert {row["name"]: row["state"] for row in said(run("list", "--json"))["models"]}["spots"] == "here"
    timed = said(
        run("bench", "spots", "--seconds", "0.1", "--device", "cpu", "--frame", "120x160", "--size", "160", "--json")
    )
    assert timed["device"] == "cpu"
    assert timed["input"] == "128x160"
    assert timed["median_ms"] > 0
    ModelStore().path("spots").write_bytes(b"x")
    bad = run("verify")
    assert bad.exit_code == 1
    assert "spots: BAD" in bad.output


def test_the_licence_is_shown_before_use(tmp_path: Path) -> None:
    file = tmp_path / "own.onnx"
    file.write_bytes(mean_embedder())
    result = run("add", file, "--as", "osnet_x1_0_msmt17")
    assert "academic and non-commercial" in result.stderr
    with pytest.raises(ModelError, match="no mirror has it") as caught:
        CliRunner().invoke(app, ["pull", "yolov8n", "--from", str(tmp_path)], catch_exceptions=False, env=UNREACHABLE)
    assert "pip" in str(caught.value)


UNREACHABLE = {
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "",
    "https_proxy": "http://127.0.0.1:1",
    "PIP_CONFIG_FILE": "/dev/null",
}


def test_bench_of_what_comes_with_the_package() -> None:
    assert "a second" in run("bench", "osnet_generated", "--seconds", "0.1", "--batch", "4", "--device", "cpu").stdout


def test_export_writes_a_graph(tmp_path: Path) -> None:
    checkpoint = TinyYolo(width=4).write(tmp_path / "tiny.pt")
    out = tmp_path / "fixed.onnx"
    assert said(run("export", checkpoint, "--shape", "64x96", "--batch", "1", "-o", out, "--json"))["file"] == str(out)
    timed = said(run("bench", out, "--seconds", "0.1", "--device", "cpu", "--json"))
    assert timed["input"] == "64x96"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bench", "yolov8n"], "is not on this machine yet"),
        (["export", "none.pt"], "no such file"),
        (["export", "yolov8n"], "is not on this machine yet"),
        (["pull", "yolov9000"], "no model is called"),
    ],
)
def test_mistakes_are_named(arguments: list[str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        run(*arguments)


def test_wrong_usage(tmp_path: Path) -> None:
    checkpoint = TinyYolo(width=4).write(tmp_path / "tiny.pt")
    with pytest.raises(ConfigError, match="is no shape"):
        run("export", checkpoint, "--shape", "100x640")
    with pytest.raises(ConfigError, match="no device is called 'gpu'"):
        run("bench", "osnet_generated", "--device", "gpu")


def test_bench_says_what_a_smaller_copy_loses(tmp_path: Path) -> None:
    exact, other = tmp_path / "exact.onnx", tmp_path / "other.onnx"
    exact.write_bytes(mean_embedder())
    other.write_bytes(mean_embedder())
    timed = said(run("bench", other, "--task", "embed", "--seconds", "0.1", "--against", exact, "--json"))
    assert timed["cosine_mean"] == timed["cosine_least"] == pytest.approx(1)
    with pytest.raises(ConfigError, match="numbers"):
        run("bench", other, "--task", "embed", "--seconds", "0.1", "--against", "osnet_generated")
