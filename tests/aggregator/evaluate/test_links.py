"""`aggregator evaluate links`: scores, transit times and the picture of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from aggregator.evaluate.links_cli import links
from aggregator.evaluate.transits import Transits
from common.errors import ConfigError


def files(tmp_path: Path, *, confidence: bool = True) -> tuple[Path, Path]:
    """Thirty people walk a → b → c; the answer loses every third at b."""
    rng = np.random.default_rng(1)
    start = np.array([[20 * i, 20 * i + 30 + rng.normal(0, 2), 20 * i + 70 + rng.normal(0, 4)] for i in range(30)])
    np.savez(tmp_path / "visits.npz", camera=np.array(["a", "b", "c"] * 30), start=start.ravel(),
             end=start.ravel() + 10, identity=np.repeat(np.arange(30), 3))
    with (tmp_path / "links.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["visit", "global_id", *(["confidence", "online_global_id"] if confidence else [])])
        for i in range(90):
            lost = i // 3 % 3 == 0 and i % 3 == 1
            writer.writerow([i, f"G{500 + i if lost else i // 3}", *([0.9, f"G{i // 3}"] if confidence else [])])
    return tmp_path / "visits.npz", tmp_path / "links.csv"


def test_scores_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    links(*files(tmp_path), data=None, truth=None, picture=tmp_path / "links.png", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["people"], found["false_links"]) == (30, 0)
    assert found["idf1"] < found["online_idf1"] == 1  # as first decided
    assert found["calibration_error"] == pytest.approx(0.1)
    image = cv2.imread(str(tmp_path / "links.png"))
    assert image is not None
    assert image.shape[1] > image.shape[0]


def test_a_picture_without_confidence(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    links(*files(tmp_path, confidence=False), data=None, truth=None, picture=tmp_path / "p.png", as_json=True)
    assert (tmp_path / "p.png").exists()
    with pytest.raises(ConfigError, match="PNG"):
        links(*files(tmp_path), data=None, truth=None, picture=tmp_path / "p.jpg", as_json=True)


def test_transit_times_of_successive_visits() -> None:
    start = np.array([0.0, 10, 30, 40])
    transits = Transits.of(["x", "x", "x", "y"], ["1", "1", "2", "1"], ["a", "b", "a", "b"], start, start + 5)
    assert transits.seconds(("a", "b"), said=False).tolist() == [5]
    assert transits.seconds(("b", "a"), said=False).tolist() == [15]
    assert transits.seconds(("b", "a"), said=True).tolist() == []
    assert transits.busiest(9) == [("a", "b"), ("b", "a")]
