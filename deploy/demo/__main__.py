"""Gets a network and a video, starts two camera boxes and an aggregator, shows them, and says who passed where."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
import typer
from rich.console import Console

from aggregator.live import LiveView
from common.console import print_json, run_app
from common.errors import PassageError
from common.local_token import read_local_token
from deploy.demo.programs import Programs
from deploy.demo.report import next_steps, show, summarise
from deploy.demo.site import boxes_of, sample_boxes, write_agent, write_aggregator
from models import builtin
from models.catalog import look_up
from models.progress import show_progress
from models.store import ModelStore

SAMPLE = "vtest"
SAMPLE_S = 79.5

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    video: Annotated[list[str] | None, typer.Option(
        "--video", help="your own file, rtsp:// or http:// stream, or webcam:0; once for each camera")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave the aggregator running at the end, until Ctrl-C")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the summary to this file")] = None,
    detector: Annotated[str, typer.Option("--detector", help="detector from the catalog")] = "yolov8n",
    embedder: Annotated[str, typer.Option("--embedder", help="embedder from the catalog")] = builtin.NAME,
    speed: Annotated[float, typer.Option("--speed", help="how fast files are played; 1 is as recorded")] = 1.25,
    folder: Annotated[Path | None, typer.Option(
        "--data", help="folder for database, settings and logs; a temporary one otherwise")] = None,
) -> None:
    """Watch people being followed from one camera to another, on real video, on this machine alone.

    Examples:

      ./run demo

      ./run demo --keep

      ./run demo --video rtsp://camera1/stream --video rtsp://camera2/stream
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed window must not leave programs behind
        signal.signal(number, signal.default_int_handler)
    console = Console()
    models = ModelStore()
    for name in (detector, *(() if video else (SAMPLE,))):
        _fetch(models, name)
    if embedder != builtin.NAME:
        models.path(embedder)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _run(console, folder.resolve(), models, video, keep, json_file, detector, embedder, speed)
    else:
        with tempfile.TemporaryDirectory(prefix="passage-demo-", ignore_cleanup_errors=True) as temporary:
            _run(console, Path(temporary), models, video, keep, json_file, detector, embedder, speed)


def _fetch(models: ModelStore, name: str) -> None:
    """Gets a file of the catalog that is not here yet, its licence shown first."""
    if models.stored(name) is None:
        print(look_up(name).licence_text(), file=sys.stderr)
        with show_progress() as progress:
            models.pull(name, progress)


def _run(console: Console, folder: Path, models: ModelStore, videos: list[str] | None, keep: bool,
         json_file: Path | None, detector: str, embedder: str, speed: float) -> None:
    began = time.time()
    # Played a little faster than recorded, the last frame must not lie in the future.
    start = began - SAMPLE_S
    boxes = boxes_of(videos, start) if videos else sample_boxes(models.path(SAMPLE), start)
    with Programs(folder) as programs:
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        programs.start("aggregator", "aggregator", "serve", "-c",
                       str(write_aggregator(folder, boxes, known_layout=not videos)), "--ready-file", str(ready))
        addresses = programs.wait_ready("aggregator", ready)
        api, endpoint = addresses["http"], addresses["listen"]
        for box in boxes:
            settings = write_agent(folder, box, endpoint, detector, embedder, speed)
            programs.start(box.agent, "edge-agent", "run", "-c", str(settings))
        names = [box.agent for box in boxes]
        console.print(f"{len(boxes)} camera boxes, one aggregator at {api}; settings and logs in {folder}",
                      highlight=False, soft_wrap=True)
        if keep and (token := read_local_token(urlsplit(api).port or 0)):
            console.print(f"the dashboard, for a browser on this machine: {api}/login#token={token}",
                          highlight=False, soft_wrap=True)
        try:
            watched = LiveView(api, console=console).run(until=lambda: programs.ended(*names))
        except KeyboardInterrupt:
            watched = False
        if not watched:
            console.print("Stopping …")
            programs.stop(*names)
        programs.check("aggregator")
        summary = summarise(api, start)
        summary["seconds"] = round(time.time() - began, 1)
        summary |= {"detector": detector, "embedder": embedder, "api": api}
        show(console, summary)
        if json_file:
            _write_json(json_file, summary)
        next_steps(console, api, _example(summary), keep)
        if keep:
            _wait(programs)


def _example(summary: dict[str, Any]) -> str:
    longest = max(summary["identities"], key=lambda row: len(row["way"]), default=None)
    return str(longest["global_id"]) if longest else "G1"


def _write_json(path: Path, summary: dict[str, Any]) -> None:
    if str(path) == "-":
        print_json(summary)
        return
    try:
        path.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise PassageError(f"{path}: {error.strerror}", "give --json a file in a folder that is there") from error


def _wait(programs: Programs) -> None:
    try:
        while not programs.ended("aggregator"):
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    run_app(app)
