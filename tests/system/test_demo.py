"""`./run demo`, as a stranger types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.weights import pulled

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.system


@pytest.mark.timeout(600)
def test_the_demo_follows_people_through_both_cameras(tmp_path: Path) -> None:
    pulled("yolov8n")
    pulled("vtest")
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo", "--json", str(tmp_path / "summary.json"), "--speed", "0"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=550)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b[" not in done.stdout, "no terminal gives plain lines"
    assert "Who passed where" in done.stdout
    summary = json.loads((tmp_path / "summary.json").read_text())
    crossed = [row for row in summary["identities"] if {visit["camera"] for visit in row["way"]} == {"left", "right"}]
    assert crossed, "people walk from one camera into the other"
    assert 10 <= sum(len(row["way"]) for row in summary["identities"]) <= 60
