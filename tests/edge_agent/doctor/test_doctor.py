"""Each usual fault of a camera box, planted, is found, with what was seen, what was expected and the cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from common.findings import Finding, of_disk
from edge_agent.cli import app
from edge_agent.doctor import box, cameras
from edge_agent.spool import Spool
from edge_agent.tracking import TrackerSettings
from models.pixels import IMAGENET_MEAN, IMAGENET_STD
from tests.models.graphs import mean_embedder
from tests.support.blobs import Walker, write_detector, write_video

BLUE, RED = (255, 80, 80), (80, 80, 255)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_detector(folder / "blobs.onnx")
    write_video(folder / "hall.avi", [Walker(0, 40, 40, 280, BLUE, RED)], 40)
    write_video(folder / "slow.avi", [Walker(0, 40, 40, 280, BLUE, RED)], 12, fps=2.0)
    return folder


class Rig:
    """An agent.yaml in which everything is well, but for what a test changes."""

    def __init__(self, world: Path, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.values: dict[str, Any] = {
            "agent": "box", "aggregator": "tcp://127.0.0.1:9", "data": str(folder / "data"),
            "models": {"detector": str(world / "blobs.onnx"), "embedder": "osnet_generated", "device": "cpu",
                       "threads": 1},
            "detector": {"iou": 0.25, "size": 320, "confidence": 0.3}, "spool": {"max_mb": 1.0},
            "cameras": [{"id": "hall", "source": str(world / "hall.avi")}]}

    def embedder(self, graph: bytes) -> None:
        (self.folder / "net.onnx").write_bytes(graph)
        self.values["models"]["embedder"] = str(self.folder / "net.onnx")

    def findings(self) -> dict[str, dict[str, Any]]:
        config = self.folder / "agent.yaml"
        config.write_text(yaml.safe_dump(self.values))
        said = CliRunner().invoke(app, ["doctor", "-c", str(config), "--seconds", "0.5", "--json"])
        found = {row["what"]: row for row in json.loads(said.stdout)}
        assert said.exit_code == (1 if any(row["wrong"] for row in found.values()) else 0), said.output
        for row in found.values():
            assert row["seen"]
            assert not row["wrong"] or (row["expected"] and row["cure"])
        return found

    def wrong(self) -> set[str]:
        """What is wrong; nobody listens in these tests, which is not what they are about."""
        return {what for what, row in self.findings().items() if row["wrong"]} - {"aggregator"}


@pytest.fixture
def rig(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr("edge_agent.doctor.cli.asked_clock", lambda: "yes")
    monkeypatch.setattr(box, "AGGREGATOR_S", 0.2)
    return Rig(world, tmp_path)


def test_a_box_that_is_well(rig: Rig) -> None:
    found = rig.findings()
    assert {what for what, row in found.items() if row["wrong"]} == {"aggregator"}
    assert "nobody answers" in found["aggregator"]["seen"]
    assert set(found) == {"detector", "embedder", "embedder in batches", "embeddings", "camera hall",
                          "detections of hall", "speed", "clock", "disk", "spool", "aggregator"}


def test_an_export_that_drifts_in_batches(rig: Rig) -> None:
    rig.embedder(mean_embedder(drift=0.5))
    assert rig.wrong() == {"embedder in batches"}


def test_a_graph_that_normalises_what_is_normalised(rig: Rig) -> None:
    rig.embedder(mean_embedder(own=(IMAGENET_MEAN, IMAGENET_STD)))
    found = rig.findings()
    assert found["normalisation"]["wrong"]
    assert "not done twice" in found["normalisation"]["seen"]


def test_a_network_to_which_everybody_looks_alike(rig: Rig) -> None:
    # Pixels of a wrong scale: against such an offset what is in the picture no longer counts.
    rig.embedder(mean_embedder(own=((-5000.0,) * 3, (1.0,) * 3)))
    assert "embeddings" in rig.wrong()


def test_a_network_that_is_not_there(rig: Rig) -> None:
    rig.values["models"]["embedder"] = str(rig.folder / "nothing.onnx")
    assert rig.wrong() == {"embedder"}


def test_a_camera_without_pictures(rig: Rig) -> None:
    rig.values["cameras"].append({"id": "yard", "source": "rtsp://127.0.0.1:9/nothing"})
    rig.values["streams"] = {"open_timeout_s": 0.3, "read_timeout_s": 0.3}
    assert rig.wrong() == {"camera yard"}


def test_a_camera_with_too_few_frames(rig: Rig) -> None:
    rig.values["cameras"] = [{"id": "slow", "source": str(rig.world / "slow.avi")}]
    assert rig.wrong() == {"camera slow"}


def test_a_threshold_that_nobody_reaches_here() -> None:
    glimpse = cameras.Glimpse("hall", 10.0, 100, np.full(80, 0.35, np.float32))
    found = cameras.confidence(glimpse, TrackerSettings())
    assert found.wrong
    assert "high_confidence: 0.3" in found.cure or "high_confidence: 0.4" in found.cure
    assert not cameras.confidence(cameras.Glimpse("hall", 10.0, 100, np.full(80, 0.8, np.float32)),
                                  TrackerSettings()).wrong
    assert not cameras.confidence(cameras.Glimpse("hall", 10.0, 100, np.zeros(0, np.float32)), TrackerSettings()).wrong


def test_a_box_that_is_too_slow_for_its_cameras() -> None:
    assert cameras.capacity(0.2, {"a": 10.0, "b": 10.0}).wrong
    assert not cameras.capacity(0.02, {"a": 10.0, "b": 10.0}).wrong
    assert not cameras.capacity(0.4, {"a": 2.0}).wrong


def test_a_clock_that_nobody_sets(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.doctor.cli.asked_clock", lambda: "no")
    assert rig.wrong() == {"clock"}


def test_a_disk_without_room(rig: Rig) -> None:
    rig.values["spool"]["max_mb"] = 1e12
    assert rig.wrong() == {"disk"}
    assert isinstance(of_disk(rig.folder / "not" / "there", 0.0), Finding)


def test_a_spool_that_fills_up_while_the_agent_has_it_open(rig: Rig) -> None:
    with Spool(rig.folder / "data" / "spool.db") as spool:
        spool.append([bytes(100_000)] * 7)
        assert rig.wrong() == {"spool"}


def test_a_spool_that_was_damaged_before(rig: Rig) -> None:
    (rig.folder / "data").mkdir()
    (rig.folder / "data" / "spool.db.broken-20260301T083000Z").touch()
    assert rig.wrong() == {"spool"}


def test_people_are_told_in_plain_text(rig: Rig) -> None:
    rig.values["models"]["embedder"] = str(rig.folder / "nothing.onnx")
    (rig.folder / "agent.yaml").write_text(yaml.safe_dump(rig.values))
    said = CliRunner().invoke(app, ["doctor", "-c", str(rig.folder / "agent.yaml"), "--seconds", "0.2"])
    assert said.exit_code == 1
    assert "✓ detector: blobs on cpu" in said.stdout
    assert "✗ embedder: " in said.stdout
    assert "    → " in said.stdout


def test_a_camera_that_looks_for_faces_without_the_networks_is_told_how_to_get_them(tmp_path, monkeypatch):
    from edge_agent.capture.settings import CameraSettings
    from edge_agent.doctor.networks import examine_faces

    monkeypatch.setenv("PASSAGE_MODELS", str(tmp_path))
    cameras = [CameraSettings(id="door", source="a.avi", faces=True), CameraSettings(id="yard", source="b.avi")]
    (found,) = examine_faces(cameras)
    assert found.wrong
    assert "models pull yunet" in found.cure
    assert list(examine_faces(cameras[1:])) == []
