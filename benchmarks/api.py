"""How fast the HTTP API answers with a day of a site in its store: requests a second and the time of the slowest 1 %.

    python benchmarks/api.py [--visits 20000] [--seconds 2] [--connections 8] [--json FILE]

The server runs in a process of its own and is asked over loopback by this one, so both share the machine's cores, as
they do on a small site. `alone` is one connection that waits for each answer; `many` keeps `--connections` busy. The
day is made up: 20 cameras, visits of 20 s with two path points a second, an identity for every four visits.
Answers are real: pictures are embedded by `osnet_generated`, heatmaps are drawn from the store's paths.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from aggregator.api.app import create_app
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.engine import Bus
from aggregator.linking.history import HistoryIndex
from aggregator.store import StoreReader, open_store
from aggregator.visit import Decision, Rival
from common.clock import ManualClock, to_rfc3339
from common.messages import CameraInfo, Event, ModelInfo
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet
from models.load import load_embedder

DAY = 1_772_323_200.0  # 2026-03-01T00:00:00Z
CAMERAS = 20
STAY_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request that is asked again and again; `{identity}` and `{visit}` vary."""

    path: str
    accept: str = "application/json"
    body: bytes | None = None
    parameters: dict[str, str] = field(default_factory=dict)


class Numbers:
    """An engine whose numbers stand still."""

    def __init__(self, history: HistoryIndex) -> None:
        self.history = history

    def stats(self) -> dict[str, Any]:
        """As of a quiet site."""
        return {"cameras": {f"camera {n}": {"fps": 10.0, "latency_s": 0.1, "people": 1} for n in range(CAMERAS)}}


def tracklets(visits: int, model: str, dimensions: int) -> Iterator[tuple[int, Tracklet]]:
    """Identity and tracklet, in the order of their start."""
    random = np.random.default_rng(1)
    people = random.normal(size=(visits // 4 + 1, dimensions)).astype(np.float32)
    points = int(2 * STAY_S)
    for track in range(visits):
        person = track // 4
        start = DAY + (86_400 - 200) * person / max(1, visits // 4) + 40 * (track % 4)
        rows = people[person] + random.normal(size=(2, dimensions)).astype(np.float32) / 2
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        times = start + np.arange(points) / 2
        x = np.linspace(random.random() * 0.4, 0.5 + random.random() * 0.4, points, dtype=np.float32)
        y = np.linspace(0.3, 0.3 + random.random() * 0.5, points, dtype=np.float32)
        yield person + 1, Tracklet(
            camera=f"camera {(person + track) % CAMERAS}", run="run", track=track, part=0, final=True, start=start,
            end=float(times[-1]), label="person", frames=200, confidence=0.9, model=model, mean=rows[0],
            embeddings=rows[1:], quality=np.ones(1, np.float32), embedding_times=times[:1],
            path=VisitPath(times=times, frames=np.arange(points, dtype=np.int32) * 5,
                           boxes=np.stack([x, y, x + 0.1, y + 0.2], axis=1)))


def fill(folder: Path, visits: int) -> HistoryIndex:
    """A day in the store, and its index."""
    embedder = load_embedder("osnet_generated", device="cpu", threads=1)
    history = HistoryIndex()
    with open_store(folder) as store:
        with store.transaction():
            store.agent_seen("box", DAY, software="benchmark", run="run")
            for n in range(CAMERAS):
                store.camera_known("box", CameraInfo(camera=f"camera {n}", width=1280, height=720, fps=10.0), DAY)
            store.model_known(ModelInfo(task="embedding", name="osnet_generated", fingerprint=embedder.fingerprint,
                                        dimensions=embedder.dimensions))
        batch: list[tuple[int, Tracklet]] = []
        for item in tracklets(visits, embedder.fingerprint, embedder.dimensions):
            batch.append(item)
            if len(batch) == 1000 or item[1].track == visits - 1:
                with store.transaction():
                    for identity, tracklet in batch:
                        visit = store.record_tracklet("box", tracklet)
                        assert visit is not None
                        store.record_decisions([Decision(
                            operation="link", visit=visit.visit, identity=identity, score=3.0, confidence=0.9,
                            rivals=(Rival(identity=1, score=-1.0, probability=0.05),), reason={"cosine": 0.8})],
                            tracklet.end, "digest")
                        store.record_events([
                            Event(camera=tracklet.camera, run="run", kind=kind, time=moment, track=tracklet.track)
                            for kind, moment in (("track_started", tracklet.start), ("track_ended", tracklet.end))])
                rows = [tracklet for _, tracklet in batch]
                history.add(embedder.fingerprint, [row.track + 1 for row in rows], [identity for identity, _ in batch],
                            np.stack([row.mean for row in rows]), [row.camera for row in rows],
                            [row.start for row in rows], [row.end for row in rows])
                batch = []
    return history


def serve(folder: Path, visits: int, pipe: Connection) -> None:
    """The server's process: fill, listen on a free port, tell it, run until told."""
    cv2.setNumThreads(1)
    began = time.perf_counter()
    history = fill(folder, visits)
    seconds = time.perf_counter() - began

    async def run() -> None:
        app = create_app(lambda: StoreReader(folder), Numbers(history), Bus(), clock=ManualClock(DAY + 86_400),
                         guard=Guard(ApiSettings(), everybody=LOCAL))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send((runner.addresses[0][1], seconds))
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        await runner.cleanup()

    asyncio.run(run())


def questions() -> dict[str, Question]:
    """What a dashboard and its users ask."""
    hour = {"since": to_rfc3339(DAY + 43_200), "until": to_rfc3339(DAY + 46_800)}
    person = np.random.default_rng(5).integers(0, 255, (256, 128, 3), np.uint8)
    picture = cv2.imencode(".jpg", cv2.GaussianBlur(person, (31, 31), 9))[1].tobytes()
    return {
        "health": Question(path="/api/health"),
        "cameras": Question(path="/api/cameras"),
        "stats": Question(path="/api/stats"),
        "50 events": Question(path="/api/events"),
        "50 identities": Question(path="/api/identities"),
        "50 identities of an hour": Question(path="/api/identities", parameters=hour),
        "identity": Question(path="/api/identities/G{identity}"),
        "trajectory": Question(path="/api/identities/G{identity}/trajectory"),
        "where": Question(path="/api/identities/G{identity}/where"),
        "why": Question(path="/api/identities/G{identity}/why"),
        "search by visit": Question(path="/api/search?visit={visit}"),
        "search by visit, an hour": Question(path="/api/search?visit={visit}", parameters=hour),
        "search by picture": Question(path="/api/search", body=picture),
        "heatmap of an hour, numbers": Question(path="/api/cameras/camera 3/heatmap", parameters=hour),
        "heatmap of the day, picture": Question(path="/api/cameras/camera 3/heatmap", accept="image/png"),
    }


async def load(url: str, question: Question, visits: int, seconds: float, connections: int) -> NDArray[np.float64]:
    """Ask for so long over so many connections; seconds of each answer, and last the rate."""
    taken: list[float] = []
    random = np.random.default_rng(2)
    until = time.perf_counter() + seconds

    async def one(session: aiohttp.ClientSession) -> None:
        while time.perf_counter() < until:
            path = question.path.format(identity=random.integers(1, visits // 4), visit=random.integers(1, visits))
            began = time.perf_counter()
            async with session.request(
                    "POST" if question.body else "GET", url + path, params=question.parameters, data=question.body,
                    headers={"Accept": question.accept, **({"Content-Type": "image/jpeg"} if question.body else {})},
            ) as answer:
                await answer.read()
                assert answer.status == 200, (path, answer.status, await answer.text())
            taken.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(one(session) for _ in range(connections)))
        return np.array([*taken, len(taken) / (time.perf_counter() - began)])


async def measure(url: str, visits: int, seconds: float, connections: int) -> dict[str, dict[str, float]]:
    """Every question, alone and by many; the first answers, which open connections and load networks, do not count."""
    table: dict[str, dict[str, float]] = {}
    for name, question in questions().items():
        await load(url, question, visits, 0.2, connections)
        alone = await load(url, question, visits, seconds / 2, 1)
        many = await load(url, question, visits, seconds, connections)
        table[name] = {
            "alone_p50_ms": 1000 * float(np.median(alone[:-1])),
            "alone_p99_ms": 1000 * float(np.quantile(alone[:-1], 0.99)),
            "many_per_s": float(many[-1]), "many_p99_ms": 1000 * float(np.quantile(many[:-1], 0.99))}
        print(f"  {name:30s}" + "".join(f"{value:14.1f}" for value in table[name].values()), flush=True)
    return table


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=20_000, help="visits of the day")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each question is asked")
    parser.add_argument("--connections", type=int, default=8, help="how many ask at the same time")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(Path(folder), given.visits, theirs), daemon=True)
        server.start()
        while not ours.poll(1.0):
            if not server.is_alive():
                sys.exit("the server did not start")
        port, seconds = ours.recv()
        print(f"{given.visits} visits stored and indexed in {seconds:.1f} s; {given.connections} connections")
        print(f"  {'':30s}{'alone p50 ms':>14s}{'alone p99 ms':>14s}{'many req/s':>14s}{'many p99 ms':>14s}")
        table = asyncio.run(measure(f"http://127.0.0.1:{port}", given.visits, given.seconds, given.connections))
        ours.send("end")
        server.join(10)
    if given.json:
        given.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
