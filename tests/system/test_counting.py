"""Zones, lines and alerts through the real programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.http_client import Api
from deploy.demo.programs import Programs
from tests.support.blobs import Walker, write_video
from tests.support.site import Site, get, wait_for

pytestmark = pytest.mark.system

START = 1_750_000_000.0
DAY = f"since={START - 3600}&until={START + 3600}"
RULES = """
alerts:
  rules:
    - {name: out, when: line, line: half, direction: out}
    - {name: two, when: crowd, zone: middle, people: 2}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Programs(tmp_path) as programs:
        yield Site(tmp_path, programs)


def rows(site: Site, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(f"{site.api}/analytics/{path}")["rows"]
    return found


def test_what_cameras_count_is_answered_and_told_and_outlasts_a_restart(tmp_path: Path, site: Site) -> None:
    walkers = [Walker(5, 65, -10, 330), Walker(20, 80, 330, -10, (80, 255, 80), (255, 80, 80), foot=140),
               Walker(90, 150, -10, 330, (80, 80, 255), (80, 255, 255))]
    video = write_video(tmp_path / "hall.avi", walkers, 180)
    camera = {"id": "hall", "source": str(video), "clock": {"start": START},
              "zones": [{"name": "middle", "polygon": [[0.3, 0], [0.7, 0], [0.7, 1], [0.3, 1]]}],
              "lines": [{"name": "half", "points": [[0.5, 1], [0.5, 0]]}]}
    site.config = tmp_path / "aggregator.yaml"
    site.config.write_text(RULES)
    name = site.start_aggregator()
    site.wait_ended(site.start_agent([camera]))

    def answers() -> list[Any]:
        alerts = [(alert["time"], alert["data"]["rule"], alert["data"]["state"])
                  for alert in get(f"{site.api}/events?kind=alert")["events"]]
        return [rows(site, f"lines?{DAY}"), rows(site, f"zones?{DAY}"),
                rows(site, f"footfall?{DAY}&step=hour&kind=zone"), alerts]

    wait_for(lambda: sum(row["entries"] for row in rows(site, f"footfall?{DAY}")) == 3, 20, "everybody is counted")
    before = answers()
    (line,), (zone,), _, alerts = before
    assert (line["forward"], line["backward"]) == (2, 1)
    assert (zone["entries"], zone["exits"], zone["now"], zone["peak"]) == (3, 3, 0, 2)
    assert sorted((rule, state) for _, rule, state in alerts) == [
        ("out", "alert"), ("two", "cleared"), ("two", "raised")]
    site.programs.stop(name)
    site.start_aggregator()
    assert answers() == before


def test_zones_drawn_in_the_middle_are_counted_at_the_camera_also_after_its_restart(tmp_path: Path, site: Site) -> None:
    video = write_video(tmp_path / "hall.avi", [Walker(5, 65, -10, 330)], 90)
    camera = {"id": "hall", "source": str(video), "loop": True}
    zone = {"name": "middle", "polygon": [[0.3, 0], [0.7, 0], [0.7, 1], [0.3, 1]]}
    site.start_aggregator()
    name = site.start_agent([camera], 4.0)
    wait_for(lambda: bool(get(f"{site.api}/cameras")["cameras"]), 30, "the camera is known")
    Api(f"http://{site.http}")._json(Api(f"http://{site.http}").request(
        "PUT", "/api/cameras/hall/places", {}, accept="application/json", body=json.dumps({"zones": [zone]}).encode(),
        media="application/json"))
    wait_for(lambda: [row["zone"] for row in get(f"{site.api}/zones")["zones"]] == ["middle"], 20, "the agent has it")
    wait_for(lambda: rows(site, "zones")[0]["entries"] > 0, 30, "it counts")
    site.programs.stop(name)
    assert (tmp_path / "spool-box" / "places" / "hall.geojson").is_file()
    (tmp_path / "data" / "places").rename(tmp_path / "elsewhere")  # the box itself remembers
    site.start_agent([camera], 4.0, "box")
    before = rows(site, "zones")[0]["entries"]
    wait_for(lambda: rows(site, "zones")[0]["entries"] > before, 30, "it counts on")
