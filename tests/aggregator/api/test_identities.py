from __future__ import annotations

import pytest


def test_identities_latest_first(site):
    found = site.ask("/api/identities").json
    assert [(i["global_id"], i["visits"], i["cameras"]) for i in found["identities"]] == [
        ("G4", 1, ["left"]), ("G1", 3, ["left", "right"]), ("G2", 1, ["left"])]
    assert found["identities"][1]["first_seen"] == "2026-03-01T12:00:00.000Z"
    assert found["identities"][1]["last_seen"] == "2026-03-01T12:01:04.000Z"


def test_identities_filtered(site):
    def names(**params):
        return [i["global_id"] for i in site.ask("/api/identities", params=params).json["identities"]]

    assert names(min_visits=2) == ["G1"]
    assert names(camera="right") == ["G1"]
    assert names(since="2026-03-01T12:00:24Z", until="2026-03-01T12:00:30Z") == ["G2"]
    assert names(label="car") == []


def test_identities_in_pages(site):
    first = site.ask("/api/identities?limit=2").json
    second = site.ask("/api/identities", params={"limit": 2, "cursor": first["next"]}).json
    assert [i["global_id"] for i in first["identities"] + second["identities"]] == ["G4", "G1", "G2"]
    assert second["next"] is None


def test_an_identity_that_was_merged_leads_to_the_one_it_is(site):
    old, new = site.ask("/api/identities/G3").json, site.ask("/api/identities/g1").json
    assert (old["asked"], old["global_id"], old["merged_into"]) == ("G3", "G1", "G1")
    assert (new["asked"], new["global_id"], new["merged_into"]) == ("G1", "G1", None)
    assert new["also"] == ["G3"]
    assert old["visits"] == new["visits"] == 3


def test_trajectory_is_the_shape_that_the_field_uses(site):
    answer = site.ask("/api/identities/G1/trajectory").json
    assert answer["global_id"] == "G1"
    legs = answer["trajectory"]
    assert [leg["camera"] for leg in legs] == ["left", "right", "right"]
    assert legs[0]["confidence"] == 0.95
    assert legs[1]["frames"] == list(range(0, 85, 5))
    assert legs[1]["timestamps"][:2] == ["2026-03-01T12:00:15.000Z", "2026-03-01T12:00:15.500Z"]
    assert len(legs[1]["frames"]) == len(legs[1]["timestamps"]) == len(legs[1]["boxes"]) == len(legs[1]["feet"]) == 17
    assert legs[1]["boxes"][0] == pytest.approx([0.2, 0.3, 0.3, 0.8])
    assert legs[1]["feet"][0] == pytest.approx([0.25, 0.8])


def test_trajectory_within_a_time(site):
    answer = site.ask("/api/identities/G3/trajectory?since=2026-03-01T12:00:30Z").json
    assert answer["merged_into"] == "G1"
    assert [leg["visit"] for leg in answer["trajectory"]] == [4]


def test_where_somebody_is_and_where_somebody_was(site):
    here = site.ask("/api/identities/G4/where").json
    assert here["here"] is True
    assert (here["camera"], here["since"]) == ("left", "2026-03-01T12:01:10.000Z")
    assert here["foot"] == pytest.approx([0.75, 0.8])
    gone = site.ask("/api/identities/G1/where").json
    assert gone["here"] is False
    assert (gone["camera"], gone["last_seen"]) == ("right", "2026-03-01T12:01:04.000Z")


@pytest.mark.parametrize(("later", "connected", "here"), [
    (0, True, True), (0, False, True), (3600, True, True), (3600, False, False)])
def test_somebody_is_there_as_long_as_the_agent_speaks_or_for_half_a_minute(site, monkeypatch, later, connected, here):
    site.clock.time += later
    numbers = site.engine.stats()
    numbers["agents"]["box"]["connected"] = connected
    monkeypatch.setattr(site.engine, "stats", lambda: numbers)
    assert site.ask("/api/identities/G4/where").json["here"] is here
    assert site.ask("/api/identities/G1/where").json["here"] is False  # their tracks have ended


def test_why_in_words_with_rivals(site):
    answer = site.ask("/api/identities/G1/why").json
    assert [entry["operation"] for entry in answer["entries"]] == ["new", "link", "new", "merge"]
    link = answer["entries"][1]
    assert link["camera"] == "right"
    assert link["rivals"] == [
        {"global_id": "G2", "score": -1.5, "probability": 0.05, "words": "less likely"}]
    assert link["words"] == ("Visit 2 in right at 12:00:15 is G1, 93 % sure (looked alike by 0.83; 5 s on the way; "
                             "2 others could have been here). It might also have been: G2 (5 %) less likely.")
    assert answer["entries"][3]["words"].startswith("G3 turned out to be G1")


def test_why_of_a_visit(site):
    answer = site.ask("/api/visits/2/why").json
    assert answer["global_id"] == "G1"
    assert [entry["visit"] for entry in answer["entries"]] == [2]


@pytest.mark.parametrize("path", ["", "/trajectory", "/where", "/why"])
def test_unknown_identity(site, path):
    answer = site.ask(f"/api/identities/G99{path}")
    assert answer.status == 404
    assert answer.error["field"] == "id"
    assert "G99" in answer.error["message"]


@pytest.mark.parametrize("name", ["X17", "G", "G-1", "G0", "G99999999999999999999", "%00"])
def test_what_is_no_global_id(site, name):
    answer = site.ask(f"/api/identities/{name}")
    assert answer.status == 400
    assert answer.error["field"] == "id"


def test_visits(site):
    found = site.ask("/api/visits?identity=G1").json["visits"]
    assert [visit["visit"] for visit in found] == [4, 2, 1]
    assert [visit["visit"] for visit in site.ask("/api/visits?camera=left&limit=1").json["visits"]] == [5]
    assert found[0]["confidence"] == 0.7
    assert found[0]["attributes"] == {"colour": "red"}


def test_a_visit_with_its_path(site):
    visit = site.ask("/api/visits/3").json
    assert (visit["camera"], visit["global_id"], visit["final"], visit["model"]) == ("left", "G2", True, "a" * 16)
    assert len(visit["path"]["timestamps"]) == 11
    assert visit["exemplars"] == [{"time": "2026-03-01T12:00:20.000Z", "quality": 0.75}]
    assert site.ask("/api/visits/99").error["field"] == "visit"
