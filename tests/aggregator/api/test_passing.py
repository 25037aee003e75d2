from __future__ import annotations

import io

import pytest

DAY = {"since": "2026-03-01T11:00:00Z", "until": "2026-03-01T13:00:00Z"}


def test_who_passed_one_camera_and_then_another(site):
    answer = site.ask("/api/passages", params={"first": "left", "then": "right", **DAY}).json
    assert [(row["global_id"], row["left"], row["arrived"], row["transit_s"]) for row in answer["rows"]] == [
        ("G1", "2026-03-01T12:00:10.000Z", "2026-03-01T12:01:00.000Z", 50.0),
        ("G1", "2026-03-01T12:00:10.000Z", "2026-03-01T12:00:15.000Z", 5.0)]
    quick = site.ask("/api/passages", params={"first": "left", "then": "right", "within_s": 10, **DAY}).json
    assert [row["transit_s"] for row in quick["rows"]] == [5.0]
    assert site.ask("/api/passages", params={"first": "right", "then": "left", **DAY}).json["rows"] == []
    late = {"since": "2026-03-01T12:00:30Z", "until": "2026-03-01T13:00:00Z"}
    later = site.ask("/api/passages", params={"first": "left", "then": "right", **late}).json
    assert [row["transit_s"] for row in later["rows"]] == [50.0], "the time asked for is that of arriving"


@pytest.mark.parametrize("place", ["nowhere", "left/till", "nowhere/till", "/"])
def test_places_that_are_not_there(site, place):
    answer = site.ask("/api/passages", params={"first": place, "then": "right"})
    assert (answer.status, answer.error["field"]) == (404, "first")


def test_who_was_with_somebody(site):
    answer = site.ask("/api/identities/G1/company").json
    assert answer == {"global_id": "G1", "merged_into": None, "rows": []}
    rows = site.ask("/api/identities/G1/company?slack_s=10").json["rows"]
    assert [(row["global_id"], row["times"], row["where"], row["seconds"]) for row in rows] == [("G2", 1, "left", 0.0)]
    merged = site.ask("/api/identities/G3/company?slack_s=10").json
    assert (merged["merged_into"], len(merged["rows"])) == ("G1", 1)
    assert site.ask("/api/identities/G99/company").status == 404


def test_passages_as_a_file(site):
    answer = site.ask("/api/passages", params={"first": "left", "then": "right", "format": "csv", **DAY})
    lines = answer.body.decode().splitlines()
    assert lines[0] == "global_id,came,left,arrived,transit_s"
    assert len(lines) == 3


def test_lists_of_identities_visits_and_events_as_csv_with_the_next_page_in_the_header(site):
    identities = site.ask("/api/identities", headers={"Accept": "text/csv"})
    assert identities.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert '"left, right"' in identities.body.decode()
    visits = site.ask("/api/visits?format=csv&limit=2")
    assert len(visits.body.decode().splitlines()) == 3
    following = visits.headers["Link"]
    assert following.endswith('>; rel="next"')
    second = site.ask(following[1:following.index(">")])
    assert len(second.body.decode().splitlines()) == 3
    assert "Link" in second.headers
    events = site.ask("/api/events?format=csv").body.decode()
    assert '"{""n"":5}"' in events


def test_lists_as_parquet(site):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(io.BytesIO(site.ask("/api/visits?format=parquet").body)).to_pylist()
    assert len(rows) == 5
    assert rows[0]["start"].isoformat() == "2026-03-01T12:01:10+00:00"
    assert rows[0]["attributes"] == '{"colour":"red"}'


def test_visits_by_how_long_they_were_and_by_attribute(site):
    def numbers(**wanted):
        return sorted(row["visit"] for row in site.ask("/api/visits", params=wanted).json["visits"])

    assert numbers(longer_s=6) == [1, 2, 5]
    assert numbers(longer_s=6, shorter_s=8) == [2, 5]
    assert numbers(attribute="colour:red") == [1, 2, 3, 4, 5]
    assert numbers(attribute="colour:blue") == numbers(zone="till") == []
    assert site.ask("/api/visits?attribute=red").status == 400


def test_a_picture_that_is_known_is_not_sent_again(site):
    first = site.ask("/api/cameras/left/heatmap?format=png&until=2026-03-01T13:00:00Z")
    etag = first.headers["Etag"]
    again = site.ask("/api/cameras/left/heatmap?format=png&until=2026-03-01T13:00:00Z", headers={"If-None-Match": etag})
    assert (again.status, again.body, again.headers["Etag"]) == (304, b"", etag)
    other = site.ask("/api/cameras/right/heatmap?format=png&until=2026-03-01T13:00:00Z",
                     headers={"If-None-Match": f'"old", {etag}'})
    assert (other.status, other.headers["Etag"] != etag) == (200, True)
