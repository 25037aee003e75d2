"""Bad requests: each gets a 4xx in the one shape that names the field and the nearest right name."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("path", "field", "cure"), [
    ("/api/events?sinc=2026-03-01T12:00:00Z", "sinc", "did you mean 'since'?"),
    ("/api/identities?min_visit=2", "min_visit", "did you mean 'min_visits'?"),
    ("/api/health?verbose=1", "verbose", "this address takes no parameters"),
    ("/api/identities/G1?id=G2", "id", "this address takes no parameters"),
    ("/api/cameras/left/heatmap?zzz=1", "zzz", "known here: format, half_life_s, sigma, since, until, width"),
])
def test_unknown_parameter_names_the_nearest(site, path, field, cure):
    answer = site.ask(path)
    assert answer.status == 400
    assert (answer.error["code"], answer.error["field"], answer.error["cure"]) == ("unknown_parameter", field, cure)


@pytest.mark.parametrize(("path", "field"), [
    ("/api/events?since=yesterday", "since"),
    ("/api/events?since=nan", "since"),
    ("/api/events?since=-5", "since"),
    ("/api/events?until=1e300", "until"),
    ("/api/events?since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z", "until"),
    ("/api/events?limit=0", "limit"),
    ("/api/events?limit=100000", "limit"),
    ("/api/events?limit=many", "limit"),
    ("/api/events?limit=5&limit=6", "limit"),
    ("/api/events?cursor=here", "cursor"),
    ("/api/events?cursor=nan:1", "cursor"),
    ("/api/events?identity=Q1", "identity"),
    ("/api/identities?min_visits=-1", "min_visits"),
    ("/api/visits/first", "visit"),
    ("/api/visits/99999999999999999999", "visit"),
    ("/api/cameras/left/heatmap?sigma=0", "sigma"),
    ("/api/cameras/left/heatmap?half_life_s=inf", "half_life_s"),
    ("/api/cameras/left/heatmap?width=100000", "width"),
    ("/api/cameras/left/heatmap?format=gif", "format"),
    ("/api/search", "visit"),
    ("/api/search?visit=1&each=person", "each"),
    ("/api/search?visit=1&limit=9999", "limit"),
    ("/api/ws/events?type=nonsense", "type"),
])
def test_a_value_that_cannot_be_used_is_named(site, path, field):
    answer = site.ask(path)
    assert answer.status == 400, answer.body
    assert answer.error["field"] == field
    assert field in answer.error["message"]


@pytest.mark.parametrize("path", [
    "/api/events?camera=rihgt", "/api/visits?camera=rihgt", "/api/identities?camera=rihgt",
    "/api/cameras/rihgt/heatmap", "/api/search?visit=1&camera=rihgt", "/api/ws/events?camera=rihgt"])
def test_a_filter_by_a_camera_that_is_not_there_does_not_silently_find_nothing(site, path):
    answer = site.ask(path)
    assert answer.status == 404
    assert (answer.error["field"], answer.error["cure"]) == ("camera", "did you mean 'right'?")


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/", "/api/identities/G1/nothing", "/docs/../secret"])
def test_unknown_address(site, path):
    answer = site.ask(path)
    assert answer.status == 404
    assert answer.error["code"] == "not_found"


def test_wrong_method_says_which_are_right(site):
    answer = site.ask("/api/search", "PUT")
    assert answer.status == 405
    assert answer.error["cure"] == "use GET, POST"
    assert answer.headers["Allow"] == "GET,POST"


def test_a_fault_of_ours_is_told_without_its_insides(site, monkeypatch, caplog):
    def broken():
        raise RuntimeError("secret path /home/x")

    monkeypatch.setattr(site.engine, "stats", broken)
    answer = site.ask("/api/stats")
    assert answer.status == 500
    assert answer.error["code"] == "internal"
    assert b"secret" not in answer.body
    assert "secret path" in caplog.text


def test_a_store_that_is_gone_is_503(site, tmp_path):
    site.data = tmp_path
    answer = site.ask("/api/events")
    assert answer.status == 503
    assert answer.error["code"] == "store_unavailable"
    assert answer.error["cure"]


def test_times_are_taken_with_an_offset_and_as_seconds(site):
    def count(since):
        return len(site.ask("/api/visits", params={"since": since}).json["visits"])

    assert count("2026-03-01T12:00:30Z") == count("2026-03-01T13:00:30+01:00") == count("1772366430") == 2
