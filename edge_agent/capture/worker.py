"""`CameraThread`: reads one camera, for as long as it takes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from common.clock import Clock
from common.errors import ConfigError, PassageError, SourceError
from edge_agent.capture.frame import Frame
from edge_agent.capture.lane import Lane
from edge_agent.capture.retry import Backoff, Thinning
from edge_agent.capture.source import Source, TrackedSource
from edge_agent.capture.view import View

log = logging.getLogger("passage.capture")

LEAST_STEP_S = 0.001
SMALL_STEP_S = 5.0


class CameraThread(threading.Thread):
    """Opens a camera's source, reads it, and opens it again when it breaks.

    A daemon, because nothing can interrupt a read that hangs: `stop` asks, and the thread closes its source itself
    as soon as the read returns.

    Args:
        lane: where frames go.
        clock: what time it is, for live cameras.
        start: UTC seconds of a file's first frame when the camera's settings do not say.
        open_source: called in this thread, and again for every reconnection.
        backoff: delays between attempts.
    """

    def __init__(self, lane: Lane, clock: Clock, start: float, open_source: Callable[[], Source],
                 backoff: Backoff) -> None:
        super().__init__(name=f"capture-{lane.camera.id}", daemon=True)
        self._lane, self._clock, self._open, self._backoff = lane, clock, open_source, backoff
        settings = lane.camera.clock
        self._start = start if settings.start is None else settings.start
        self._view = View(lane.camera)
        self._thinning = Thinning(lane.camera.max_fps)
        self._stopping = threading.Event()
        self._index = 0
        self._latest = float("-inf")
        self._played = 0.0  # seconds of the rounds of a loop that are over

    def stop(self) -> None:
        """Ask it to end; does not wait."""
        self._stopping.set()

    def run(self) -> None:
        """The thread's work."""
        try:
            while not self._stopping.is_set() and self._session():
                pass
            if self._stopping.is_set():
                self._lane.over(None, "stopped")
        except PassageError as error:
            log.error("camera %s: %s", self._lane.camera.id, error)
            self._lane.over(error, "failed")
        except Exception as error:  # one camera's surprise must not stop the others
            log.exception("camera %s: unexpected error", self._lane.camera.id)
            self._lane.over(SourceError(f"camera {self._lane.camera.id}: {error!r}"), "failed")

    def _session(self) -> bool:
        """From opening to the end or the loss of the source; whether another is to follow."""
        source: Source | None = None
        try:
            source = self._open()
            self._lane.opened(source.live, source.fps, source.frames)
            self._read(source)
            if self._stopping.is_set():
                return False
            return self._ended(source)
        except ConfigError:
            raise
        except SourceError as error:
            if not (source.live if source else self._lane.camera.address.kind in ("stream", "webcam")):
                raise
            if self._stopping.is_set():
                return False
            self._lane.lost(error)
            delay = self._backoff.delay()
            log.warning("camera %s: %s; trying again in %.1f s", self._lane.camera.id, error.message, delay)
            self._stopping.wait(delay)
            return True
        finally:
            if source is not None:
                source.close()

    def _read(self, source: Source) -> None:
        camera = self._lane.camera
        last = 0.0
        while not self._stopping.is_set():
            seconds = source.grab()
            if seconds is None:
                break
            if source.live:
                time = self._live_time()
                self._backoff.reset()
            else:
                last = seconds
                time = self._start + (self._played + seconds) * camera.clock.scale + camera.clock.offset
            index, self._index = self._index, self._index + 1
            if not self._thinning.keep(time):
                continue
            image = source.picture()
            if image is None:
                continue
            given = source.given() if isinstance(source, TrackedSource) else None
            frame = Frame(camera.id, index, time, self._view.cut(image), self._view.origin, given)
            if not self._lane.put(frame):
                break
        self._played += last + (1 / source.fps if source.fps else 0.0)

    def _live_time(self) -> float:
        """Now, but never a little before the frame before: a clock that is set right must not turn walkers around."""
        now = self._clock.now() + self._lane.camera.clock.offset
        self._latest = self._latest + LEAST_STEP_S if 0 <= self._latest - now < SMALL_STEP_S else now
        return self._latest

    def _ended(self, source: Source) -> bool:
        problem = source.problem()
        if problem is not None and (self._lane.error is None or self._lane.error.message != problem.message):
            log.warning("camera %s: %s", self._lane.camera.id, problem)
            self._lane.error = problem
        if self._lane.camera.loop:
            return True
        self._lane.over(problem)
        return False

