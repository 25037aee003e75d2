from __future__ import annotations

import re

import pytest

from aggregator.api.access import Caller, Role
from aggregator.api.guard import Guard
from aggregator.metrics import METRICS
from common.metrics import Metric, Samples, declared

LINE = re.compile(r'([a-z0-9_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.e+-]+|\+Inf)')


def read(text: str) -> dict[str, list[tuple[str, float]]]:
    """As Prometheus reads it: every number follows its HELP and TYPE."""
    found: dict[str, list[tuple[str, float]]] = {}
    told: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            told[line.split()[2]] = ""
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert told[name] == ""
            told[name] = kind
        else:
            match = LINE.fullmatch(line)
            assert match, line
            assert told[match[1]] in ("gauge", "counter")
            found.setdefault(match[1], []).append((match[2] or "", float(match[3])))
    return found


def test_every_number_is_declared_and_says_its_unit(site):
    site.ask("/api/cameras")
    answer = site.ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    numbers = read(answer.body.decode())
    assert set(numbers) <= set(METRICS)
    assert numbers["passage_people"] == [("", 2.0)]
    assert numbers["passage_camera_frames_per_second"] == [('camera="left"', 9.9)]
    assert numbers["passage_agent_connected_boolean"] == [('agent="box"', 1.0)]
    assert ('kind="visits"', 5.0) in numbers["passage_store_rows"]
    assert numbers["passage_process_resident_bytes"][0][1] > 10e6


def test_who_sees_some_cameras_gets_their_numbers_only(site):
    who = Caller(name="lea", role=Role.VIEWER, cameras=frozenset({"right"}))
    site.guard = Guard(site.settings, everybody=who, clock=site.clock)
    text = site.ask("/metrics").body.decode()
    assert "left" not in text
    numbers = read(text)
    assert numbers["passage_people"] == [("", 0.0)]
    assert "passage_http_requests_total" not in numbers


def test_nobody_reads_numbers_without_a_token(site):
    site.guard = Guard(site.settings, clock=site.clock)
    assert site.ask("/metrics").status == 401


def test_requests_are_counted_by_operation_and_status(site):
    async def conversation(client):
        await client.get("/api/identities/G1")
        await client.get("/api/identities/G99")
        async with client.get("/metrics") as answer:
            return await answer.text()

    numbers = read(site.talk(conversation))
    assert set(numbers["passage_http_requests_total"]) == {
        ('operation="get_identity",status="200"', 1.0), ('operation="get_identity",status="404"', 1.0)}


def test_labels_are_written_so_that_no_name_breaks_the_text():
    samples = Samples(declared([Metric(name="passage_x_total", kind="counter", help="x", labels=("camera",))]))
    samples.add("passage_x_total", 3, 'a"b\\c\nd')
    assert 'passage_x_total{camera="a\\"b\\\\c\\nd"} 3' in samples.text()
    assert read(samples.text())


@pytest.mark.parametrize(("name", "kind"), [("passage_x", "gauge"), ("passage_x_seconds", "counter"),
                                            ("passage_x_total", "gauge"), ("x_total", "counter")])
def test_a_metric_without_a_unit_cannot_be_declared(name, kind):
    with pytest.raises(ValueError, match=name):
        declared([Metric(name=name, kind=kind, help="x")])


def test_ready_is_told_from_working(site):
    assert site.ask("/api/ready").json == {"ready": True}
    real = site.engine.stats()
    site.engine.stats = lambda: real | {"index_backlog": -1}
    assert site.ask("/api/health").status == 200
    assert site.ask("/api/ready").error["code"] == "starting"
    site.engine.stats = lambda: real | {"problem": "disk full"}
    assert site.ask("/api/ready").error["code"] == "engine_stuck"
