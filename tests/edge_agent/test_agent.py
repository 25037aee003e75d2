"""What a box does when something under it breaks."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from common.errors import ModelError
from common.settings import from_mapping
from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings
from tests.support.blobs import Walker, write_detector, write_video


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    people = [Walker(5, 195, -10, 330, foot=200)]
    return Agent(from_mapping({
        "agent": "box", "aggregator": "tcp://127.0.0.1:1", "data": str(tmp_path / "data"),
        "models": {"detector": str(write_detector(tmp_path / "blobs.onnx")), "embedder": "osnet_generated",
                   "device": "cpu", "threads": 1},
        "detector": {"iou": 0.25, "size": 320, "confidence": 0.3}, "replay": {"speed": 0.0},
        "cameras": [{"id": "gate", "source": str(write_video(tmp_path / "gate.avi", people, 200))}],
    }, AgentSettings, "test"), SystemClock())


def test_a_gpu_that_is_lost_ends_the_agent_soon_and_keeps_what_was_seen(
        agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started it starts it again: with a GPU that is back, or on the CPU. No aggregator is there meanwhile."""
    step, seen = agent.pipeline.step, []

    def until_it_is_lost(frames: Any) -> Any:
        seen.append(frames)
        if len(seen) == 80:
            raise ModelError("blobs: does not run on cuda: CUDA failure 719: unspecified launch failure")
        return step(frames)

    monkeypatch.setattr(agent.pipeline, "step", until_it_is_lost)
    began = time.monotonic()
    with pytest.raises(ModelError, match="does not run on cuda"):
        agent.run()
    assert len(seen) == 80
    assert time.monotonic() - began < 15
    with sqlite3.connect(agent.settings.data / "spool.db") as db:
        (kept,) = db.execute("SELECT count(*) FROM entries").fetchone()
    db.close()
    assert kept >= 2, "the track's start, and what was seen of it until then"
