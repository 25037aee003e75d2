"""The demo's site: which boxes there are, what each looks at, and the files that tell the programs so."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# vtest.avi is 768 × 576. The two boxes see its left and its right part with a gap between, so that nobody is in both
# and people really walk out of one and into the other.
LEFT_VIEW = [0, 0, 360, 576]
RIGHT_VIEW = [408, 0, 768, 576]
# Nobody needs longer for a gap of 48 pixels, even standing still for a while; a little less than nothing because a
# body half in the gap is seen by both.
TRANSIT_S = (-2.0, 60.0)
# Everything stays on this machine, and faces are blurred.
LOOK = {"allow": True}


@dataclass(frozen=True, slots=True)
class Box:
    """One camera box of the demo."""

    agent: str
    camera: dict[str, Any]


def sample_boxes(video: Path, start: float) -> list[Box]:
    """The sample video as two boxes; `start` is the UTC second of its first frame."""
    return [
        Box(f"box-{side}", {"id": side, "source": str(video), "crop": view, "clock": {"start": start},
                           "preview": LOOK})
        for side, view in (("left", LEFT_VIEW), ("right", RIGHT_VIEW))
    ]


def boxes_of(videos: list[str], start: float) -> list[Box]:
    """One box for each file, stream or webcam."""
    names = (re.sub(r"\W+", "-", Path(video.split("?")[0]).stem).strip("-") or "camera" for video in videos)
    taken: dict[str, int] = {}
    boxes = []
    for video, name in zip(videos, names, strict=True):
        taken[name] = taken.get(name, 0) + 1
        camera = f"{name}-{taken[name]}" if taken[name] > 1 else name
        recorded = Path(video).is_file()
        clock = {"clock": {"start": start}} if recorded else {}
        source = str(Path(video).resolve()) if recorded else video
        boxes.append(Box(f"box-{camera}", {"id": camera, "source": source, "preview": LOOK, **clock}))
    return boxes


def write_agent(folder: Path, box: Box, endpoint: str, detector: str, embedder: str, speed: float) -> Path:
    """agent.yaml of one box."""
    return _write(folder / f"{box.agent}.yaml", {
        "agent": box.agent,
        "aggregator": endpoint,
        "data": str(folder / box.agent),
        # Each box takes one core, as on two machines with one each.
        "models": {"detector": detector, "embedder": embedder, "device": "auto", "threads": 1},
        "replay": {"speed": speed},
        "cameras": [box.camera],
    })


def write_aggregator(folder: Path, boxes: list[Box], known_layout: bool) -> Path:
    """aggregator.yaml, and beside it the layout: how long it takes from camera to camera."""
    settings: dict[str, Any] = {"listen": "tcp://127.0.0.1:0", "http": "127.0.0.1:0", "data": str(folder / "data")}
    if known_layout:
        layout = folder / "layout.txt"
        pairs = itertools.permutations((str(box.camera["id"]) for box in boxes), 2)
        layout.write_text("".join(f"{a} {b} {TRANSIT_S[0]} {TRANSIT_S[1]}\n" for a, b in pairs), encoding="utf-8")
        settings["layout"] = str(layout)
    return _write(folder / "aggregator.yaml", settings)


def _write(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return path
