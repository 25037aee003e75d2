from __future__ import annotations


def test_health(site):
    assert site.ask("/api/health").json == {"status": "ok", "version": "0.1.0", "time": "2026-03-01T12:01:20.000Z",
                                              "notes": []}


def test_health_notes_a_search_that_finds_too_little(site, monkeypatch):
    monkeypatch.setattr(site.engine, "stats", lambda: {"index": {"m": {"recall_at_10": 0.912}, "n": {"visits": 3}}})
    assert site.ask("/api/health").json["notes"] == ["search finds 91.2 % of the visits most alike (model m)"]


def test_health_says_when_nothing_can_be_stored(site):
    site.engine.problem = "no space left"
    answer = site.ask("/api/health")
    assert answer.status == 503
    assert answer.error["code"] == "engine_stuck"
    assert "no space left" in answer.error["message"]


def test_cameras_with_their_live_numbers(site):
    left, right = site.ask("/api/cameras").json["cameras"]
    assert (left["camera"], left["agent"], left["width"], left["height"]) == ("left", "box", 360, 576)
    assert left["live"] == {"fps": 9.9, "latency_s": 0.05, "people": 2}
    assert right["live"] is None
    assert site.ask("/api/cameras/right").json == right


def test_unknown_camera_suggests_the_nearest_name(site):
    answer = site.ask("/api/cameras/lefft")
    assert answer.status == 404
    assert answer.error["field"] == "camera"
    assert answer.error["cure"] == "did you mean 'left'?"


def test_stats(site):
    stats = site.ask("/api/stats").json
    assert stats["store"] == {"visits": 5, "identities": 3, "events": 5, "cameras": 2, "agents": 1, "decisions": 6}
    assert stats["people_now"] == 2
    (agent,) = stats["agents"]
    assert agent["connected"] is True
    assert agent["last_seen"] == "2026-03-01T12:01:16.000Z"
    assert stats["recent"][0]["global_id"] == "G4"
    assert stats["engine"]["uptime_s"] == 12.5


def test_events_come_newest_first_in_pages(site):
    first = site.ask("/api/events?limit=3").json
    assert [event["track"] for event in first["events"]] == [5, 4, 3]
    assert first["events"][1]["global_id"] == "G1"  # visit 4 was G3's before the merge
    second = site.ask("/api/events", params={"limit": 3, "cursor": first["next"]}).json
    assert [event["track"] for event in second["events"]] == [2, 1]
    assert second["next"] is None


def test_events_by_camera_time_kind_identity_and_visit(site):
    def tracks(**params):
        return [event["track"] for event in site.ask("/api/events", params=params).json["events"]]

    assert tracks(camera="left") == [5, 3, 1]
    assert tracks(since="2026-03-01T12:00:15Z", until="2026-03-01T13:00:20+01:00") == [3, 2]
    assert tracks(kind="nothing_such") == []
    assert tracks(identity="G3") == [4, 2, 1]
    assert tracks(visit=2) == [2]
