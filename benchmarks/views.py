"""The dashboard's views over a day of a 20-camera site: does a page load within a second, and answer in 200 ms?

    ./run bench views [--people 4000] [--rounds 5] [--json] [--keep DIR]

The day is a synthetic city's: seeded, the same each time, with zones, lines, events, links and sums by the hour, in a
real database that ends now. The real server is a process of its own and Chromium shows it, both on this machine. `load`
is a browser's first sight of the page, from nothing to the view with its answers. `answered` is from the click until
the last of the view's answers has come, `drawn` until the page has not changed since; the middle and the slowest of
the rounds.
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
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from aggregator.api.app import create_app
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.engine import Bus
from aggregator.linking.history import HistoryIndex
from aggregator.simulate.city import City, simulate
from aggregator.simulate.letters import HEIGHT, WIDTH, letters, model_of
from aggregator.simulate.settings import CitySettings
from aggregator.store import StoreReader, open_store
from aggregator.visit import Decision, Rival
from common.messages import CameraInfo, Event, unpack_body
from common.places import Line, Zone
from common.tracklet import Tracklet
from tests.support.chromium import Page, browse, find_chromium

LOAD_MS, ANSWER_MS = 1000, 200
DAY = 86_400.0
ZONE = Zone(name="middle", polygon=((0.35, 0.2), (0.65, 0.2), (0.65, 1.0), (0.35, 1.0)), dwell_s=60)
LINE = Line(name="door", points=((0.5, 0.0), (0.5, 1.0)))

COUNT = """(() => {
  const plain = window.fetch;
  window.waiting = 0;
  window.fetch = (...asked) => { waiting += 1; return plain(...asked).finally(() => { waiting -= 1; }); };
})()"""
SETTLE = """(async () => {
  performance.clearResourceTimings();
  let changed = 0;
  const watch = new MutationObserver(() => { changed = performance.now(); });
  watch.observe(document.querySelector('main'), {childList: true, subtree: true, characterData: true});
  const asked = () => performance.getEntriesByType('resource')
    .filter(one => one.name.includes('/api/') && !one.name.includes('/ws/'));
  if (location.hash === HASH) location.hash = '#/none';
  await new Promise(requestAnimationFrame);
  const start = performance.now();
  location.hash = HASH;
  for (let quiet = start; waiting || performance.now() - quiet < 300;) {
    await new Promise(done => setTimeout(done, 20));
    if (waiting) quiet = performance.now();
    if (performance.now() - start > 8000) break;
  }
  watch.disconnect();
  const rows = asked().filter(one => one.startTime >= start - 1);
  const slowest = rows.reduce((a, b) => (b.duration > (a?.duration ?? 0) ? b : a), null);
  return {answered: Math.max(0, ...rows.map(one => one.responseEnd - start)), drawn: changed - start,
    requests: rows.length, slowest: slowest?.name.replace(location.origin, '') ?? '',
    slowest_ms: slowest?.duration ?? 0};
})()"""
LOADED = """(async () => {
  await new Promise(done => setTimeout(done, 700));
  const asked = performance.getEntriesByType('resource').filter(one => !one.name.includes('/ws/'));
  return {load: Math.max(...asked.map(one => one.responseEnd)), files: asked.length};
})()"""


def day(city: City, epoch: float) -> Iterator[tuple[Tracklet, list[Event]]]:
    """Tracklets, and what zones and lines made of them."""
    for letter in letters(city, "run", epoch, events=False):
        part = unpack_body(letter.body)
        assert isinstance(part, Tracklet)
        events = [Event(camera=part.camera, run="run", kind="track_started", time=part.start, track=part.track)]
        if part.final:
            long = part.end - part.start
            inside, outside, middle = part.start + 0.3 * long, part.start + 0.7 * long, part.start + 0.5 * long
            about = {"camera": part.camera, "run": "run", "track": part.track}
            events = [
                *(events if part.part == 0 else ()),
                Event(**about, kind="zone_entered", time=inside, data={"zone": "middle", "label": "person"}),
                Event(**about, kind="line_crossed", time=middle, data={
                    "line": "door", "label": "person", "forward": part.track % 2 == 0,
                    "direction": "in" if part.track % 2 == 0 else "out"}),
                Event(**about, kind="zone_left", time=outside, data={
                    "zone": "middle", "label": "person", "entered": inside, "dwell_s": outside - inside}),
                Event(**about, kind="track_ended", time=part.end)]
        yield part, events


def fill(folder: Path, people: int, cameras: int, epoch: float) -> tuple[HistoryIndex, int]:
    """The day in a store, and its index."""
    city = simulate(CitySettings(cameras=cameras, people=people, hours=23.5, seed=6))
    who = dict(zip(range(len(city)), (city.seen.who + 1).tolist(), strict=True))
    history, model = HistoryIndex(), model_of(city)
    with open_store(folder) as store:
        with store.transaction():
            store.agent_seen("box", epoch + DAY, software="benchmark", run="run")
            for name in city.world.names:
                store.camera_known("box", CameraInfo(camera=name, width=WIDTH, height=HEIGHT, fps=10.0, zones=(ZONE,),
                                                     lines=(LINE,)), epoch + DAY)
            store.model_known(model)
        batch: list[tuple[Tracklet, list[Event]]] = []
        rows = day(city, epoch)
        while batch := [row for _, row in zip(range(2000), rows, strict=False)]:
            with store.transaction():
                known = [store.record_tracklet("box", part) for part, _ in batch]
                store.record_events([event for _, events in batch for event in events])
                fresh = [(found, part) for found, (part, _) in zip(known, batch, strict=True)
                         if found and part.part == 0]
                for visit, part in fresh:
                    store.record_decisions([Decision(
                        operation="link", visit=visit.visit, identity=who[part.track], score=3.0, confidence=0.9,
                        rivals=(Rival(identity=1, score=-1.0, probability=0.05),), reason={"cosine": 0.8})],
                        part.end, "digest")
            if fresh:
                history.add(model.fingerprint, [visit.visit for visit, _ in fresh], [who[p.track] for _, p in fresh],
                            np.stack([visit.embedding for visit, _ in fresh]), [part.camera for _, part in fresh],
                            [part.start for _, part in fresh], [part.end for _, part in fresh])
        for key in list(store.counting.due()):
            with store.transaction():
                store.counting.add_up(*key)
    history.maintain(threads=2)
    return history, len(city)


class Still:
    """An engine whose numbers stand still."""

    def __init__(self, history: HistoryIndex, cameras: list[str]) -> None:
        self.history, self._cameras = history, cameras

    def stats(self) -> dict[str, Any]:
        """As `Live.snapshot` tells it."""
        return {"agents": {"box": {"last_seen": time.time(), "connected": True}}, "people_now": len(self._cameras),
                "cameras": {name: {"fps": 10.0, "latency_s": 0.05, "people": 1.0, "up": 1.0} for name in self._cameras},
                "identities_active": 20, "recent": []}


def serve(folder: Path, people: int, cameras: int, pipe: Connection) -> None:
    """The server's process."""
    epoch, began = time.time() - DAY, time.perf_counter()
    history, visits = fill(folder, people, cameras, epoch)
    with StoreReader(folder) as reader:
        names = [row.camera for row in reader.cameras()]
        person = max(reader.identities(limit=200).rows, key=lambda row: row.visits).identity
    seconds = time.perf_counter() - began

    async def run() -> None:
        # As much of an engine as the views ask for.
        app = create_app(lambda: StoreReader(folder), Still(history, names), Bus(),  # type: ignore[arg-type]
                         guard=Guard(ApiSettings(), everybody=LOCAL))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send((runner.addresses[0][1], visits, seconds, names[0], person))
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        await runner.cleanup()

    asyncio.run(run())


async def measure(address: str, camera: str, person: int, rounds: int) -> tuple[list[float], dict[str, Any]]:
    """Milliseconds of each load, and figures of each view."""
    program = find_chromium()
    if program is None:
        raise SystemExit("this needs Chromium: apt-get install chromium")
    views = {"live": "#/", "camera": f"#/cameras/{camera}", "heatmap": f"#/cameras/{camera}?heat=1&within=86400",
             "people": "#/people", "person": f"#/people/G{person}", "flow": "#/flow",
             "flow of zones": "#/flow?of=zones", "counts": "#/counts", "events": "#/events", "system": "#/system"}
    loads: list[float] = []
    found: dict[str, Any] = {}
    for _ in range(rounds):
        async with browse(program) as page:  # a new one each time: nothing is in its cache
            await page.open(f"{address}/#/")
            await page.wait("document.querySelector('main .view h1')")
            loads.append((await page.run(LOADED))["load"])
    async with browse(program) as page:
        await page.open(f"{address}/#/system")
        await page.wait("document.querySelector('main .view h1')")
        await page.run(COUNT)
        for name, where in views.items():
            found[name] = await look(page, where, rounds)
        if page.problems:
            raise SystemExit(f"the page has problems: {page.problems}")
    return loads, found


async def look(page: Page, where: str, rounds: int) -> dict[str, Any]:
    """One view, several times."""
    rows = [await page.run(SETTLE.replace("HASH", json.dumps(where))) for _ in range(rounds)]
    worst = max(rows, key=lambda row: row["slowest_ms"])
    return {"answered_ms": float(np.median([row["answered"] for row in rows])),
            "answered_most_ms": max(row["answered"] for row in rows),
            "drawn_ms": float(np.median([row["drawn"] for row in rows])), "requests": rows[0]["requests"],
            "slowest": worst["slowest"], "slowest_ms": worst["slowest_ms"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--keep", type=Path, help="an empty folder for the database, which stays there")
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory(prefix="passage-views-", ignore_cleanup_errors=True) as folder:
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(given.keep or Path(folder), given.people, given.cameras, theirs), daemon=True)
        server.start()
        while not ours.poll(1.0):
            if not server.is_alive():
                sys.exit("the server did not start")
        port, visits, seconds, camera, person = ours.recv()
        loads, found = asyncio.run(measure(f"http://127.0.0.1:{port}", camera, person, given.rounds))
        ours.send("end")
        server.join(10)
    if given.json:
        print(json.dumps({"visits": visits, "load_ms": loads, "views": found}))
        return
    print(f"{visits} visits at {given.cameras} cameras, made in {seconds:.0f} s")
    print(f"load: {np.median(loads):.0f} ms, at most {max(loads):.0f} (limit {LOAD_MS})")
    for name, row in found.items():
        print(f"{name:14s} answered {row['answered_ms']:5.0f} ms, at most {row['answered_most_ms']:5.0f} (limit "
              f"{ANSWER_MS}); drawn {row['drawn_ms']:5.0f}; slowest of {row['requests']:2d}: {row['slowest_ms']:4.0f} "
              f"ms {row['slowest']}")


if __name__ == "__main__":
    main()
