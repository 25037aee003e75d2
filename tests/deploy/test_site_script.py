"""deploy/site/install: the steps of docs/deploy.md, all of them, below a folder instead of in /."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.blobs import Walker, write_detector, write_video
from tests.support.site import free_port, wait_for

ROOT = Path(__file__).parents[2]
VENV = Path(sys.prefix)


def install(*words: str, fails: bool = False) -> str:
    said = subprocess.run([str(ROOT / "deploy" / "site" / "install"), *words], capture_output=True, text=True,
                          check=False)
    assert (said.returncode != 0) == fails, said.stdout + said.stderr
    return said.stdout + said.stderr


def rows(database: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(database) as db:
        found: list[tuple[str, str]] = db.execute("SELECT DISTINCT agent, camera FROM visits ORDER BY 1").fetchall()
    return found


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 10
    while any(process.poll() is None for process in processes) and time.monotonic() < until:
        time.sleep(0.05)
    for process in processes:
        process.kill()
        process.wait()


def start(prefix: Path, unit: str, log: Path) -> subprocess.Popen[bytes]:
    """Runs what systemd would."""
    text = (prefix / "etc" / "systemd" / "system" / unit).read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", text, re.M)
    (folder,) = re.findall(r"^WorkingDirectory=(.+)$", text, re.M)
    with log.open("ab") as out:
        return subprocess.Popen(shlex.split(command), cwd=folder, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True)


@pytest.mark.system
def test_a_site_is_put_up_step_by_step(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    middle, endpoint = tmp_path / "middle", f"tcp://127.0.0.1:{free_port()}"
    venv = ("--venv", str(VENV))
    install("aggregator", "--listen", endpoint, "--http", f"127.0.0.1:{free_port()}", "--prefix", str(middle), *venv)
    started.append(start(middle, "passage-aggregator.service", tmp_path / "aggregator.log"))
    detector = write_detector(tmp_path / "blobs.onnx")
    for i, colours in enumerate((((255, 80, 80), (80, 80, 255)), ((80, 255, 80), (80, 255, 255)))):
        name = f"box-{i}"
        key = tmp_path / f"{name}.key"
        install("key", name, "--out", str(key), "--prefix", str(middle), *venv)
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert not list((middle / "var" / "lib" / "passage").glob(".*.key"))
        video = write_video(tmp_path / f"{name}.avi", [Walker(5, 60, -10, 330, *colours, foot=160)], 70)
        said = install("box", name, "--aggregator", endpoint, "--key", str(key), "--camera", f"gate-{i}={video}",
                       "--detector", str(detector), "--no-pull", "--prefix", str(tmp_path / name), *venv)
        assert "edge-agent doctor" in said
        started.append(start(tmp_path / name, "passage-edge-agent.service", tmp_path / f"{name}.log"))
    database = middle / "var" / "lib" / "passage" / "passage.db"
    expected = [("box-0", "gate-0"), ("box-1", "gate-1")]
    wait_for(lambda: database.exists() and bool(_tables(database)) and rows(database) == expected, 90,
             "both boxes' visits arrive")


def _tables(database: Path) -> list[tuple[str]]:
    with sqlite3.connect(database) as db:
        found: list[tuple[str]] = db.execute("SELECT name FROM sqlite_master WHERE name = 'visits'").fetchall()
    return found


def test_settings_and_keys_that_are_there_stay(tmp_path: Path) -> None:
    words = ("--prefix", str(tmp_path), "--venv", str(VENV))
    install("aggregator", *words)
    settings = tmp_path / "etc" / "passage" / "aggregator.yaml"
    settings.write_text(settings.read_text() + "log: debug\n")
    key = (tmp_path / "var" / "lib" / "passage" / "keys" / "server.key").read_bytes()
    assert "kept:" in install("aggregator", *words)
    assert "log: debug" in settings.read_text()
    assert (tmp_path / "var" / "lib" / "passage" / "keys" / "server.key").read_bytes() == key


@pytest.mark.parametrize(("words", "told"), [
    (("box",), "what is the box called"),
    (("box", "a"), "where is the aggregator"),
    (("box", "a", "--aggregator", "tcp://127.0.0.1:1"), "which cameras"),
    (("key", "a", "--out", "a.key", "--prefix", "."), "no aggregator here"),
    (("aggregator", "--lissen", "x"), "no option"),
])
def test_what_lacks_is_said(
        words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in install(*words, fails=True)
