"""`CaptureGroup`: all cameras of a box, read together."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from common.clock import Clock
from common.errors import SourceError
from edge_agent.capture.frame import Frame
from edge_agent.capture.lane import Lane
from edge_agent.capture.leaving import wait_at_exit
from edge_agent.capture.retry import Backoff
from edge_agent.capture.settings import CameraSettings
from edge_agent.capture.source import OPEN_TIMEOUT_S, READ_TIMEOUT_S, Source, open_source
from edge_agent.capture.status import CameraStatus
from edge_agent.capture.worker import CameraThread

log = logging.getLogger("passage.capture")

STOP_S = 1.0


class CaptureGroup:
    """One thread a camera; batches of frames for one pipeline.

    Live cameras give their newest frame. Files give every frame, in order, on one virtual clock: the file that is
    furthest behind goes first, and none runs ahead of another by more than `max_skew_s`.

    Args:
        cameras: which; their names differ.
        clock: UTC; times of live frames, and the start of files that name none.
        speed: 1 plays files as fast as they were recorded, 0 as fast as they are taken.
        max_skew_s: seconds of frame time that a batch of files may span.
        stall_s: seconds without a frame after which a camera counts as stalled, and files no longer wait for it.
        open_timeout_s: seconds that a stream may take to connect.
        read_timeout_s: seconds of silence after which a stream is opened again.
        retry_first_s, retry_longest_s: seconds between attempts, at first and at most.
        randomness: for the jitter of these.
        monotonic: seconds that only rise, for pace and time-outs.
        opener: opens a camera's source.
    """

    def __init__(self, cameras: Sequence[CameraSettings], clock: Clock, *, speed: float = 0.0, max_skew_s: float = 1.0,
                 stall_s: float = 10.0, open_timeout_s: float = OPEN_TIMEOUT_S, read_timeout_s: float = READ_TIMEOUT_S,
                 retry_first_s: float = 0.5, retry_longest_s: float = 30.0, randomness: random.Random | None = None,
                 monotonic: Callable[[], float] = time.monotonic,
                 opener: Callable[[CameraSettings, float, float], Source] = open_source) -> None:
        self._cameras, self._clock, self._speed, self._max_skew = tuple(cameras), clock, speed, max_skew_s
        self._changed = threading.Condition()
        self._monotonic = monotonic
        self._lanes = {camera.id: Lane(camera, self._changed, stall_s, monotonic) for camera in cameras}
        self._threads: list[CameraThread] = []
        self._stopped = False
        self._paced: tuple[float, float] | None = None  # frame time and monotonic time of the first paced frame
        self._random = randomness or random.Random()
        self._retry = retry_first_s, retry_longest_s
        self._opener, self._timeouts = opener, (open_timeout_s, read_timeout_s)

    def start(self) -> None:
        """Begin to read. Opens nothing itself, so it neither waits nor fails."""
        start = self._clock.now()
        for lane in self._lanes.values():
            # Each camera has a random source of its own, so that threads do not take turns at one.
            backoff = Backoff(*self._retry, random.Random(self._random.random()))
            opening = partial(self._opener, lane.camera, *self._timeouts)
            self._threads.append(CameraThread(lane, self._clock, start, opening, backoff))
        for thread in self._threads:
            thread.start()

    def next_batch(self, timeout: float) -> list[Frame]:
        """At most one frame of every camera, in the cameras' order; none when `timeout` seconds brought none."""
        with self._changed:
            deadline = self._monotonic() + timeout
            while not self._stopped:
                batch, wake = self._take()
                now = self._monotonic()
                if batch or now >= deadline or all(lane.done for lane in self._lanes.values()):
                    return batch
                self._changed.wait(max(min(deadline - now, wake), 0.001))
            return []

    @property
    def finished(self) -> bool:
        """Every camera has ended or failed, and every frame was taken. A live camera never ends."""
        with self._changed:
            return self._stopped or all(lane.done for lane in self._lanes.values())

    def status(self) -> dict[str, CameraStatus]:
        """How every camera is doing."""
        with self._changed:
            return {name: lane.status() for name, lane in self._lanes.items()}

    def fps(self, camera: str) -> float:
        """Frames a second that reach the pipeline: as stated, as thinned by `max_fps`, or measured; 0 when unknown."""
        lane = self._lanes[camera]
        with self._changed:
            fps = lane.fps()
        most = lane.camera.max_fps
        return min(fps, most) if fps and most else fps

    def frame_count(self, camera: str) -> int | None:
        """How many frames a file promises; None for what does not end, or does not say."""
        return self._lanes[camera].promised

    def raise_if_nothing_was_read(self, camera: str) -> None:
        """Raises what kept a camera from giving a single frame.

        Raises:
            SourceError: or ConfigError, as it was; nothing when a frame came.
        """
        lane = self._lanes[camera]
        status = self.status()[camera]
        if status.frames == 0:
            raise lane.error or SourceError(f"camera {camera}: {lane.camera.address.shown} gave no picture")

    def stop(self) -> bool:
        """End all threads; takes about a second at most.

        Returns:
            False when a read hangs: its thread is left behind, and closes its source when the read returns.
        """
        for thread in self._threads:
            thread.stop()
        with self._changed:
            self._stopped = True
            for lane in self._lanes.values():
                lane.close()
        deadline = time.monotonic() + STOP_S
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        hanging = [thread for thread in self._threads if thread.is_alive()]
        if hanging:
            log.info("left behind until their reads return: %s", ", ".join(thread.name for thread in hanging))
            wait_at_exit(hanging)
        return not hanging

    def _take(self) -> tuple[list[Frame], float]:
        """What can be taken now, and in how many seconds, at the latest, to look again."""
        due, wake = self._files_due()
        batch = []
        for lane in self._lanes.values():
            if lane.live:
                frame = lane.take_newest()
                if frame is not None:
                    batch.append(frame)
            elif lane in due:
                batch.append(lane.take())
        return batch, wake

    def _files_due(self) -> tuple[list[Lane], float]:
        files = [lane for lane in self._lanes.values() if lane.live is False and not lane.done]
        missing = [patience for lane in files if lane.head is None and (patience := lane.patience()) > 0]
        ready = [(lane.head.time, lane) for lane in files if lane.head is not None]
        if missing or not ready:
            return [], min(missing, default=float("inf"))
        behind = min(time for time, _ in ready)
        due = [(time, lane) for time, lane in ready if time <= behind + self._max_skew]
        if not self._speed:
            return [lane for _, lane in due], float("inf")
        now = self._monotonic()
        if self._paced is None:
            self._paced = behind, now
        first, began = self._paced
        reached = first + (now - began) * self._speed
        return [lane for time, lane in due if time <= reached], max((behind - reached) / self._speed, 0.0)
