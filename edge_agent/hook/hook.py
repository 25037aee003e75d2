"""`Hook`: hands frames and tracklets to a user's own Python. The pipeline never waits for it, whatever it does."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from common.bursts import Bursts
from common.messages import pack_tracklet
from common.tracklet import Tracklet
from edge_agent.capture.frame import Frame
from edge_agent.hook.process import HookError, HookProcess
from edge_agent.hook.seen_frame import SeenFrame, names_of, pack_frame
from edge_agent.hook.settings import HookSettings
from edge_agent.tracking import TrackedFrame

log = logging.getLogger("passage.hook")

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
END_S = 5.0
_EARLY = 0.8  # a frame may come this much before it is due, or 25 a second could not be thinned to 10


class Hook:
    """A thread that feeds a process. Of each camera the newest frame waits, and a bounded number of tracklets.

    Args:
        settings: see there.
        names: of the detector's classes.
    """

    def __init__(self, settings: HookSettings, names: Callable[[], Sequence[str]]) -> None:
        self._settings, self._names = settings, names
        self._changed = threading.Condition()
        self._frames: dict[str, tuple[Frame, TrackedFrame, tuple[str, ...]]] = {}
        self._tracklets: deque[Tracklet] = deque()
        self._taken: dict[str, float] = {}
        self._wanted = frozenset(("on_frame", "on_tracklet"))  # until the module has said which it has
        self._counts = dict.fromkeys(("frames", "tracklets", "dropped", "errors", "restarts"), 0)
        self._bursts = Bursts()
        self._until = float("inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hook", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Hand over what waits, for some seconds at most, and end."""
        with self._changed:
            self._until = time.monotonic() + END_S
            self._stopping.set()
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(END_S + 3.0)

    def figures(self) -> dict[str, int]:
        """Calls done by kind; what was dropped; calls that raised; how often the process was begun anew."""
        with self._changed:
            return {**self._counts, "waiting": len(self._tracklets) + len(self._frames)}

    def offer_frame(self, frame: Frame, tracked: TrackedFrame, global_ids: dict[int, str]) -> None:
        """A frame; it takes the place of one of its camera that still waits."""
        camera = frame.camera
        if "on_frame" not in self._wanted or not self._looks_at(camera):
            return
        now = time.monotonic()
        if now - self._taken.get(camera, float("-inf")) < _EARLY / self._settings.fps:
            return
        self._taken[camera] = now
        names = tuple(global_ids.get(track, "") for track in tracked.track.tolist())
        with self._changed:
            self._counts["dropped"] += camera in self._frames
            self._frames[camera] = frame, tracked, names
            self._changed.notify()

    def offer_tracklets(self, tracklets: Sequence[Tracklet]) -> None:
        """Tracklets, as they are sent."""
        mine = [one for one in tracklets if self._looks_at(one.camera)] if "on_tracklet" in self._wanted else []
        if not mine:
            return
        with self._changed:
            self._tracklets.extend(mine)
            while len(self._tracklets) > self._settings.queue:
                self._tracklets.popleft()
                self._counts["dropped"] += 1
            self._changed.notify()

    def _looks_at(self, camera: str) -> bool:
        return not self._settings.cameras or camera in self._settings.cameras

    def _go_on(self) -> bool:
        return time.monotonic() < self._until

    def _run(self) -> None:
        pause = FIRST_RETRY_S
        while True:
            began = time.monotonic()
            try:
                self._serve()
                return
            except HookError as error:
                if self._stopping.is_set():
                    return
                self._count("restarts")
                if such := self._bursts.due("restart", time.monotonic()):
                    log.error("hook %s (%d times): %s", self._settings.run, such, error)
            except Exception:  # whatever it was, the box goes on
                log.exception("hook %s", self._settings.run)
            pause = FIRST_RETRY_S if time.monotonic() - began > LONGEST_RETRY_S else min(2 * pause, LONGEST_RETRY_S)
            if self._stopping.wait(pause):
                return

    def _serve(self) -> None:
        process = HookProcess(self._settings.run, self._go_on)
        self._wanted = process.functions
        log.info("hook %s runs: %s", self._settings.run, ", ".join(sorted(process.functions)))
        try:
            while (job := self._next()) is not None:
                call = self._pack(job)
                error = process.call(call, self._settings.timeout_s)
                self._count("frames" if len(call) > 1 else "tracklets")
                if error:
                    self._count("errors")
                    if such := self._bursts.due("raised", time.monotonic()):
                        log.error("hook %s raised (%d times):\n%s", self._settings.run, such, error)
        finally:
            process.end(END_S if self._stopping.is_set() else 0.0)

    def _next(self) -> Tracklet | tuple[Frame, TrackedFrame, tuple[str, ...]] | None:
        """What is to be handed over next; None at the end."""
        with self._changed:
            while not self._tracklets and not self._frames:
                if self._stopping.is_set():
                    return None
                self._changed.wait(1.0)
            if self._tracklets and "on_tracklet" in self._wanted:
                return self._tracklets.popleft()
            self._tracklets.clear()
            if self._frames and "on_frame" in self._wanted:
                return self._frames.pop(next(iter(self._frames)))
            self._frames.clear()
        return self._next()

    def _pack(self, job: Tracklet | tuple[Frame, TrackedFrame, tuple[str, ...]]) -> list[bytes | memoryview]:
        return [pack_tracklet(job)] if isinstance(job, Tracklet) else pack_frame(self._seen(*job))

    def _seen(self, frame: Frame, tracked: TrackedFrame, names: tuple[str, ...]) -> SeenFrame:
        return SeenFrame(camera=frame.camera, index=frame.index, time=frame.time, image=frame.image,
                         track=tracked.track, xyxy=tracked.xyxy, confidence=tracked.confidence,
                         label=names_of(tracked.class_id, self._names()), global_id=names)

    def _count(self, what: str) -> None:
        with self._changed:
            self._counts[what] += 1
