"""Corrections as programs and people make them: over HTTP and with `aggregator correct`, on a running engine."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from aggregator.api.app import create_app
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.cli import app
from aggregator.engine import Bus
from common.errors import ConfigError
from common.http_client import RefusedError
from tests.aggregator.corrections.rig import Rig, walks


class Served:
    def __init__(self, url: str, rig: Rig) -> None:
        self.url, self.rig = url, rig

    def ask(self, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": media} if data is not None else {})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["error"]

    def type(self, *words: str) -> str:
        result = CliRunner().invoke(app, [words[0], "--url", self.url, *words[1:]], catch_exceptions=False,
                                    standalone_mode=False)
        return result.output


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with Rig(tmp_path) as rig:
        rig.send(walks())
        rig.settle()
        loop, ready, address = asyncio.new_event_loop(), threading.Event(), []

        async def serve(stop: asyncio.Event) -> None:
            application = create_app(rig.store.reader, rig.engine, Bus(), ApiSettings(check_answers=True),
                                     guard=Guard(ApiSettings(), everybody=LOCAL))
            runner = web.AppRunner(application, access_log=None)
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
        yield Served(address[0], rig)
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def test_each_correction_and_its_undo(site: Served) -> None:
    whose = {v: f"G{i}" for v, i in site.rig.identities().items()}
    old, young = sorted((whose[1], whose[2]), key=lambda name: int(name[1:]))
    status, merged = site.ask("/api/corrections", {"operation": "merge", "identities": [young, old], "who": "Ann"})
    assert status == 200, merged
    assert merged["words"] == f"Ann said that {young} is {old}."
    assert {(m["before"], m["after"]) for m in merged["moved"]} == {(young, old)}
    assert site.ask(f"/api/identities/{young}")[1]["merged_into"] == old
    status, cut = site.ask("/api/corrections", {
        "operation": "split", "identity": whose[3], "visit": 15, "who": "Bob", "note": "taller"})
    assert status == 200, cut
    assert cut["moved"][0]["before"] == whose[3]
    assert site.ask("/api/visits/15")[1]["global_id"] == cut["moved"][0]["after"]
    assert site.ask("/api/corrections", {"operation": "confirm", "identity": whose[5], "who": "Bob"})[1]["moved"] == []
    assert site.ask("/api/corrections", {"operation": "reject", "visit": 18, "who": "Bob"})[0] == 200
    status, undone = site.ask("/api/corrections", {"operation": "undo", "number": 1, "who": "Bob"})
    assert undone["undoes"] == 1
    assert site.ask(f"/api/identities/{young}")[1]["merged_into"] is None
    listed = site.ask("/api/corrections?limit=2")[1]
    assert [row["correction"] for row in listed["corrections"]] == [5, 4]
    rest = site.ask(f"/api/corrections?before={listed['next']}")[1]
    assert [(row["correction"], row["undone"]) for row in rest["corrections"]] == [(3, None), (2, None), (1, 5)]
    assert rest["next"] is None
    assert site.ask("/api/corrections/2")[1] == cut


@pytest.mark.parametrize(("body", "status", "code", "field"), [
    ({"operation": "merge", "identities": ["G1", "G999"], "who": "Ann"}, 404, "not_found", "identities"),
    ({"operation": "merge", "identities": ["G1", "G1"], "who": "Ann"}, 409, "already", "identities"),
    ({"operation": "merge", "identities": ["G1"], "who": "Ann"}, 400, "bad_parameter", "identities"),
    ({"operation": "merge", "identities": ["G1", "x"], "who": "Ann"}, 400, "bad_parameter", "identities.1"),
    ({"operation": "merge", "identities": ["G1", "G2"]}, 400, "missing_parameter", "who"),
    ({"operation": "merge", "identities": ["G1", "G2"], "who": "  "}, 400, "bad_parameter", "who"),
    ({"operation": "split", "identity": "G1", "who": "Ann"}, 400, "bad_parameter", "visit"),
    ({"operation": "split", "identity": "G1", "visit": 1, "after": 3, "who": "Ann"}, 400, "bad_parameter", "visit"),
    ({"operation": "reject", "visit": 1, "whom": 1, "who": "Ann"}, 400, "unknown_parameter", "whom"),
    ({"operation": "forget", "visit": 1, "who": "Ann"}, 400, "bad_parameter", "operation"),
    ([], 400, "bad_parameter", "body"),
    (b"{", 400, "bad_json", "body"),
    ({"operation": "undo", "who": "Ann"}, 409, "nothing_to_undo", None),
])
def test_what_is_wrong_is_named(site: Served, body: Any, status: int, code: str, field: str | None) -> None:
    before = site.rig.identities()
    answered, error = site.ask("/api/corrections", body)
    assert (answered, error["code"]) == (status, code), error
    assert field is None or error["field"] == field
    assert site.rig.identities() == before


def test_only_json_is_taken(site: Served) -> None:
    assert site.ask("/api/corrections", b"operation=merge", "application/x-www-form-urlencoded")[0] == 415


def test_on_the_command_line(site: Served) -> None:
    whose = {v: f"G{i}" for v, i in site.rig.identities().items()}
    old, young = sorted((whose[1], whose[2]), key=lambda name: int(name[1:]))
    out = site.type("correct", "merge", young, old, "--who", "Ann", "--note", "same bag")
    assert out == f"correction 1: Ann said that {young} is {old}. “same bag”\n"
    assert json.loads(site.type("correct", "split", whose[3], "--visit", "15", "--json"))["correction"] == 2
    site.type("correct", "confirm", whose[4])
    site.type("correct", "reject", "18")
    site.type("correct", "undo", "2", "--who", "Bob")
    lines = [line.split("\t") for line in site.type("correct", "list").splitlines()]
    assert lines[0] == ["correction", "time", "who", "what", "moved", "stands"]
    assert [(line[0], line[5]) for line in lines[1:]] == [
        ("5", "no"), ("4", "yes"), ("3", "yes"), ("2", "no"), ("1", "yes")]
    with pytest.raises(RefusedError, match="says otherwise"):
        site.type("correct", "split", old, "--visit", "2")
    for wrong in (("merge", "G1"), ("split", "G1"), ("split", "G1", "--visit", "1", "--after", "10m")):
        with pytest.raises(ConfigError):
            site.type("correct", *wrong)


def test_why_tells_what_carried_each_link_and_who_corrected_it(site: Served) -> None:
    whose = {v: f"G{i}" for v, i in site.rig.identities().items()}
    old, young = sorted((whose[1], whose[2]), key=lambda name: int(name[1:]))
    links = [entry for v in range(1, 37) for entry in site.ask(f"/api/visits/{v}/why")[1]["entries"]
             if entry["operation"] == "link"]
    assert links
    for entry in links:
        assert {"appearance", "walk", "transit", "cosine"} <= set(entry["reason"])
        assert "likelier" in entry["words"] or "as alike as" in entry["words"]
        assert " from c" in entry["words"] or " to c" in entry["words"] or "too, for" in entry["words"]
        for rival in entry["rivals"]:
            assert rival["words"]
            assert f"{rival['global_id']} (" in entry["words"]
    site.type("correct", "merge", young, old, "--who", "Ann")
    site.type("correct", "split", whose[3], "--visit", "15", "--who", "Bob")
    site.type("correct", "undo", "1", "--who", "Cleo")
    said = site.type("query", "why", old)
    assert f"Ann said that {young} is {old} (correction 1, taken back by 3)." in said
    told = site.ask(f"/api/identities/{young}/why")[1]["entries"][-1]
    assert told["correction"] == {"correction": 3, "who": "Cleo", "operation": "undo", "undone": None}
    assert f"is {young}'s again (correction 3)." in told["words"]
    assert f"Bob said that visit 15 in c1 at 13:49:20 is not {whose[3]}'s; it is G" in site.type("query", "why", "15")
