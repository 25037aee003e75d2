"""The dashboard with 50 live cameras and 500 events a second: does the page stutter?"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from aiohttp import web

from aggregator.api.app import create_app
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.engine.bus import Bus
from aggregator.linking.history import HistoryIndex
from aggregator.previews import Previews
from aggregator.store import StoreReader, open_store
from common.clock import to_rfc3339
from common.messages import CameraInfo, Mark, Message, Picture, Preview
from tests.support.chromium import Page, browse, find_chromium

LONGEST_MS = 100

WATCH = """(async () => {
  const tasks = [], gaps = [];
  const seen = new PerformanceObserver(list => { for (const one of list.getEntries()) tasks.push(one.duration); });
  seen.observe({type: 'longtask'});
  const painted = passage.painted(), received = passage.site.received;
  let last = await new Promise(requestAnimationFrame);
  const until = last + SECONDS * 1000;
  while (last < until) {
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  seen.disconnect();
  gaps.sort((a, b) => a - b);
  const at = share => gaps[Math.floor(share * (gaps.length - 1))];
  return {
    frames: gaps.length, frame_p50_ms: at(.5), frame_p99_ms: at(.99), frame_most_ms: at(1),
    late_share: gaps.filter(gap => gap > 50).length / gaps.length,
    long_tasks: tasks.length, longest_task_ms: Math.max(0, ...tasks),
    pictures_per_s: (passage.painted() - painted) / SECONDS, events_per_s: (passage.site.received - received) / SECONDS,
    heap_mb: performance.memory.usedJSHeapSize / 1e6,
  };
})()"""


class ToyEngine:
    """An engine whose cameras are all there."""

    def __init__(self, names: list[str]) -> None:
        self.history = HistoryIndex()
        self._names = names

    def stats(self) -> dict[str, Any]:
        """As `Live.snapshot` tells it."""
        return {"agents": {"box": {"last_seen": time.time(), "connected": True}}, "people_now": 2 * len(self._names),
                "cameras": {name: {"fps": 10.0, "latency_s": 0.05, "people": 2.0, "preview": 1.0, "up": 1.0}
                            for name in self._names}, "identities_active": 40, "recent": []}


class ToyBoxes:
    """Every camera that is looked at gives pictures of moving blocks."""

    def __init__(self, fps: float) -> None:
        self._wanted: dict[str, Preview] = {}
        self._fps = fps
        self._jpegs: dict[tuple[int, int], bytes] = {}
        self.previews = Previews(self.send)

    def send(self, _agent: str, message: Message) -> None:
        """What the aggregator says to boxes."""
        if isinstance(message, Preview):
            if message.on:
                self._wanted[message.camera] = message
            else:
                self._wanted.pop(message.camera, None)

    def jpeg(self, width: int, step: int) -> bytes:
        """One of twenty pictures, as heavy as those of a real camera."""
        key = width, step % 20
        if key not in self._jpegs:
            height = width * 9 // 16
            noise = np.random.default_rng(step).integers(60, 190, (height // 6, width // 6, 3), dtype=np.uint8)
            image = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
            cv2.rectangle(image, (width * key[1] // 20, height // 3), (width * key[1] // 20 + width // 12, height - 4),
                          (80, 200, 240), -1)
            self._jpegs[key] = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 75))[1].tobytes()
        return self._jpegs[key]

    async def run(self) -> None:
        """Until cancelled."""
        step = 0
        while True:
            step += 1
            for camera, wish in list(self._wanted.items()):
                if step % max(1, round(self._fps / (wish.fps or self._fps))) == 0:
                    width = min(wish.width or 640, 640)
                    self.previews.take("box", Picture(
                        camera=camera, number=1, time=time.time(), width=width, height=width * 9 // 16,
                        jpeg=self.jpeg(width, step), marks=(Mark(track=1, name="G4", box=(0.4, 0.3, 0.5, 0.9)),)))
            await asyncio.sleep(1 / self._fps)


async def happen(bus: Bus, names: list[str], rate: float) -> None:
    """So many events a second, in bursts as they come from a database's commits."""
    number, began = 0, time.monotonic()
    while True:
        due = int((time.monotonic() - began) * rate)
        bus.publish([{"type": "event", "time": to_rfc3339(time.time()), "camera": names[i % len(names)], "run": "r",
                      "kind": ("track_started", "track_ended", "re_entered")[i % 3], "track": i, "visit": i,
                      "global_id": f"G{i % 400 + 1}", "data": {"frame": i}} for i in range(number, due)])
        number = due
        await asyncio.sleep(0.02)


async def watch(page: Page, address: str, where: str, seconds: float) -> dict[str, float]:
    """Open a view, let it settle, and count."""
    await page.open("about:blank")
    await page.open(f"{address}/{where}")
    await page.wait("document.querySelector('main .view h1')")
    await asyncio.sleep(4)
    result: dict[str, float] = await page.run(WATCH.replace("SECONDS", str(seconds)))
    return {name: round(value, 3) for name, value in result.items()}


async def measure(folder: Path, cameras: int, rate: float, seconds: float) -> dict[str, dict[str, float]]:
    """Figures of the live grid, the list of events and the idle page."""
    program = find_chromium()
    if program is None:
        raise SystemExit("this needs Chromium: apt-get install chromium")
    names = [f"camera-{i:02d}" for i in range(1, cameras + 1)]
    with open_store(folder) as store, store.transaction():
        store.agent_seen("box", time.time(), software="0", run="r")
        for name in names:
            store.camera_known("box", CameraInfo(camera=name, width=1280, height=720, fps=10.0), time.time())
    boxes, bus, settings = ToyBoxes(20.0), Bus(), ApiSettings()
    # As much of an engine as the pages ask for.
    app = create_app(lambda: StoreReader(folder), ToyEngine(names), bus, settings, pictures=boxes.previews,  # type: ignore[arg-type]
                     guard=Guard(settings, everybody=LOCAL))
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found: dict[str, dict[str, float]] = {}
    try:
        async with browse(program) as page:
            await page.resize(1920, 1080)
            found["idle"] = await watch(page, address, "#/counts", min(seconds, 5))
            tasks = [asyncio.create_task(boxes.run()), asyncio.create_task(happen(bus, names, rate))]
            found["live"] = await watch(page, address, "#/", seconds)
            found["events"] = await watch(page, address, "#/events", seconds)
            for task in tasks:
                task.cancel()
    finally:
        await runner.cleanup()
    return found


def main() -> None:
    """Measures and compares with the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=50)
    parser.add_argument("--events", type=float, default=500.0, help="a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each view")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="passage-dashboard-", ignore_cleanup_errors=True) as folder:
        found = asyncio.run(measure(Path(folder), options.cameras, options.events, min(options.seconds, 25.0)))
    if options.json:
        print(json.dumps(found))
        return
    print(f"{options.cameras} cameras, {options.events:g} events a second, 1920 × 1080, this machine serves and shows")
    for view, figures in found.items():
        print(f"{view:7s} frames p50 {figures['frame_p50_ms']:.1f} ms, p99 {figures['frame_p99_ms']:.1f}, most "
              f"{figures['frame_most_ms']:.0f}; later than 50 ms {100 * figures['late_share']:.2f} %; long tasks "
              f"{figures['long_tasks']:.0f}, longest {figures['longest_task_ms']:.0f} ms (limit {LONGEST_MS}); "
              f"{figures['pictures_per_s']:.0f} pictures and {figures['events_per_s']:.0f} events a second; "
              f"heap {figures['heap_mb']:.0f} MB")


if __name__ == "__main__":
    main()
