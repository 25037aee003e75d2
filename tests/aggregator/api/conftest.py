"""A small site in a real store, and the application over it, asked through real HTTP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from aggregator.api.app import create_app
from aggregator.api.embedders import Embedders
from aggregator.api.faces import FaceNetworks
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.engine.bus import Bus
from aggregator.linking.history import HistoryIndex
from aggregator.linking.ways import Clock, SiteMap, Way
from aggregator.privacy.receipt import NobodyError
from aggregator.store import StoreReader, open_store
from aggregator.visit import Decision, Rival
from common.clock import ManualClock
from common.messages import CameraInfo, Event, ModelInfo
from common.tracklet import Face, Path, Tracklet
from models.faces import Faces

NOON = 1_772_366_400.0  # 2026-03-01T12:00:00Z
MODEL = "aaaaaaaaaaaaaaaa"
FACE_MODEL = "ffffffffffffffff"
DIMENSIONS = 16


def look(person: int) -> np.ndarray:
    """What a person looks like to the test's network."""
    vector = np.random.default_rng(person).normal(size=DIMENSIONS).astype(np.float32)
    return vector / np.linalg.norm(vector)


def face(person: int) -> np.ndarray:
    """What a person's face looks like to the test's network."""
    vector = np.random.default_rng(100 + person).normal(size=8).astype(np.float32)
    return vector / np.linalg.norm(vector)


def tracklet(camera: str, track: int, person: int, start: float, seconds: float, *, final: bool = True) -> Tracklet:
    times = start + np.arange(0, seconds + 0.01, 0.5)
    x = np.linspace(0.2, 0.7, len(times))
    boxes = np.stack([x, np.full_like(x, 0.3), x + 0.1, np.full_like(x, 0.8)], axis=1).astype(np.float32)
    return Tracklet(
        camera=camera, run="run1", track=track, part=0, final=final, start=start, end=float(times[-1]), label="person",
        frames=int(seconds * 10), confidence=0.9, model=MODEL, mean=look(person), embeddings=look(person)[None],
        quality=np.array([0.75], np.float32), embedding_times=np.array([start]),
        path=Path(times=times, frames=(np.arange(len(times)) * 5).astype(np.int32), boxes=boxes),
        attributes={"colour": "red"},
        face=Face(model=FACE_MODEL, mean=face(person), quality=0.8, seen=4) if camera == "left" else None)


# visit number: camera, person, seconds after noon, how long
VISITS = {1: ("left", 1, 0, 10), 2: ("right", 1, 15, 8), 3: ("left", 2, 20, 5), 4: ("right", 3, 60, 4),
          5: ("left", 3, 70, 6)}


def fill(data: FilePath) -> HistoryIndex:
    """G1 walks left → right; G2 stays left; G3 was merged into G1; visit 5 is G4's and goes on."""
    history = HistoryIndex()
    identities = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4}
    with open_store(data) as store, store.transaction():
        store.agent_seen("box", NOON, software="0.1.0", run="run1")
        for camera, size in (("left", (360, 576)), ("right", (360, 288))):
            store.camera_known("box", CameraInfo(camera=camera, width=size[0], height=size[1], fps=10.0), NOON + 70)
        store.model_known(ModelInfo(task="detection", name="yolov8n", fingerprint="d" * 16))
        store.model_known(ModelInfo(task="embedding", name="toy", fingerprint=MODEL, dimensions=DIMENSIONS))
        store.model_known(ModelInfo(task="face", name="toy faces", fingerprint=FACE_MODEL, dimensions=8))
        for number, (camera, person, after, seconds) in VISITS.items():
            visit = store.record_tracklet(
                "box", tracklet(camera, number, person, NOON + after, seconds, final=number != 5))
            assert visit is not None
            assert visit.visit == number
        store.record_events([
            Event(camera=camera, run="run1", kind="track_started", time=NOON + after, track=number, data={"n": number})
            for number, (camera, _, after, _) in VISITS.items()])
        store.record_decisions([
            Decision(operation="new", visit=1, identity=1, score=3.0, confidence=0.95),
            Decision(operation="link", visit=2, identity=1, score=4.2, confidence=0.93,
                     rivals=(Rival(identity=2, score=-1.5, probability=0.05),),
                     reason={"cosine": 0.83, "transit_s": 5.0, "candidates": 2.0}),
            Decision(operation="new", visit=3, identity=2, score=2.0, confidence=0.9),
            Decision(operation="new", visit=4, identity=3, score=1.0, confidence=0.7),
            Decision(operation="new", visit=5, identity=4, score=1.0, confidence=0.8),
        ], NOON + 76, "0123456789ab")
        store.record_decisions([
            Decision(operation="merge", visit=4, identity=1, other=3, score=2.0, confidence=0.88),
        ], NOON + 80, "0123456789ab")
    identities[4] = 1
    for number, (camera, person, after, seconds) in VISITS.items():
        history.add(MODEL, [number], [identities[number]], look(person)[None], [camera], [NOON + after],
                    [NOON + after + seconds])
        if camera == "left":
            history.add(FACE_MODEL, [number], [identities[number]], face(person)[None], [camera], [NOON + after],
                        [NOON + after + seconds])
    return history


class ToyEngine:
    def __init__(self, history: HistoryIndex) -> None:
        self.history = history
        self.problem: str | None = None

    def site_map(self) -> SiteMap:
        there = {"links": 40, "median": 12.0, "low": 8.0, "high": 20.0, "overlap": 0.0}
        back = {"links": 3, "median": -1.0, "low": -2.0, "high": 4.0, "overlap": 0.66}
        return SiteMap(
            ways=(Way(left="left", entered="right", share=1.0, **there),
                  Way(left="right", entered="left", share=1.0, **back)),
            clocks=(Clock(camera="left", offset=0.0, spread=1.5), Clock(camera="right", offset=-40.0, spread=None)))

    def stats(self) -> dict[str, Any]:
        return {
            "problem": self.problem, "uptime_s": 12.5, "people_now": 2, "identities_active": 1, "queue": 0,
            "agents": {"box": {"last_seen": NOON + 76, "connected": True, "clock_skew_s": 0.01,
                               "spool": {"depth": 0}}},
            "cameras": {"left": {"fps": 9.9, "latency_s": 0.05, "people": 2}},
            "recent": [{"visit": 5, "camera": "left", "global_id": "G4", "operation": "new", "confidence": 0.8,
                        "time": "2026-03-01T12:01:16.000Z"}],
        }

    def forget(self, identity: int) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(NobodyError(f"there is no identity G{identity}"))
        return future


class ToyEmbedder:
    """Knows people by the colour of the picture's first pixel."""

    fingerprint = MODEL
    notice = "a toy"

    def embed(self, crops: list[np.ndarray]) -> np.ndarray:
        return np.stack([look(round(crop[0, 0, 0] / 20)) for crop in crops])


class ToyFaces:
    """The faces in a picture are its rows of one colour; whose it is says that colour, how large it is its place."""

    fingerprint = FACE_MODEL

    def find(self, image: np.ndarray, long_side: int = 0) -> Faces:
        rows = np.flatnonzero(image[:, 0, 0])
        xyxy = np.stack([0 * rows, rows, rows + 1, rows + 1], axis=1).astype(np.float32).reshape(-1, 4)
        return Faces(xyxy, np.zeros((len(rows), 5, 2), np.float32), np.ones(len(rows), np.float32))

    def embed(self, image: np.ndarray, faces: Faces) -> np.ndarray:
        return np.stack([face(round(image[int(top), 0, 0] / 20)) for top in faces.xyxy[:, 1]])


class Site:
    """The application's parts, and `ask`, which runs a conversation with it."""

    def __init__(self, data: FilePath, history: HistoryIndex) -> None:
        self.data = data
        self.engine = ToyEngine(history)
        self.bus = Bus()
        self.clock = ManualClock(NOON + 80)
        self.settings = ApiSettings(check_answers=True, readers=2, stats_interval_s=0.05)
        self.pictures = None
        self.draw = None
        self.guard: Guard | None = None  # everybody may do everything, but for tests of who may what
        self.load: Callable[[str], Any] = lambda name: ToyEmbedder()
        self.load_faces: Callable[[], Any] = ToyFaces

    def app(self):
        return create_app(lambda: StoreReader(self.data), self.engine, self.bus, self.settings, clock=self.clock,
                          embedders=Embedders(self.load), faces=FaceNetworks(self.load_faces),
                          pictures=self.pictures, draw=self.draw,
                          guard=self.guard or Guard(self.settings, everybody=LOCAL, clock=self.clock))

    def talk(self, conversation: Callable[[TestClient], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            async with TestClient(TestServer(self.app())) as client:
                return await conversation(client)

        return asyncio.run(run())

    def ask(self, path: str, method: str = "GET", **options: Any) -> Answer:
        async def conversation(client: TestClient) -> Answer:
            async with client.request(method, path, allow_redirects=False, **options) as response:
                return Answer(response.status, dict(response.headers), await response.read())

        return self.talk(conversation)


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        import orjson

        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The one shape of failures, checked."""
        assert set(self.json) == {"error"}
        assert set(self.json["error"]) == {"code", "message", "field", "cure"}
        assert self.headers["Content-Type"].startswith("application/json")
        return self.json["error"]


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> tuple[FilePath, HistoryIndex]:
    data = tmp_path_factory.mktemp("data")
    return data, fill(data)


@pytest.fixture
def site(filled) -> Site:
    return Site(*filled)
