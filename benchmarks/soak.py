"""Six live cameras for half an hour: whether memory, descriptors or threads grow, and whether a picture ever waits.

    python benchmarks/soak.py [--minutes 30] [--cameras 6] [--fps 5] [--report FILE] [--json FILE]

Real programs: one `edge-agent run` and one `aggregator serve` with CURVE between them. The cameras are HTTP streams
(MJPEG, 320 × 256) that this script serves, in which coloured figures walk in and out for ever; the detector is the
small network of the tests, so that six cameras leave room on two cores. The aggregator keeps what it knows for four
minutes, so that its database and indexes reach the size at which they stay. Both processes are looked at every two
seconds from outside, in /proc, and every ten at /metrics.

Good is: memory rises less than 1 MB an hour after the warm-up (the first third), as the robust slope through the
means of the minutes (Theil–Sen: the median of the slopes between all pairs; a minute, as what is done every twenty
seconds needs some megabytes for a moment); as many descriptors and threads at the end as then; and no picture older
than a second when its tracklets are done. Exit code 1 when something is not good.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import re
import secrets
import socketserver
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from rich.progress import Progress

from common.keys import AuthorisedKeys, new_pair, write_agent_keys, write_server_keys
from deploy.demo.programs import Programs
from tests.support.blobs import HEIGHT, PERSON_HEIGHT, PERSON_WIDTH, WIDTH, write_detector
from tests.support.site import free_port

EVERY_S = 2.0
METRICS_EVERY = 5
MINUTE = 30
"""Looks."""
KEPT_S = 240.0
MOST_MB_AN_HOUR = 1.0
MOST_AGE_S = 1.0
COLOURS = ((255, 80, 80), (80, 80, 255), (80, 255, 80), (255, 255, 80), (80, 255, 255), (255, 80, 255))


def picture(camera: int, now: float) -> NDArray[np.uint8]:
    """Two people at a time cross the view in twelve seconds; with every crossing they are other people."""
    image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    for lane, foot in enumerate((150, 240)):
        crossing, share = divmod(now / 12 + 0.5 * lane + 0.13 * camera, 1.0)
        number = int(crossing) * 7 + 3 * lane + camera
        x = round((1.2 * share - 0.1) * WIDTH)
        left, right = max(0, x - PERSON_WIDTH // 2), max(0, x + PERSON_WIDTH // 2)
        image[foot - PERSON_HEIGHT:foot - PERSON_HEIGHT // 2, left:right] = COLOURS[number % 6]
        image[foot - PERSON_HEIGHT // 2:foot, left:right] = COLOURS[number // 6 % 6]
    return image


class Cameras(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves /0, /1 … as MJPEG streams."""

    daemon_threads = True

    def __init__(self, fps: float) -> None:
        self.fps = fps
        super().__init__(("127.0.0.1", 0), _Stream)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that leaves is no fault."""


class _Stream(http.server.BaseHTTPRequestHandler):
    server: Cameras

    def do_GET(self) -> None:
        """Pictures until the reader leaves."""
        camera, due = int(self.path.strip("/")), time.monotonic()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        while True:
            due += 1 / self.server.fps
            time.sleep(max(0.0, due - time.monotonic()))
            _, jpeg = cv2.imencode(".jpg", picture(camera, time.monotonic()))
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
                             % (len(jpeg), jpeg.tobytes()))

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class Watched:
    """One process, sample by sample."""

    pid: int
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    cpu_s: float = 0.0

    def look(self) -> None:
        """One sample. Memory is what is no file's: a library's pages are the process's own or not by whether another
        program uses it at the moment, ten megabytes up or down."""
        base = Path(f"/proc/{self.pid}")
        rollup = (base / "smaps_rollup").read_text()
        kilobytes = sum(int(n) for n in re.findall(r"^(?:Anonymous|Swap):\s+(\d+)", rollup, re.M))
        self.memory_mb.append(kilobytes / 1024)
        self.descriptors.append(sum(1 for _ in (base / "fd").iterdir()))
        self.threads.append(sum(1 for _ in (base / "task").iterdir()))
        fields = (base / "stat").read_text().rpartition(")")[2].split()
        self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


    def minutes(self, since: int) -> list[float]:
        """Means of the memory in whole minutes from a look on."""
        rest = self.memory_mb[since:]
        return [float(np.mean(rest[at:at + MINUTE])) for at in range(0, len(rest) - MINUTE + 1, MINUTE)] or rest


def slope(values: list[float], every_s: float) -> float:
    """By how much (n,) values rise in an hour: median of all pairs' slopes (Theil 1950, Sen 1968)."""
    pairs = [(b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(values), 2)]
    return float(np.median(pairs)) * 3600 / every_s if pairs else 0.0


def metric(text: str, name: str) -> list[float]:
    """All values of a metric."""
    return [float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)]


def start(folder: Path, programs: Programs, cameras: Cameras, count: int) -> tuple[str, int]:
    """Both programs; the address of the box's metrics, and of the aggregator's process."""
    keys, (public, secret), mine = folder / "keys", new_pair(), new_pair()
    write_server_keys(keys / "server.key", public, secret)
    AuthorisedKeys(keys / "agents").add("soak", mine[0])
    write_agent_keys(folder / "soak.key", "soak", mine[0], mine[1], public)
    # What is kept for days, or compared for hours, is kept for minutes: half an hour is many of its lives.
    (folder / "aggregator.yaml").write_text(yaml.safe_dump({
        "keys": str(keys), "linking": {"time_to_live": 120.0, "resolve_window": 60.0, "sample": 500},
        "retention": {f"{kind}_days": KEPT_S / 86400
                      for kind in ("visits", "embeddings", "paths", "events", "log", "audit")} | {"every_s": 20.0}}))
    programs.start("aggregator", "aggregator", "serve", "-c", str(folder / "aggregator.yaml"), "--listen",
                   "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", "--data", str(folder / "data"), "--ready-file",
                   str(folder / "ready"))
    ready = programs.wait_ready("aggregator", folder / "ready")
    metrics = f"127.0.0.1:{free_port()}"
    (folder / "agent.yaml").write_text(yaml.safe_dump({
        "agent": "soak", "aggregator": ready["listen"], "keys": str(folder / "soak.key"),
        "data": str(folder / "box"), "metrics_http": metrics,
        "models": {"detector": str(write_detector(folder / "blobs.onnx")), "embedder": "osnet_generated",
                   "device": "cpu",
                   "threads": 1},
        "detector": {"iou": 0.25, "size": 320, "confidence": 0.3},
        "cameras": [{"id": f"camera-{k}", "source": f"http://127.0.0.1:{cameras.server_port}/{k}"}
                    for k in range(count)]}))
    programs.start("agent", "edge-agent", "run", "-c", str(folder / "agent.yaml"))
    return f"http://{metrics}/metrics", int(ready["pid"])


def soak(folder: Path, minutes: float, count: int, fps: float) -> dict[str, Any]:
    """Run it; everything that was seen."""
    cameras = Cameras(fps)
    ages: list[float] = []
    text, looks = "", 0
    with Programs(folder) as programs, Progress(disable=not sys.stderr.isatty()) as progress:
        address, pid = start(folder, programs, cameras, count)
        watched = {"edge-agent": Watched(programs.running["agent"].pid), "aggregator": Watched(pid)}
        time.sleep(15)  # networks are loaded, cameras opened
        task = progress.add_task("soak", total=minutes * 60)
        began = due = time.monotonic()
        while time.monotonic() < began + 60 * minutes:
            due += EVERY_S
            time.sleep(max(0.0, due - time.monotonic()))
            programs.check("agent", "aggregator")
            for one in watched.values():
                one.look()
            looks += 1
            if looks % METRICS_EVERY == 0:
                with urllib.request.urlopen(address, timeout=30) as answer:
                    text = answer.read().decode()
                if time.monotonic() > began + 60:  # the start is no picture of the rest
                    ages += metric(text, "passage_camera_latency_worst_seconds")
            progress.update(task, completed=time.monotonic() - began)
        seconds = time.monotonic() - began
    cameras.shutdown()
    warm = len(watched["aggregator"].memory_mb) // 3
    frames = sum(metric(text, "passage_camera_frames_total"))
    return {
        "minutes": seconds / 60, "cameras": count, "samples": len(watched["aggregator"].memory_mb),
        "frames": int(frames), "dropped": int(sum(metric(text, "passage_camera_dropped_frames_total"))),
        "frames_per_s": frames / (seconds + 15), "oldest_s": max(ages, default=float("nan")),
        "unacknowledged": int(sum(metric(text, "passage_spool_messages"))),
        "processes": {name: {
            "memory_mb": [one.minutes(warm)[0], one.minutes(warm)[-1]],
            "mb_an_hour": slope(one.minutes(warm), MINUTE * EVERY_S),
            "descriptors": [min(one.descriptors[warm:]), max(one.descriptors[warm:])],
            "threads": [min(one.threads[warm:]), max(one.threads[warm:])],
            "cores": one.cpu_s / seconds, "every_minute": [round(value, 2) for value in one.minutes(0)],
        } for name, one in watched.items()},
    }


def faults(found: dict[str, Any]) -> list[str]:
    """What is not good."""
    wrong = [] if found["oldest_s"] <= MOST_AGE_S else [f"a picture was {found['oldest_s']:.2f} s old"]
    for name, one in found["processes"].items():
        if not one["mb_an_hour"] < MOST_MB_AN_HOUR:
            wrong.append(f"{name}: memory rises {one['mb_an_hour']:.2f} MB an hour")
        for what in ("descriptors", "threads"):
            low, high = one[what]
            if high - low > 1:  # one may be looked at while somebody asks
                wrong.append(f"{name}: {low} to {high} {what}")
    return wrong


def table(found: dict[str, Any]) -> str:
    """For people, as Markdown."""
    rows = [f"{found['minutes']:.0f} minutes, {found['cameras']} cameras, {found['frames']:,} pictures "
            f"({found['frames_per_s']:.1f} a second, {found['dropped']} dropped); the oldest was "
            f"{found['oldest_s']:.2f} s old when its tracklets were done.\n",
            "| process | MB after warm-up, at the end | MB an hour | descriptors | threads | cores |",
            "|---|--:|--:|--:|--:|--:|"]
    for name, one in found["processes"].items():
        first, last = one["memory_mb"]
        rows.append(f"| {name} | {first:.1f}, {last:.1f} | {one['mb_an_hour']:+.2f} | {_range(one['descriptors'])} "
                    f"| {_range(one['threads'])} | {one['cores']:.2f} |")
    return "\n".join(rows) + "\n"


def _range(pair: list[int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}–{pair[1]}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--fps", type=float, default=5.0, help="of each camera")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table here")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=f"passage-soak-{secrets.token_hex(2)}-") as name:
        found = soak(Path(name), given.minutes, given.cameras, given.fps)
    text, wrong = table(found), faults(found)
    print(text + "".join(f"\nNot good: {one}" for one in wrong))
    if given.report:
        given.report.write_text(text, encoding="utf-8")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
