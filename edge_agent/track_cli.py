"""`edge-agent track`: one source → files. No aggregator, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from common.clock import SystemClock
from common.console import print_json
from common.errors import ConfigError
from common.mot import read_mot
from common.settings import from_mapping
from edge_agent.build import build_pipeline, load_needed
from edge_agent.capture.frame import Frame
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.settings import CameraSettings
from edge_agent.events import ended_events, track_events
from edge_agent.hook import HookSettings
from edge_agent.hook.hook import Hook
from edge_agent.outputs import RunOutputs, require_display
from edge_agent.settings import ModelSettings
from edge_agent.tracking import IdAllocator, TrackedFrame, Tracker, TrackerSettings
from edge_agent.tracklets import TrackletSettings
from edge_agent.visits import VisitRows
from models.detector import DetectorSettings

RUN = "track"


def track(
    source: Annotated[str, typer.Argument(help="video file, rtsp:// or http:// address, webcam:0, folder:PATH of "
                                               "pictures, or market1501:PATH#CAMERA or mars:PATH#CAMERA of a data "
                                               "set; left out with --detections")] = "",
    out: Annotated[Path, typer.Option("--out", help="folder for tracks.csv, events.jsonl, mot.txt, visits.npz and "
                                                    "summary.json")] = Path("out"),
    annotate: Annotated[bool, typer.Option("--annotate", help="also write annotated.mp4")] = False,
    show: Annotated[bool, typer.Option("--show", help="show it in a window while it runs")] = False,
    detections: Annotated[Path | None, typer.Option(
        "--detections", help="track these MOTChallenge detections (.txt or .txt.gz) instead of a video")] = None,
    fps: Annotated[float, typer.Option("--fps", help="frames a second of --detections")] = 30.0,
    size: Annotated[str, typer.Option("--size", help="frame size of --detections in pixels")] = "1920x1080",
    start: Annotated[str | None, typer.Option(
        "--start", metavar="TIME", help="when a file's first frame was taken, such as 2026-03-01T08:30:00Z; now if not "
                                        "given")] = None,
    camera: Annotated[str, typer.Option("--camera", help="name of the camera in what is written")] = "camera",
    detector: Annotated[str, typer.Option("--detector", help="detector from the catalog, or an ONNX file")] = "yolov8n",
    embedder: Annotated[str, typer.Option(
        "--embedder", help="embedder from the catalog, or an ONNX file")] = "osnet_generated",
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or tensorrt")] = "auto",
    threads: Annotated[int, typer.Option("--threads", help="CPU threads for the networks, 0 for all")] = 0,
    classes: Annotated[str, typer.Option("--classes", help="what to follow, separated by commas")] = "person",
    places: Annotated[Path | None, typer.Option(
        "--places", help="GeoJSON file of zones (Polygons) and lines (LineStrings), coordinates from 0 to 1")] = None,
    tracker: Annotated[str, typer.Option("--tracker", help="bytetrack, sort or appearance")] = "bytetrack",
    hook: Annotated[str, typer.Option(
        "--hook", metavar="FILE", help="your own Python, called for frames and tracklets: .py file or module")] = "",
    faces: Annotated[bool, typer.Option("--faces", help="look for faces too; visits.npz then holds them")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print summary.json instead of a line for people")] = False,
) -> None:
    """Follow what moves through one source, and write it down.

    What several of these left is linked by `aggregator link`.

    Examples:

      edge-agent track street.mp4 --out run1 --annotate

      edge-agent track street.mp4 --out run1 --faces --hook my_hook.py

      edge-agent track --detections det.txt.gz --fps 30 --size 1920x1080 --out run2
    """
    tracking = from_mapping({"kind": tracker}, TrackerSettings, "--tracker")
    if detections is not None:
        if source:
            raise ConfigError("give a source or --detections, not both")
        if hook or faces:
            raise ConfigError("--hook and --faces look at pictures, and --detections has none", "give a video instead")
        summary = track_boxes(detections, out, fps, _size(size), camera, tracking)
    elif not source:
        raise ConfigError("no source was given", "edge-agent track VIDEO --out DIR")
    else:
        if show:
            require_display()  # before minutes of work, not after
        models = from_mapping({"detector": detector, "embedder": embedder, "device": device, "threads": threads},
                              ModelSettings, "options")
        wanted = from_mapping({"classes": classes.split(",")}, DetectorSettings, "--classes")
        counted = {"zones": places, "lines": places} if places else {}
        eyes = from_mapping({"id": camera, "source": source, "clock": {"start": start}, "faces": faces, **counted},
                            CameraSettings, "options")
        called = from_mapping({"run": hook}, HookSettings, "--hook") if hook else None
        summary = track_source(eyes, out, models, wanted, tracking, annotate=annotate, show=show, hook=called)
    if as_json:
        print_json(summary)
    else:
        seen = ", ".join(f"{label}: {count} tracks" for label, count in summary["tracks_by_label"].items()) or "nobody"
        print(f"{summary['frames']} frames, {summary['fps']:.1f} a second, {seen} → {out}")


def track_source(camera: CameraSettings, out: Path, models: ModelSettings, detector: DetectorSettings,
                 tracker: TrackerSettings, *, annotate: bool = False, show: bool = False,
                 hook: HookSettings | None = None) -> dict[str, Any]:
    """Run the whole pipeline over one source; returns what summary.json holds.

    Ctrl-C ends it early with whole files. A video that is cut in the middle gives what is readable and says so.

    Raises:
        ConfigError: there is no such hook.
        ModelError: the camera looks for faces, and the networks for that are not on this machine.
        SourceError: the source cannot be opened, or held no frame.
    """
    if hook is not None:
        hook.check()
    pipeline = build_pipeline([camera], load_needed([camera], models, detector), tracker, TrackletSettings(), RUN)
    capture = CaptureGroup([camera], clock=SystemClock())
    outputs: RunOutputs | None = None
    visits = VisitRows(pipeline.embedder.name, *((pipeline.faces.reader.name, pipeline.faces.reader.dimensions)
                                                 if pipeline.faces else ()))
    began = 0.0
    calls = Hook(hook, lambda: pipeline.detector.names) if hook is not None else None
    if calls:
        calls.start()
    console = Console(stderr=True)
    progress = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                        console=console, disable=not console.is_terminal)
    interrupted = False
    capture.start()
    try:
        with progress:
            bar = progress.add_task(camera.id, total=None)
            try:
                while not capture.finished:
                    for result in pipeline.step(frames) if (frames := capture.next_batch(timeout=1.0)) else ():
                        if outputs is None:
                            began = result.frame.time
                            height, width = result.frame.image.shape[:2]
                            outputs = RunOutputs(out, camera.id, (width, height), capture.fps(camera.id),
                                                 annotate=annotate, show=show)
                            progress.update(bar, total=capture.frame_count(camera.id))
                        outputs.frame(result.frame, result.tracked, pipeline.detector.names, {})
                        outputs.events(result.events)
                        visits.add(result.tracklets)
                        if calls:
                            calls.offer_frame(result.frame, result.tracked, {})
                            calls.offer_tracklets(result.tracklets)
                        progress.advance(bar)
            except KeyboardInterrupt:
                interrupted = True
        tracklets, events = pipeline.finish()
        if calls:
            calls.offer_tracklets(tracklets)
    finally:
        capture.stop()
        if calls:
            calls.stop()
    status = capture.status()[camera.id]
    capture.raise_if_nothing_was_read(camera.id)
    visits.add(tracklets)
    assert outputs is not None  # a source without a frame was an error above
    outputs.events(events)
    visits.write(out / "visits.npz", began)
    return outputs.close({
        "source": str(camera.source), "interrupted": interrupted,
        "warnings": [status.last_error] if status.last_error else [],
        "stage_fps": {stage: round(fps, 1) for stage, fps in pipeline.times.fps().items()},
        "crops_embedded": pipeline.times.crops,
        **({"hook": calls.figures()} if calls else {}),
        "models": {role: {"name": network.name, "fingerprint": network.fingerprint}
                   for role, network in (("detector", pipeline.detector), ("embedder", pipeline.embedder),
                                         *((("faces", pipeline.faces.reader),) if pipeline.faces else ()))},
        "notices": [pipeline.embedder.notice] if pipeline.embedder.notice else [],
    })


def track_boxes(detections: Path, out: Path, fps: float, size: tuple[int, int], camera: str,
                settings: TrackerSettings) -> dict[str, Any]:
    """Run the tracker alone over MOTChallenge detections; returns what summary.json holds.

    Args:
        size: width and height of the frames they were found in, pixels.

    Raises:
        ConfigError: `fps` is no frame rate.
        SourceError: the file cannot be read.
    """
    if fps <= 0:
        raise ConfigError(f"--fps {fps}: expected frames a second, more than 0", "--fps 30")
    no_picture = np.broadcast_to(np.uint8(0), (size[1], size[0], 3))  # costs no memory
    outputs = RunOutputs(out, camera, size, fps)
    last: tuple[int, TrackedFrame] | None = None
    tracker = Tracker(settings, [camera], IdAllocator())
    for number, found in read_mot(detections).detections():
        index, time = number - 1, (number - 1) / fps
        (tracked,) = tracker.step([(camera, time, found)])
        outputs.frame(Frame(camera=camera, index=index, time=time, image=no_picture, view=(0.0, 0.0)), tracked,
                      ("person",), {})
        outputs.events(track_events(index, tracked, RUN))
        last = index, tracked
    if last:
        for ids in tracker.finish().values():
            outputs.events(ended_events(camera, RUN, last[1].time, last[0], ids))
    return outputs.close({"source": str(detections)})


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ConfigError(f"--size {text}: expected WIDTHxHEIGHT in pixels", "--size 1920x1080")
    return int(width), int(height)
