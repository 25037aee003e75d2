"""`edge-agent check`: would `run` work here? Cameras, networks and the aggregator, tried one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common.clock import SystemClock
from common.console import print_json
from common.errors import PassageError
from common.keys import read_agent_keys
from common.settings import load
from edge_agent.build import load_needed
from edge_agent.capture.dataset import every_camera
from edge_agent.capture.group import CaptureGroup
from edge_agent.settings import AgentSettings
from edge_agent.uplink import probe

CAMERA_S = 15.0
AGGREGATOR_S = 3.0


def check(
    config: Annotated[Path, typer.Option("-c", "--config", help="agent.yaml")],
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False,
) -> None:
    """Try everything that agent.yaml names, and say what does not work and what cures it.

    Example:

      edge-agent check -c agent.yaml
    """
    settings = load(config, AgentSettings)
    findings = list(_findings(settings))
    if as_json:
        print_json([{"what": what, "ok": error is None, "says": says} for what, says, error in findings])
    else:
        console = Console(highlight=False, soft_wrap=True)
        for what, says, error in findings:
            console.print("✗" if error else "✓", style="red" if error else "green", end=" ")
            console.print(f"{what}: {says}", markup=False)
    if any(error for _, _, error in findings):
        raise typer.Exit(1)


def _findings(settings: AgentSettings) -> Iterator[tuple[str, str, PassageError | None]]:
    yield _try("networks", lambda: _networks(settings))
    try:
        cameras = every_camera(settings.cameras)
    except PassageError as error:
        yield "cameras", str(error), error
        cameras = ()
    for camera in cameras:
        capture = CaptureGroup([camera], clock=SystemClock())
        yield _try(f"camera {camera.id}", partial(_first_frame, capture, camera.id))
    keys = read_agent_keys(settings.keys) if settings.keys else None
    yield _try("aggregator", lambda: probe(settings.aggregator, settings.agent, keys, AGGREGATOR_S))


def _try(what: str, attempt: Callable[[], str]) -> tuple[str, str, PassageError | None]:
    try:
        return what, attempt(), None
    except PassageError as error:
        return what, str(error), error


def _networks(settings: AgentSettings) -> str:
    detector, embedder = load_needed(settings.cameras, settings.models, settings.detector)
    return f"{detector.name} and {embedder.name}" + (f" ({embedder.notice})" if embedder.notice else "")


def _first_frame(capture: CaptureGroup, camera: str) -> str:
    capture.start()
    try:
        frames = capture.next_batch(timeout=CAMERA_S)
        if not frames:
            capture.raise_if_nothing_was_read(camera)
        height, width = frames[0].image.shape[:2]
        return f"{width} × {height} pixels, {capture.fps(camera):.3g} frames a second"
    finally:
        capture.stop()

