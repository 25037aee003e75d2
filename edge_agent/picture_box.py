"""`PictureBox`: pictures on their way up. They never queue: the newest of each camera, and few bytes on the wire."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

from common.messages import Picture

MOST_FLYING_BYTES = 128 << 10  # what may lie on the wire before a tracklet that comes now
PATIENCE_S = 5.0


class PictureBox:
    """A place for one picture a camera; a newer one takes it. `put` from any thread, the rest from the uplink's.

    Attributes:
        sent: pictures handed to the socket.
        skipped: pictures that a newer one displaced.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.skipped = 0
        self._lock = threading.Lock()
        self._waiting: dict[str, Picture] = {}
        self._flying: deque[tuple[int, int, float]] = deque()  # number, bytes, when
        self._number = 0

    def put(self, picture: Picture) -> None:
        """The newest picture of its camera."""
        with self._lock:
            self.skipped += picture.camera in self._waiting
            self._waiting[picture.camera] = picture

    def next(self, now: float) -> Picture | None:
        """What may be sent now; cameras take turns. None while too much is on the wire, or nothing waits."""
        if self._flying and now - self._flying[0][2] > PATIENCE_S:
            self._flying.clear()
        with self._lock:
            if not self._waiting:
                return None
            camera = next(iter(self._waiting))
            if self._flying and sum(size for _, size, _ in self._flying) + len(self._waiting[camera].jpeg) \
                    > MOST_FLYING_BYTES:
                return None
            picture = self._waiting.pop(camera)
        self._number += 1
        return replace(picture, number=self._number)

    def handed_over(self, picture: Picture, now: float) -> None:
        """The socket has it."""
        self.sent += 1
        self._flying.append((picture.number, len(picture.jpeg), now))

    def taken(self, number: int) -> None:
        """The other side has everything up to `number`."""
        while self._flying and self._flying[0][0] <= number:
            self._flying.popleft()

    def forget_flying(self) -> None:
        """The connection broke: what was on the wire is gone."""
        self._flying.clear()
