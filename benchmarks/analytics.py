"""How fast questions about places are answered: a day of a 20-camera site as it was recorded, and a year from sums."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np
from aiohttp.test_utils import TestClient, TestServer

from aggregator.api.app import create_app
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.engine.bus import Bus
from aggregator.linking.history import HistoryIndex
from aggregator.store import StoreReader, StoreWriter, open_store
from aggregator.visit import Decision
from common.clock import ManualClock
from common.messages import CameraInfo, Event
from common.places import Line, Zone
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet

DAY = 1_772_323_200.0
QUESTIONS = ("footfall?step=minute&camera=cam00", "footfall?step=hour", "footfall?step=day&kind=zone", "zones", "lines",
             "flow", "flow?of=zones", "routes", "congestion", "queue?step=hour")


class Site:
    """The least of an engine that the API asks."""

    history = HistoryIndex()

    def stats(self) -> dict[str, object]:
        """Nobody is there."""
        return {"agents": {}, "cameras": {}, "problem": None}


def fill(store: StoreWriter, cameras: int, visits: int) -> None:
    """One day: visits of 20 s, four to an identity, each crosses a line, every second is in a zone for a while."""
    chance = np.random.default_rng(1)
    names = [f"cam{i:02}" for i in range(cameras)]
    zone = Zone(name="till", polygon=((0.4, 0.4), (0.6, 0.4), (0.6, 0.8)))
    line = Line(name="door", points=((0.0, 0.5), (1.0, 0.5)))
    none = np.zeros(0, np.float32)
    with store.transaction():
        store.agent_seen("box", DAY, run="r")
        for name in names:
            info = CameraInfo(camera=name, width=1920, height=1080, zones=(zone,), lines=(line,))
            store.camera_known("box", info, DAY)
    starts = np.sort(chance.uniform(DAY, DAY + 86000, visits))
    for base in range(0, visits, 2000):
        with store.transaction():
            for number in range(base, min(base + 2000, visits)):
                start, camera = float(starts[number]), names[int(chance.integers(cameras))]
                times = start + np.arange(40) * 0.5
                x = np.linspace(*chance.uniform(0.1, 0.9, 2), 40)
                boxes = np.stack([x, np.full(40, 0.3), x + 0.05, np.full(40, 0.6)], axis=1).astype(np.float32)
                visit = store.record_tracklet("box", Tracklet(
                    camera=camera, run="r", track=number, part=0, final=True, start=start, end=start + 19.5,
                    label="person", frames=200, confidence=0.9, model="", mean=none,
                    embeddings=np.zeros((0, 0), np.float32), quality=none, embedding_times=np.zeros(0),
                    path=VisitPath(times=times, frames=np.arange(40, dtype=np.int32), boxes=boxes)))
                data = {"label": "person"}
                events = [Event(camera=camera, run="r", kind="line_crossed", time=start + 9, track=number,
                                data={**data, "line": "door", "direction": "in", "forward": number % 3 > 0})]
                if number % 2:
                    events += [Event(camera=camera, run="r", kind="zone_entered", time=start + 5, track=number,
                                     data={**data, "zone": "till"}),
                               Event(camera=camera, run="r", kind="zone_left", time=start + 15, track=number,
                                     data={**data, "zone": "till", "entered": start + 5})]
                store.record_events(events)
                assert visit is not None
                store.record_decisions([Decision(operation="new", visit=visit.visit, identity=number // 4 + 1,
                                                 score=1.0, confidence=0.9)], start, "x")


def add_up(store: StoreWriter) -> float:
    """Add all hours up; seconds for each."""
    due, start = list(store.counting.due()), time.perf_counter()
    with store.transaction():
        for camera, hour in due:
            store.counting.add_up(camera, hour)
    return (time.perf_counter() - start) / max(1, len(due))


def repeat(store: StoreWriter, days: int) -> None:
    """The day's sums, for each of `days` days before: what a year leaves behind."""
    columns = [row[1] for row in store.counting._db.execute("PRAGMA table_info(hours)")]
    shifted = ", ".join("hour - :shift" if name == "hour" else name for name in columns)
    with store.transaction():
        for day in range(1, days + 1):
            store.counting._db.execute(
                f"INSERT INTO hours SELECT {shifted} FROM hours WHERE hour >= :from",
                {"shift": 24 * day, "from": int(DAY // 3600)})


def ask(data: Path, since: float, questions: tuple[str, ...]) -> None:
    """Each question five times through HTTP; the median."""
    async def talk() -> None:
        app = create_app(lambda: StoreReader(data), Site(), Bus(), ApiSettings(), clock=ManualClock(DAY + 86400),
                         guard=Guard(ApiSettings(), everybody=LOCAL))
        async with TestClient(TestServer(app)) as client:
            for question in questions:
                took = []
                for _ in range(5):
                    start = time.perf_counter()
                    path = f"/api/analytics/{question}{'&' if '?' in question else '?'}"
                    async with client.get(f"{path}since={since}&until={DAY + 86400}") as answer:
                        size = len(await answer.read())
                        assert answer.status == 200, await answer.text()
                    took.append((time.perf_counter() - start) * 1e3)
                print(f"  {question:34} {np.median(took):7.1f} ms  {size / 1e3:8.1f} kB")

    asyncio.run(talk())


def main() -> None:
    """Prints figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=20_000, help="of the day")
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--days", type=int, default=364, help="of sums before it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with open_store(data) as store:
            fill(store, options.cameras, options.visits)
            print(f"a day of {options.visits} visits to {options.cameras} cameras, no hour added up")
            ask(data, DAY, QUESTIONS)
            print(f"an hour of a camera is added up in {add_up(store) * 1e3:.1f} ms; the same day from sums")
            ask(data, DAY, QUESTIONS)
            repeat(store, options.days)
            year = DAY - options.days * 86400.0
            print(f"{options.days + 1} days from sums")
            ask(data, year, ("footfall?step=hour&camera=cam00", "footfall?step=day", "zones", "lines", "congestion"))


if __name__ == "__main__":
    main()
