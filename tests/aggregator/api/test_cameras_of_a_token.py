"""Somebody who may see one camera: every answer is as if there were no other."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from aggregator.api.access import Caller, Role, answering
from aggregator.api.app import registry
from aggregator.api.guard import Guard
from aggregator.api.seen import SeenEngine
from aggregator.corrections.asked import Asked
from aggregator.store import open_store
from aggregator.visit import Decision
from tests.aggregator.api.conftest import look

LEA = Caller(name="lea", role=Role.VIEWER, cameras=frozenset({"right"}))


@pytest.fixture
def narrow(site):
    site.guard = Guard(site.settings, everybody=LEA, clock=site.clock)
    return site


def test_no_answer_names_another_camera_or_somebody_only_seen_there(narrow):
    """G2 and G4 were only in `left`; visits 1, 3 and 5 are of it."""
    narrow.engine.stats = lambda: {
        "cameras": {"left": {"people": 5, "preview": 1.0}, "right": {"people": 2}}, "people_now": 7,
        "identities_active": 3, "agents": {}, "recent": [{"camera": "left", "global_id": "G4"}]}
    asked = 0
    for route in registry().routes:
        if route.method != "GET" or route.tag in ("documents", "access") or route.messages is not None:
            continue
        for values in ({"camera": "left", "id": "G2", "visit": "3"}, {"camera": "right", "id": "G1", "visit": "2"}):
            path = re.sub(r"{(\w+)}", lambda found, values=values: values.get(found[1], "1"), route.path)
            if path.endswith((".mjpg", "/frame")):
                continue
            answer = narrow.ask(path + ("?visit=2" if path == "/api/search" else ""))
            if answer.headers["Content-Type"].startswith("application/json"):
                asked += 1
                text = answer.body.decode().replace("there is no camera 'left'", "")
                text = text.replace("there is no identity G2", "")
                assert "left" not in text, path
                assert not re.search(r'"G[24]"|G[24]\b', text), (path, text)
    assert asked > 15


def test_what_is_seen_is_right(narrow):
    assert [row["camera"] for row in narrow.ask("/api/cameras").json["cameras"]] == ["right"]
    assert [row["visit"] for row in narrow.ask("/api/visits").json["visits"]] == [4, 2]
    assert [(row["global_id"], row["visits"], row["cameras"]) for row in
            narrow.ask("/api/identities").json["identities"]] == [("G1", 2, ["right"])]
    assert [leg["visit"] for leg in narrow.ask("/api/identities/G1/trajectory").json["trajectory"]] == [2, 4]
    assert narrow.ask("/api/identities/G3").json["merged_into"] == "G1"
    assert narrow.ask("/api/identities/G2").status == 404
    assert narrow.ask("/api/visits/1").status == 404
    assert narrow.ask("/api/cameras/left/heatmap").status == 404
    assert narrow.ask("/api/search?visit=1").status == 404
    assert [row["visit"] for row in narrow.ask("/api/search?visit=2&each=visit").json["results"]] == [4]
    assert [row["camera"] for row in narrow.ask("/api/events").json["events"]] == ["right", "right"]
    why = narrow.ask("/api/identities/G1/why").json["entries"]
    assert [(entry["operation"], entry["visit"], entry["rivals"]) for entry in why] == [
        ("link", 2, []), ("new", 4, []), ("merge", 4, [])]
    stats = narrow.ask("/api/stats").json
    assert stats["store"] == {"visits": 2, "identities": 1, "events": 2, "cameras": 1, "agents": 1, "decisions": 3}
    assert (stats["people_now"], stats["identities_active"], stats["recent"]) == (0, 0, [])


def test_nobody_is_told_when_somebody_was_first_seen_elsewhere(narrow, site):
    """G1 was created by a visit to `left`."""
    created = narrow.ask("/api/identities/G1").json["created"]
    assert created == "2026-03-01T12:00:15.000Z"


def test_the_stream_holds_what_comes_from_the_camera(narrow):
    async def conversation(client: TestClient) -> list[str]:
        async with client.ws_connect("/api/ws/events") as socket:
            for message in ({"type": "agent", "agent": "box", "cameras": ["left", "right"]},
                            {"type": "event", "camera": "left"}, {"type": "link", "camera": None},
                            {"type": "event", "camera": "right", "kind": "last"}):
                narrow.bus.publish([message])
            return [(await socket.receive_json())["data"]["kind"]]

    assert narrow.talk(conversation) == ["last"]


def test_why_says_nothing_of_the_way_from_or_to_another_camera(narrow, tmp_path):
    """Visit 2 came from `left`; visit 4 went on within `right`, and was taken from G2, who was only in `left`."""
    narrow.data = shutil.copytree(narrow.data, tmp_path / "data")
    way = {"cosine": 0.83, "transit": 5.0, "usual": 0.9, "sooner": 0.0, "walk": 1.0, "appearance": 3.0}
    with open_store(narrow.data) as store, store.transaction():
        store.record_decisions([
            Decision(operation="link", visit=2, identity=1, score=4.0, confidence=0.9, reason={**way, "from": "left"}),
            Decision(operation="link", visit=4, identity=1, score=4.0, confidence=0.9, reason={**way, "from": "right"}),
            Decision(operation="split", visit=4, identity=1, other=2, score=0.0, confidence=0.9,
                     reason={"words": "it goes better with G1 than with G2"}),
        ], narrow.clock.now(), "0123456789ab")
    hidden, known, taken = narrow.ask("/api/identities/G1/why").json["entries"][-3:]
    assert hidden["reason"] == {"cosine": 0.83, "appearance": 3.0}
    assert known["reason"] == {**way, "from": "right"}
    assert "came from right" in known["words"]
    assert (taken["other"], taken["reason"]) == (None, {})
    assert "left" not in str(hidden)
    assert "G2" not in str(taken)


def test_a_link_in_the_stream_says_nothing_of_another_camera(narrow):
    link = {"type": "link", "camera": "right", "visit": 2, "global_id": "G1", "other": "G2", "operation": "split"}

    async def conversation(client: TestClient) -> list[dict[str, Any]]:
        async with client.ws_connect("/api/ws/events") as socket:
            for reason in ({"from": "left", "transit": 5.0, "cosine": 0.8}, {"from": "right", "transit": 5.0},
                           {"words": "it goes better with G2"}):
                narrow.bus.publish([{**link, "reason": reason}])
            return [(await socket.receive_json())["data"] for _ in range(3)]

    told = narrow.talk(conversation)
    assert [one["reason"] for one in told] == [{"cosine": 0.8}, {"from": "right", "transit": 5.0}, {}]
    assert [one["other"] for one in told] == [None] * 3


def test_search_never_looks_beyond_the_cameras_even_when_asked_to(site):
    engine = SeenEngine(site.engine)
    with answering(LEA):
        found = engine.history.search(look(1), "aaaaaaaaaaaaaaaa", 9, cameras=["left", "right"])
    assert {visit for visit, _, _ in found} == {2, 4}


def test_what_is_read_for_nobody_is_an_error(site):
    with pytest.raises(LookupError):
        SeenEngine(site.engine).stats()


def test_the_same_thread_serves_different_callers(site):
    """Readers are used again: what one may see must not stick."""
    site.settings = site.settings.model_copy(update={"readers": 1})
    seen = []

    async def conversation(client: TestClient) -> None:
        for cameras in (None, {"left"}, None, {"right"}, set(), {"left"}):
            who = Caller(name="x", role=Role.VIEWER, cameras=None if cameras is None else frozenset(cameras))
            guard._everybody = who
            async with client.get("/api/cameras") as answer:
                seen.append([row["camera"] for row in (await answer.json())["cameras"]])

    guard = site.guard = Guard(site.settings, everybody=LEA, clock=site.clock)
    site.talk(conversation)
    assert seen == [["left", "right"], ["left"], ["left", "right"], ["right"], [], ["left"]]


def test_corrections_hold_for_all_cameras_so_they_need_somebody_who_sees_all(site):
    asked = {"operation": "confirm", "identity": "G1", "who": "me"}
    otto = Caller(name="otto", role=Role.OPERATOR, cameras=frozenset({"right"}))
    site.guard = Guard(site.settings, everybody=otto, clock=site.clock)
    assert site.ask("/api/corrections", "POST", json=asked).error["code"] == "some_cameras"


def test_nobody_signs_a_correction_with_anothers_name():
    class Takes:
        def correct(self, asked):
            self.who = asked.who

    engine = Takes()
    for name, said, kept in (("otto", "otto", "otto"), ("otto", "ada", "ada (token 'otto')"), ("local", "ada", "ada")):
        with answering(Caller(name=name, role=Role.OPERATOR, cameras=None)):
            SeenEngine(engine).correct(Asked(operation="undo", who=said))
        assert engine.who == kept
