"""From the camera's pixels to the browser's: how old a live picture is when it is painted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import yaml
from aiohttp import web

from common.http_client import Api
from deploy.demo.programs import Programs
from tests.support.blobs import write_detector
from tests.support.chromium import browse, find_chromium
from tests.support.site import free_port

LIMIT_MS = 300
BITS, CELL = 40, 16
WIDTH, HEIGHT = 640, 480

# Reads the clock that the camera wrote into its picture, in every picture that is painted.
READ = """(async () => {
  const canvas = document.querySelector('.stage canvas'), ages = [];
  let last = 0;
  const until = performance.now() + SECONDS * 1000;
  while (performance.now() < until) {
    await new Promise(requestAnimationFrame);
    const now = Date.now(), unit = CELL * canvas.width / WIDTH;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, Math.ceil(unit)).data;
    let stamp = 0;
    for (let i = 0; i < BITS; i += 1) {
      const x = Math.floor((i + 0.5) * unit), y = Math.floor(unit / 2);
      stamp = stamp * 2 + (pixels[(y * canvas.width + x) * 4] > 127 ? 1 : 0);
    }
    if (stamp !== last && last !== 0) ages.push((now % 2 ** BITS) - stamp);
    last = stamp;
  }
  return ages;
})()"""


def shot() -> bytes:
    """What the camera sees now: a grey room, and the time in black and white blocks along the upper edge."""
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    stamp = int(time.time() * 1000) % (1 << BITS)
    for i in range(BITS):
        image[:CELL, i * CELL:(i + 1) * CELL] = 255 if stamp >> (BITS - 1 - i) & 1 else 0
    done, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 85))
    assert done
    return jpeg.tobytes()


@contextlib.asynccontextmanager
async def camera(fps: float) -> AsyncIterator[str]:
    """An HTTP camera that sends motion JPEG; yields its address."""
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=b"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                jpeg = shot()
                await response.write(b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                                     + jpeg + b"\r\n")
                await asyncio.sleep(1 / fps)
        return response

    app = web.Application()
    app.router.add_get("/clock.mjpg", stream)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/clock.mjpg"
    finally:
        await runner.cleanup()


async def measure(folder: Path, seconds: float, fps: float, width: int) -> list[float]:
    """Milliseconds from camera to screen, one for each picture painted."""
    program = find_chromium()
    if program is None:
        raise SystemExit("this needs Chromium: apt-get install chromium")
    listen, http = f"tcp://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    (folder / "aggregator.yaml").write_text(yaml.safe_dump(
        {"listen": listen, "http": http, "data": str(folder / "data"), "api": {"open_loopback": True}}))
    with Programs(folder) as programs:
        ready = folder / "ready.json"
        programs.start("aggregator", "aggregator", "serve", "-c", str(folder / "aggregator.yaml"), "--ready-file",
                       str(ready))
        await asyncio.to_thread(programs.wait_ready, "aggregator", ready)
        async with camera(fps) as address, browse(program) as page:
            (folder / "agent.yaml").write_text(yaml.safe_dump({
                "agent": "box", "aggregator": listen, "data": str(folder / "spool"),
                "models": {"detector": str(write_detector(folder / "blobs.onnx")), "embedder": "osnet_generated",
                           "device": "cpu", "threads": 1},
                "detector": {"size": 320},
                "cameras": [{"id": "clock", "source": address,
                             "preview": {"allow": True, "fps": 25, "width": width, "quality": 80}}]}))
            programs.start("box", "edge-agent", "run", "-c", str(folder / "agent.yaml"))
            deadline = time.monotonic() + 60
            while not any(one["preview"] for one in (await asyncio.to_thread(Api(f"http://{http}").get, "/api/cameras"))
                          ["cameras"]):
                if time.monotonic() > deadline:
                    raise SystemExit(f"the box did not come up; see {folder}")
                await asyncio.sleep(0.2)
            await page.open(f"http://{http}/#/cameras/clock")
            await page.wait("document.querySelector('.stage canvas.painted')", 30)
            await asyncio.sleep(1.0)
            script = READ.replace("SECONDS", str(seconds)).replace("CELL", str(CELL)).replace("BITS", str(BITS))
            found: list[float] = await page.run(script.replace("WIDTH", str(WIDTH)))
            return found


def main() -> None:
    """Measures and compares with the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to look")
    parser.add_argument("--fps", type=float, default=15.0, help="of the camera")
    parser.add_argument("--width", type=int, default=640, help="of the picture that is sent")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="passage-preview-", ignore_cleanup_errors=True) as folder:
        ages = asyncio.run(measure(Path(folder), min(options.seconds, 25.0), options.fps, options.width))
    if not ages:
        raise SystemExit("no picture was painted")
    ordered = sorted(ages)
    figures = {"pictures": len(ages), "pictures_per_s": round(len(ages) / options.seconds, 1),
               "p50_ms": round(statistics.median(ages)), "p95_ms": round(ordered[int(0.95 * (len(ages) - 1))]),
               "most_ms": round(ordered[-1]), "limit_ms": LIMIT_MS}
    if options.json:
        print(json.dumps(figures))
        return
    print(f"{figures['pictures']} pictures painted, {figures['pictures_per_s']} a second, from an HTTP camera of "
          f"{options.fps:g} fps through a box and an aggregator into Chromium, all on this machine")
    print(f"camera to screen: p50 {figures['p50_ms']} ms, p95 {figures['p95_ms']} ms, most {figures['most_ms']} ms "
          f"(limit {LIMIT_MS} ms)")


if __name__ == "__main__":
    main()
