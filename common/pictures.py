"""`Shown`: the newest picture of every camera, for whoever looks. A slow viewer skips pictures and holds up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection

from common.messages import Picture

_EARLY = 0.85  # a picture may come this much before it is due: cameras tremble


class Viewer:
    """One who looks at some cameras. In the event loop's thread only.

    Holds at most one picture a camera: the next one takes its place.

    Args:
        cameras: which.
        fps: most pictures a second and camera that are wanted; 0 takes all.
        monotonic: seconds that only rise.
    """

    def __init__(self, cameras: Collection[str], fps: float = 0.0,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self.cameras = frozenset(cameras)
        self.skipped = 0
        self._least_s = _EARLY / fps if fps > 0 else 0.0
        self._monotonic = monotonic
        self._taken: dict[str, float] = {}
        self._waiting: dict[str, Picture] = {}
        self._filled = asyncio.Event()

    def put(self, picture: Picture) -> None:
        """Offer a picture."""
        now = self._monotonic()
        if now - self._taken.get(picture.camera, -1e9) < self._least_s:
            return
        self._taken[picture.camera] = now
        self.skipped += picture.camera in self._waiting
        self._waiting[picture.camera] = picture
        self._filled.set()

    async def next(self) -> Picture:
        """The newest picture of the camera that has waited longest, when there is one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Shown:
    """Passes pictures on to viewers. `publish` from any thread; everything else in the event loop's."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._new: dict[str, Picture] = {}
        self._viewers: set[Viewer] = set()

    def attach(self) -> None:
        """Work in the running event loop."""
        self._loop = asyncio.get_running_loop()

    def publish(self, picture: Picture) -> None:
        """A camera's newest picture."""
        loop = self._loop
        if loop is None:
            return
        with self._lock:
            first = not self._new
            self._new[picture.camera] = picture
        if first:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        with self._lock:
            new, self._new = self._new, {}
        for viewer in self._viewers:
            for camera in viewer.cameras & new.keys():
                viewer.put(new[camera])

    def add(self, viewer: Viewer) -> None:
        """From now on it is offered pictures."""
        self._viewers.add(viewer)

    def remove(self, viewer: Viewer) -> None:
        """No more."""
        self._viewers.discard(viewer)
