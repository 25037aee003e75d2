"""`edge-agent doctor`: tries everything that agent.yaml names, beside the agent that may be running."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from common.findings import Finding, of_disk, report
from common.settings import load
from edge_agent.doctor.box import asked_clock, examine_aggregator, examine_clock, examine_spool
from edge_agent.doctor.cameras import capacity, examine_camera
from edge_agent.doctor.networks import examine_faces, examine_networks
from edge_agent.settings import AgentSettings
from models.detector import Detector
from models.embedder import Embedder

USUAL_FPS = 10.0


def doctor(
    config: Annotated[Path, typer.Option("-c", "--config", help="agent.yaml")],
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="how long each camera is watched")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False,
) -> None:
    """Try networks, cameras, clock, disk, spool and aggregator, and say what is wrong and what cures it.

    Works before the first start and beside a running agent. Exit codes: 0 all is well, 1 something is not.

    Examples:

      edge-agent doctor -c agent.yaml

      edge-agent doctor -c agent.yaml --seconds 20 --json
    """
    settings = load(config, AgentSettings)
    report(list(_findings(settings, seconds)), as_json)


def _findings(settings: AgentSettings, seconds: float) -> Iterator[Finding]:
    networks: list[Detector | Embedder] = []
    yield from examine_networks(settings.models, settings.detector, networks)
    yield from examine_faces(settings.cameras)
    detector = next((network for network in networks if isinstance(network, Detector)), None)
    for camera in settings.cameras:
        yield from examine_camera(camera, settings.streams, detector, settings.tracker, seconds)
    if detector is not None:
        yield capacity(_per_frame_s(detector), {camera.id: camera.max_fps or USUAL_FPS
                                                for camera in settings.cameras})
    yield examine_clock(asked_clock())
    yield of_disk(settings.data, settings.spool.max_mb * 1e6)
    yield examine_spool(settings.data, settings.spool.max_mb)
    yield examine_aggregator(settings)


def _per_frame_s(detector: Detector) -> float:
    """Seconds that the detector takes for a picture of 1280 × 720, the better of two."""
    picture, took = np.full((720, 1280, 3), 114, np.uint8), []
    for _ in range(3):
        began = time.perf_counter()
        detector.detect([picture])
        took.append(time.perf_counter() - began)
    return min(took[1:])
