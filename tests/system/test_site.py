"""The real programs together: nothing is lost or doubled, whatever dies; a restart changes no answer."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aggregator.keys_cli import app as keys_app
from deploy.demo.programs import Programs
from tests.support.blobs import Walker, write_video
from tests.support.site import Site, get, wait_for

pytestmark = pytest.mark.system

BLUE, GREEN, RED, YELLOW = (255, 80, 80), (80, 255, 80), (80, 80, 255), (80, 255, 255)
START = 1_750_000_000.0


def people(first: int) -> list[Walker]:
    """Four of them, one after the other and two at once, in clothes of different colours."""
    colours = ((BLUE, RED), (GREEN, BLUE), (RED, YELLOW), (YELLOW, GREEN))
    return [Walker(first + 50 * i, first + 50 * i + 80, -10, 330, upper, lower, foot=160 + 60 * (i % 2))
            for i, (upper, lower) in enumerate(colours)]


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two cameras, 36 s each: who leaves the first enters the second six seconds later."""
    folder = tmp_path_factory.mktemp("videos")
    return [{"id": name, "source": str(write_video(folder / f"{name}.avi", people(first), 360)),
             "clock": {"start": START}} for name, first in (("hall", 10), ("yard", 150))]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Programs(tmp_path) as programs:
        yield Site(tmp_path, programs)


def visits(site: Site) -> list[tuple[Any, ...]]:
    """Everything kept about who was seen, without what differs from run to run."""
    with sqlite3.connect(site.database) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute('SELECT camera, track, start - ?, "end" - ?, frames, parts, final, '
                          "(SELECT COUNT(*) FROM paths WHERE paths.visit = visits.visit), "
                          "(SELECT SUM(LENGTH(times)) FROM paths WHERE paths.visit = visits.visit) "
                          "FROM visits ORDER BY camera, track", (START, START)).fetchall()
    return [tuple(round(value, 3) if isinstance(value, float) else value for value in row) for row in rows]


def identities(site: Site) -> list[list[tuple[str, int]]]:
    """Visits grouped by identity."""
    with sqlite3.connect(site.database) as db:
        groups: dict[int, list[tuple[str, int]]] = {}
        for identity, camera, track in db.execute("SELECT identity, camera, track FROM visits ORDER BY camera, track"):
            groups.setdefault(identity, []).append((camera, track))
    return sorted(groups.values())


def test_people_are_followed_from_camera_to_camera(site: Site, cameras: list[dict[str, Any]]) -> None:
    site.config = site.folder / "aggregator.yaml"
    site.config.write_text("engine: {resolve_every_s: 1}\n")
    site.start_aggregator()
    site.wait_ended(site.start_agent(cameras))
    assert len(visits(site)) == 8
    # A site that nobody knows yet links carefully at first; what it learns repairs that soon after.
    wait_for(lambda: identities(site) == [[("hall", i), ("yard", i)] for i in (1, 2, 3, 4)], 20,
             "everybody has one identity in both cameras")


def test_killing_the_aggregator_in_mid_run_loses_and_doubles_nothing(
        tmp_path: Path, site: Site, cameras: list[dict[str, Any]]) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    with Programs(undisturbed) as programs:
        reference = Site(undisturbed, programs)
        reference.start_aggregator()
        reference.wait_ended(reference.start_agent(cameras))
        expected, expected_groups = visits(reference), identities(reference)

    for i in range(3):
        name = site.start_aggregator()
        if i == 0:
            agent = site.start_agent(cameras, speed=5.0)
            wait_for(lambda: get(f"{site.api}/visits")["visits"] != [], 30, "a first visit is kept")
        else:
            time.sleep(1.0)
        if i < 2:
            os.kill(site.programs.running[name].pid, signal.SIGKILL)
            site.programs.running.pop(name).wait()
            time.sleep(0.7)
    site.wait_ended(agent)
    assert visits(site) == expected
    assert identities(site) == expected_groups


def test_what_an_agent_could_not_send_goes_out_at_its_next_start(site: Site, cameras: list[dict[str, Any]]) -> None:
    alone = site.start_agent(cameras)
    wait_for(lambda: (site.folder / "spool-box" / "spool.db").exists(), 30, "a spool")
    time.sleep(4)
    site.programs.stop(alone)  # nobody ever listened
    site.start_aggregator()
    site.start_agent([{**cameras[0], "id": "other"}])
    wait_for(lambda: {row[0] for row in visits(site)} >= {"hall", "other"}, 30, "old and new visits arrive")
    runs = {row[:2] for row in visits(site) if row[0] == "hall"}
    assert len(runs) == len([row for row in visits(site) if row[0] == "hall"])


def test_a_restart_of_the_aggregator_changes_no_answer(site: Site, cameras: list[dict[str, Any]]) -> None:
    name = site.start_aggregator()
    site.wait_ended(site.start_agent(cameras))

    def answers() -> list[Any]:
        ids = [row["global_id"] for row in get(f"{site.api}/identities")["identities"]]
        said = [get(f"{site.api}/{path}") for path in ("identities", "visits", "events?limit=100")]
        said += [get(f"{site.api}/identities/{g}/{what}") for g in ids for what in ("trajectory", "where", "why")]
        said += [get(f"{site.api}/search?visit={row['visit']}") for row in said[1]["visits"]]
        return said

    before = answers()
    site.programs.stop(name)
    assert site.programs.running[name].returncode == 0
    site.start_aggregator()
    assert answers() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_programs_end_within_five_seconds_and_leave_whole_files(
        site: Site, cameras: list[dict[str, Any]], number: signal.Signals) -> None:
    aggregator = site.start_aggregator()
    agent = site.start_agent(cameras, speed=1.0)
    wait_for(lambda: get(f"{site.api}/visits")["visits"] != [], 30, "a first visit is kept")
    for name in (agent, aggregator):
        process = site.programs.running[name]
        process.send_signal(number)
        began = time.monotonic()
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - began < 5
    assert visits(site)
    with sqlite3.connect(site.folder / "spool-box" / "spool.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_camera_that_never_opens_does_not_stop_the_others(site: Site, cameras: list[dict[str, Any]]) -> None:
    site.start_aggregator()
    agent = site.start_agent([{"id": "dead", "source": "rtsp://127.0.0.1:9/nothing"}, cameras[0]])
    wait_for(lambda: len(visits(site)) == 4, 40, "the other camera's visits arrive")
    assert site.programs.running[agent].poll() is None, "a live camera is waited for, for ever"


def test_global_ids_come_back_to_the_box_and_into_its_video(site: Site, cameras: list[dict[str, Any]]) -> None:
    site.start_aggregator()
    site.wait_ended(site.start_agent(cameras, 0.0, "box", "--annotate", str(site.folder / "videos")))
    rows = (site.folder / "videos" / "hall" / "tracks.csv").read_text().splitlines()
    assert any(row.endswith(",G1") for row in rows)
    assert (site.folder / "videos" / "hall" / "annotated.mp4").stat().st_size > 10_000


def test_with_keys_only_who_has_one_gets_in(site: Site, cameras: list[dict[str, Any]]) -> None:
    runner = CliRunner()
    for name in ("box", "stranger"):
        made = runner.invoke(keys_app, ["new", name, "--data", str(site.folder / "data"),
                                        "--out", str(site.folder / f"{name}.key")])
        assert made.exit_code == 0, made.output
    assert runner.invoke(keys_app, ["revoke", "stranger", "--data", str(site.folder / "data")]).exit_code == 0
    site.config = site.folder / "aggregator.yaml"
    site.config.write_text(f"keys: {site.folder / 'data' / 'keys'}\n")
    site.start_aggregator()
    for name, key in (("plain", None), ("stranger", site.folder / "stranger.key")):
        site.start_agent([{**cameras[0], "id": name}], name=name, keys=key)
    site.wait_ended(site.start_agent(cameras, keys=site.folder / "box.key"))
    assert {row[0] for row in visits(site)} == {"hall", "yard"}
    assert len(visits(site)) == 8
