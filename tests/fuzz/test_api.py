"""The API as its OpenAPI document describes it, asked by schemathesis: no failure, no answer that is not announced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.programs import Programs

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# They wait for pictures that nobody takes in this test: 503, as announced.
LEFT_OUT = ("/api/cameras/{camera}/frame", "/api/cameras/{camera}.mjpg")
# What the HTTP parser says of an address that is far too long, in plain text, before any route is reached.
TOO_LONG = "`Got more than"
SECONDS = 30


def schemathesis() -> str | None:
    """The program: of this environment, or the one that PASSAGE_SCHEMATHESIS names."""
    beside = Path(sys.executable).with_name("schemathesis")
    return os.environ.get("PASSAGE_SCHEMATHESIS") or (str(beside) if beside.exists() else shutil.which("schemathesis"))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """The real aggregator with a small made city in it."""
    (tmp_path / "aggregator.yaml").write_text(
        f"listen: tcp://127.0.0.1:0\nhttp: 127.0.0.1:0\ndata: {tmp_path / 'data'}\n"
        "api: {open_loopback: true, failures_per_minute: 100000}\n")
    with Programs(tmp_path) as programs:
        ready = tmp_path / "ready.json"
        programs.start("aggregator", "aggregator", "serve", "-c", str(tmp_path / "aggregator.yaml"),
                       "--ready-file", str(ready))
        addresses = programs.wait_ready("aggregator", ready)
        programs.start("city", "aggregator", "simulate", "--cameras", "4", "--people", "20", "--hours", "0.3",
                       "--to", addresses["listen"], "--speed", "0")
        programs.running["city"].wait(60)
        yield addresses["http"]
        programs.check("aggregator")


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.skipif(schemathesis() is None, reason="schemathesis is not installed: pip install '.[fuzz]'")
def test_schemathesis_finds_no_fault(api: str, tmp_path: Path) -> None:
    program = schemathesis()
    assert program is not None
    leave_out = [word for path in LEFT_OUT for word in ("--exclude-path", path)]
    ran = subprocess.run(
        [program, "run", f"{api}/api/openapi.json", "--url", api, "--max-time", str(SECONDS), "--checks", CHECKS,
         "--continue-on-failure", "--warnings", "off", "-n", "10", *leave_out],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=240)
    assert "Tested:" in ran.stdout, ran.stdout[-2000:] + ran.stderr[-2000:]
    failures = [block.partition("Reproduce with:")[0] for block in ran.stdout.split("\n- ST")[1:]]
    found = [block[:1000] for block in failures if TOO_LONG not in block]
    assert failures or "❌ ST" not in ran.stdout, ran.stdout[-6000:]
    assert not found, found
