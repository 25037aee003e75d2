"""`aggregator query` against the real API over a real store, as a person types it."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from aiohttp import web
from rich.console import Console
from typer.testing import CliRunner

from aggregator.cli import query as app
from aggregator.query_cli import moment, span
from aggregator.query_show import Show
from common.errors import ConfigError, PassageError
from common.http_client import Api, NoAnswerError, RefusedError

_spec = importlib.util.spec_from_file_location("api_site", Path(__file__).parent / "api" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
api_site = importlib.util.module_from_spec(_spec)
sys.modules["api_site"] = api_site
_spec.loader.exec_module(api_site)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The application of the API's tests, served from another thread."""
    data = tmp_path_factory.mktemp("data")
    site = api_site.Site(data, api_site.fill(data))
    loop, ready, address = asyncio.new_event_loop(), threading.Event(), []

    async def serve(stop: asyncio.Event) -> None:
        runner = web.AppRunner(site.app(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(stop),))
    thread.start()
    assert ready.wait(10)
    yield address[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def ask(url):
    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["--url", url, *words], catch_exceptions=False, standalone_mode=False)
        return result.output

    return run


def test_identities_plain(ask):
    lines = [line.split("\t") for line in ask("identities").splitlines()]
    assert lines[0] == ["identity", "class", "first seen", "last seen", "visits", "cameras"]
    assert lines[2] == ["G1", "person", "2026-03-01 12:00:00Z", "2026-03-01 12:01:04Z", "3", "left, right"]
    assert len(ask("identities", "--min-visits", "2").splitlines()) == 2


def test_json_is_the_apis_answer(ask, url):
    assert json.loads(ask("identities", "--json")) == Api(url).get("/api/identities")


def test_where(ask):
    assert ask("where", "G4").startswith("G4 is in left since 2026-03-01 12:01:10Z, standing at 0.75, 0.80 (80 % sure)")
    assert ask("where", "G3").startswith("G1 was seen last in right, until 2026-03-01 12:01:04Z")


def test_trajectory(ask):
    lines = [line.split("\t") for line in ask("trajectory", "G1").splitlines()]
    assert [line[0] for line in lines] == ["camera", "left", "right", "right"]
    assert lines[1][3:] == ["10 s", "1", "21", "95 %"]


def test_why_of_an_identity_and_of_a_visit(ask):
    assert "Visit 2 in right at 12:00:15 is G1, 93 % sure" in ask("why", "G1")
    assert len(ask("why", "2").splitlines()) == 1


def test_search_by_visit_and_by_picture(ask, tmp_path):
    assert ask("search", "--visit", "4").splitlines()[1].startswith("G4\t1.000\tleft")
    file = tmp_path / "person.png"
    cv2.imwrite(str(file), np.full((64, 32, 3), 40, np.uint8))
    assert ask("search", str(file), "--camera", "left").splitlines()[1].startswith("G2\t1.000")


def test_lists_and_numbers(ask):
    assert len(ask("events", "--camera", "left").splitlines()) == 4
    assert len(ask("visits", "--identity", "G1").splitlines()) == 4
    assert "left\tbox\t360×576\t9.9\t50 ms\t2" in ask("cameras")
    assert "2 people now, 1 identities active; stored: 5 visits" in ask("stats")


def test_heatmap(ask, tmp_path):
    picture, numbers = tmp_path / "left.png", tmp_path / "left.json"
    assert ask("heatmap", "left", "--out", str(picture), "--width", "32").strip() == str(picture)
    assert cv2.imread(str(picture)).shape == (51, 32, 3)
    ask("heatmap", "left", "--out", str(numbers), "--half-life", "10m")
    assert json.loads(numbers.read_text())["half_life_s"] == 600


def test_a_heatmap_over_a_picture_of_the_view(ask, tmp_path):
    ground, out = tmp_path / "hall.jpg", tmp_path / "over.png"
    assert cv2.imwrite(str(ground), np.full((160, 100, 3), 200, np.uint8))
    ask("heatmap", "left", "--out", str(out), "--over", str(ground))
    over = cv2.imread(str(out))
    assert over.shape == (160, 100, 3)
    assert (over == 200).all(axis=2).any(), "where nobody was it is the picture"
    assert (over != 200).any()
    (tmp_path / "none.jpg").write_bytes(b"")
    for bad, says in (("none.jpg", "is no picture"), ("missing.jpg", "No such file")):
        with pytest.raises(ConfigError, match=says):
            ask("heatmap", "left", "--out", str(out), "--over", str(tmp_path / bad))
    with pytest.raises(ConfigError, match="numbers cannot be laid over"):
        ask("heatmap", "left", "--out", str(tmp_path / "a.json"), "--over", str(ground))


def test_every_table_is_drawn_at_a_terminal(url):
    out = io.StringIO()
    show = Show(Console(file=out, force_terminal=True, width=100, no_color=True))
    api = Api(url)
    for name, path in (("identities", "/api/identities"), ("events", "/api/events"), ("visits", "/api/visits"),
                       ("trajectory", "/api/identities/G3/trajectory"), ("where", "/api/identities/G3/where"),
                       ("why", "/api/identities/G1/why"), ("cameras", "/api/cameras"), ("stats", "/api/stats")):
        getattr(show, name)(api.get(path))
    show.search(api.get("/api/search", visit=1))
    show.identities(api.get("/api/identities", limit=1))
    text = out.getvalue()
    assert "was merged into G1" in text
    assert "left → right → right" in text
    assert "a larger --limit" in text


def test_errors_come_with_their_cure(ask, url):
    with pytest.raises(RefusedError, match="no camera 'lefft'") as error:
        ask("heatmap", "lefft", "--out", "x.png")
    assert error.value.cure == "did you mean 'left'?"
    assert error.value.exit_code == 1
    with pytest.raises(RefusedError) as error:
        ask("where", "X1")
    assert error.value.exit_code == 2
    assert error.value.field == "id"


def test_no_aggregator_answers():
    with pytest.raises(NoAnswerError) as error:
        CliRunner().invoke(app, ["--url", "127.0.0.1:1", "stats"], catch_exceptions=False, standalone_mode=False)
    assert "no aggregator answers at http://127.0.0.1:1" in error.value.message
    assert "aggregator serve" in error.value.cure


@pytest.mark.parametrize("words", [
    ["search"], ["search", "x.jpg", "--visit", "1"], ["heatmap", "left", "--out", "x.gif"],
    ["events", "--since", "yesterday"], ["heatmap", "left", "--out", "x.png", "--half-life", "long"],
])
def test_wrong_usage(ask, words):
    with pytest.raises(ConfigError) as error:
        ask(*words)
    assert error.value.cure


def test_a_picture_that_is_not_there(ask):
    with pytest.raises(PassageError, match="No such file"):
        ask("search", "nowhere.jpg")


def test_the_address_may_stand_after_the_command_or_in_the_environment(url, monkeypatch):
    runner = CliRunner()
    assert "left" in runner.invoke(app, ["cameras", "--url", url], catch_exceptions=False).output
    assert "left" in runner.invoke(app, ["cameras"], env={"PASSAGE_URL": url}, catch_exceptions=False).output


def test_times_as_people_write_them():
    assert moment("--since", None) is None
    assert moment("--since", "2026-03-01T12:00:00Z") == "1772366400.0"
    assert float(moment("--since", "2h")) == pytest.approx(float(moment("--since", "7200s")), abs=5)
    assert [span("x", text) for text in ("90s", "10m", "1.5h", "1d")] == [90, 600, 5400, 86400]


WINDOW = ("--since", "2026-03-01T11:00:00Z", "--until", "2026-03-01T13:00:00Z")


@pytest.mark.parametrize(("command", "expected"), [
    (("footfall", "--camera", "left"), "2026-03-01 12:00"), (("flow",), "left\tright\t1\t5.0 s"),
    (("routes",), "1\tleft > right"), (("congestion", "--camera", "left"), "unknown"), (("zones",), "camera\tzone"),
    (("lines",), "camera\tline"), (("queue",), "camera\tzone")])
def test_numbers_of_places_as_tables_and_json(ask, command, expected):
    assert expected in ask(*command, *WINDOW)
    assert "rows" in json.loads(ask(*command, *WINDOW, "--json"))


def test_a_table_is_written_as_csv_or_parquet(ask, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for ending in ("csv", "parquet", "json"):
        out = tmp_path / f"footfall.{ending}"
        assert ask("footfall", *WINDOW, "--out", str(out)).strip() == str(out)
    assert (tmp_path / "footfall.csv").read_text().startswith("start,end,camera,kind,name,entries,exits")
    assert parquet.read_table(tmp_path / "footfall.parquet").num_rows == len(
        json.loads((tmp_path / "footfall.json").read_bytes())["rows"])
    with pytest.raises(ConfigError, match=r"\.csv, \.parquet"):
        ask("footfall", "--out", str(tmp_path / "footfall.xls"))
