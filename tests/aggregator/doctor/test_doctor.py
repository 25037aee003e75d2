"""Each usual fault of a site, planted, is found, with what was seen, what was expected and the cure."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aggregator.cli import app
from aggregator.doctor.house import examine_house, links, one_network, whole
from aggregator.doctor.site import CURES, examine_site
from aggregator.keys_cli import app as keys_app
from aggregator.store import open_store, store_file
from common.findings import Finding
from tests.support.site import free_port, wait_for

WELL: dict[str, Any] = {
    "engine": {"problem": None, "queue": 3, "queue_limit": 2000, "messages_per_s": 12.0, "refused": {},
               "wire": {"refused": {}}},
    "agents": [{"agent": "box", "software": "0.1.0", "connected": True, "clock_skew_s": 0.02,
                "last_seen": "2026-03-01T08:30:00Z",
                "spool": {"depth": 3.0, "bytes": 6000.0, "max_bytes": 5e8, "dropped_messages": 0.0}}],
    "cameras": [{"camera": "hall", "agent": "box",
                 "live": {"fps": 10.0, "frames": 100.0, "up": 1.0, "latency_s": 0.2, "reconnects": 0.0}}],
}


def wrong(findings: list[Finding]) -> list[str]:
    for finding in findings:
        assert finding.seen
        assert not finding.wrong or (finding.expected and finding.cure)
    return [finding.what for finding in findings if finding.wrong]


def set_at(stats: dict[str, Any], *path: Any, to: Any) -> None:
    *way, last = path
    for step in way:
        stats = stats[step]
    stats[last] = to


def test_a_site_that_is_well() -> None:
    later = copy.deepcopy(WELL)
    later["cameras"][0]["live"]["frames"] = 130.0
    found = list(examine_site(WELL, later))
    assert wrong(found) == []
    assert [finding.what for finding in found] == ["load", "agent box", "camera hall"]


AGENT, LIVE = ("agents", 0), ("cameras", 0, "live")
FAULTS: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "a clock that is fast": ((*AGENT, "clock_skew_s"), 75.0, "clock of box"),
    "a clock that is slow": ((*AGENT, "clock_skew_s"), -3.0, "clock of box"),
    "an agent that is gone": ((*AGENT, "connected"), False, "agent box"),
    "a spool that grows": ((*AGENT, "spool", "depth"), 300.0, "spool of box"),
    "a spool that is nearly full": ((*AGENT, "spool", "bytes"), 4e8, "spool of box"),
    "a spool that gave up entries": ((*AGENT, "spool", "dropped_messages"), 5.0, "lost by box"),
    "a camera that is silent": ((*LIVE, "up"), 0.0, "camera hall"),
    "a camera without frames": ((*LIVE, "fps"), 0.0, "camera hall"),
    "a camera with too few frames": ((*LIVE, "fps"), 2.5, "camera hall"),
    "a box that is too slow": ((*LIVE, "latency_s"), 9.0, "camera hall"),
    "a disk that takes nothing": (("engine", "problem"), "disk full", "storing"),
    "more than can be taken": (("engine", "queue"), 1900, "load"),
    "nobody at all": (("agents",), [], "agents"),
    **{f"refused: {code}": (("engine", "refused"), {code: 7}, "refused") for code in CURES},
    "a key that is not known": (("engine", "wire"), {"refused": {"key_unknown": 3}}, "refused"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_site_is_found(fault: str) -> None:
    path, value, what = FAULTS[fault]
    later = copy.deepcopy(WELL)
    set_at(later, *path, to=value)
    assert wrong(list(examine_site(WELL, later))) == [what]


def test_the_house_that_is_well(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    assert wrong(list(examine_house(tmp_path, 1e9))) == []


def test_no_database(tmp_path: Path) -> None:
    assert wrong(list(examine_house(tmp_path, 1e9))) == ["database"]


def test_a_damaged_database(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, store.transaction():
        for seq in range(3000):
            store.advance("box", f"spool-{seq}", 1)
    path = store_file(tmp_path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 20_000)
        file.write(random.Random(3).randbytes(8192))
    assert whole(path, 1e9).wrong
    assert not whole(path, 0).wrong, "not read through"


def test_a_database_that_was_damaged_before(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    (tmp_path / "passage.db.broken-20260301T083000Z").touch()
    assert whole(store_file(tmp_path), 1e9).wrong


def test_cameras_with_different_networks() -> None:
    assert not one_network([("aa" * 8, "hall", "osnet"), ("aa" * 8, "yard", "osnet")]).wrong
    found = one_network([("aa" * 8, "hall", "osnet"), ("bb" * 8, "yard", "osnet_generated")])
    assert found.wrong
    assert "hall" in found.seen
    assert "yard" in found.seen


@pytest.mark.parametrize(("decisions", "is_wrong"), [
    ([("new", 0.9)] * 100, True),
    ([("new", 0.9)] * 60 + [("link", 0.9)] * 40, False),
    ([("new", 0.9)] * 60 + [("link", 0.4)] * 40, True),
    ([("new", 0.9)] * 10, False),
])
def test_thresholds_that_are_off_for_the_site_show_in_its_links(
        decisions: list[tuple[str, float]], is_wrong: bool) -> None:
    assert links(decisions, 2).wrong == is_wrong


@pytest.mark.system
def test_a_running_site_with_a_wrong_clock_and_a_stranger(tmp_path: Path, started: Any) -> None:
    """The real aggregator, a real agent whose clock is fast, and one whose key nobody let in."""
    listen, http, data = f"tcp://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}", tmp_path / "data"
    for name in ("box", "stranger"):
        made = CliRunner().invoke(keys_app, ["new", name, "--data", str(data), "--out", str(tmp_path / f"{name}.key")])
        assert made.exit_code == 0, made.output
    (data / "keys" / "agents" / "stranger.pub").unlink()
    config = tmp_path / "aggregator.yaml"
    config.write_text(f"listen: {listen}\nhttp: {http}\ndata: {data}\nkeys: {data / 'keys'}\n")
    started.aggregator(config)
    started.agent("box", listen, tmp_path / "box.key", clock_ahead_s=90.0)
    started.agent("stranger", listen, tmp_path / "stranger.key")

    def found() -> dict[str, Any]:
        said = CliRunner().invoke(app, ["doctor", "-c", str(config), "--seconds", "0.1", "--json"])
        return {row["what"]: row for row in json.loads(said.stdout) if row["wrong"]}

    wait_for(lambda: {"clock of box", "refused"} <= found().keys(), 30, "both are found")
    assert "+90" in found()["clock of box"]["seen"] or "+89" in found()["clock of box"]["seen"]
    assert "key" in found()["refused"]["seen"]
