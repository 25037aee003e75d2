"""`Lane`: the short queue between a camera's thread and the pipeline, and what is known about the camera."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from common.errors import PassageError
from edge_agent.capture.frame import Frame
from edge_agent.capture.settings import CameraSettings
from edge_agent.capture.status import CameraStatus, State

QUEUE = 2
_RECENT_S = 5.0
_RELIABLE_S = 2.0


class Lane:
    """At most two frames. A live camera's older one makes room for a newer; a file's thread waits for room.

    Args:
        camera: whose.
        changed: notified on every change; shared by all lanes of a group.
        stall: seconds without a frame after which a camera counts as stalled.
        monotonic: seconds that only rise.
    """

    def __init__(self, camera: CameraSettings, changed: threading.Condition, stall: float,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self.camera = camera
        self.live: bool | None = {"stream": None, "webcam": True}.get(camera.address.kind, False)
        self.nominal_fps = 0.0
        self.promised: int | None = None
        self.error: PassageError | None = None
        self._changed, self._stall, self._monotonic = changed, stall, monotonic
        self._queue: deque[Frame] = deque()
        self._state: State = "connecting"
        self._empty_since = monotonic()
        self._arrivals: deque[float] = deque()
        self._opened = self._arrived = self._empty_since
        self._frames = self._dropped = self._reconnects = 0
        self._closed = False

    # The camera's thread.

    def opened(self, live: bool, fps: float, frames: int | None) -> None:
        """The source answers."""
        with self._changed:
            self._reconnects += self._state == "waiting" and self._frames > 0
            self.live, self.nominal_fps = live, fps
            self.promised = None if self.camera.loop else frames
            self._state = "running"
            self._arrivals.clear()
            self._opened = self._arrived = self._monotonic()
            self._changed.notify_all()

    def put(self, frame: Frame) -> bool:
        """Hand a frame over; False when nobody wants frames any more. Waits for room unless live."""
        with self._changed:
            self._arrived = self._monotonic()
            self._arrivals.append(self._arrived)
            while self._arrivals[0] < self._arrived - _RECENT_S:
                self._arrivals.popleft()
            self._frames += 1
            while len(self._queue) >= QUEUE and not self._closed:
                if self.live:
                    self._queue.popleft()
                    self._dropped += 1
                else:
                    self._changed.wait()
            if self._closed:
                return False
            self._queue.append(frame)
            self._changed.notify_all()
            return True

    def lost(self, error: PassageError) -> None:
        """The source broke, and will be tried again."""
        with self._changed:
            self.error = error
            self._state = "waiting"
            self._changed.notify_all()

    def over(self, error: PassageError | None, state: State = "ended") -> None:
        """No frame will follow."""
        with self._changed:
            self.error = error or self.error
            self._state = state
            self._changed.notify_all()

    # The pipeline's thread; the caller holds `changed`.

    @property
    def done(self) -> bool:
        """No frame is left and none will come."""
        return not self._queue and self._state in ("ended", "failed", "stopped")

    @property
    def head(self) -> Frame | None:
        """The next frame, not taken yet."""
        return self._queue[0] if self._queue else None

    def take(self) -> Frame:
        """The next frame; there must be one."""
        frame = self._queue.popleft()
        if not self._queue:
            self._empty_since = self._monotonic()
        self._changed.notify_all()
        return frame

    def take_newest(self) -> Frame | None:
        """The newest frame, if there is any; older ones are dropped."""
        while len(self._queue) > 1:
            self._queue.popleft()
            self._dropped += 1
        return self.take() if self._queue else None

    def patience(self) -> float:
        """Seconds for which it is still worth waiting for this camera's next frame."""
        return self._empty_since + self._stall - self._monotonic()

    def close(self) -> None:
        """Nobody wants frames any more."""
        self._closed = True
        self._queue.clear()
        self._changed.notify_all()

    def fps(self) -> float:
        """Frames a second: as stated, else as measured for a while, else 0."""
        now = self._monotonic()
        return self.nominal_fps or (self._rate(now) if now - self._opened >= _RELIABLE_S else 0.0)

    def _rate(self, now: float) -> float:
        """Frames a second that arrived in the last seconds; what came in a first burst is spread over one."""
        since = max(self._opened, now - _RECENT_S)
        return sum(arrival >= since for arrival in self._arrivals) / max(now - since, 1.0)

    def status(self) -> CameraStatus:
        """How the camera is doing."""
        now = self._monotonic()
        state = self._state
        # A file waits for the pipeline, and is not to blame for a slow one.
        if state == "running" and (self.live or not self._queue) and now - self._arrived > self._stall:
            state = "stalled"
        fps = self._rate(now) if state == "running" else 0.0
        return CameraStatus(state=state, fps=fps, frames=self._frames, dropped=self._dropped,
                            reconnects=self._reconnects, last_error=self.error.message if self.error else None)
