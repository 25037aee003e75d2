"""A made-up city sent to the real aggregator: everything arrives, also when the aggregator is killed on the way."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.programs import Programs
from tests.support.site import Site, get, wait_for

pytestmark = pytest.mark.system

CITY = ("--cameras", "4", "--people", "40", "--hours", "0.3", "--dimensions", "64", "--seed", "3")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Programs(tmp_path) as programs:
        yield Site(tmp_path, programs)


def count(site: Site) -> int:
    with sqlite3.connect(site.database) as database:
        return int(database.execute("SELECT COUNT(*) FROM visits WHERE final").fetchone()[0])


def test_a_city_arrives_whole_though_the_aggregator_is_killed(site: Site) -> None:
    first = site.start_aggregator()
    site.programs.start("city", "aggregator", "simulate", *CITY, "--to", site.listen, "--rate", "200", "--agents", "2")
    wait_for(lambda: count(site) > 30, 60, "visits arrive")
    site.programs.running[first].send_signal(signal.SIGKILL)
    site.programs.running.pop(first).wait()
    site.start_aggregator()
    site.wait_ended("city", 90)
    said = (site.folder / "city.log").read_text()
    visits = int(said.split(" visits of ")[0].split()[-1])
    assert count(site) == visits
    stats = get(f"{site.api}/stats")
    assert stats["store"]["visits"] == visits
    assert 20 < stats["store"]["identities"] < visits  # 40 people
    assert {agent["agent"] for agent in stats["agents"]} == {"city-1", "city-2"}
    assert sum(figures["visits"] for figures in stats["engine"]["index"].values()) == visits
