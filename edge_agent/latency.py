"""`Latency`: how long pictures take from capture to tracklets, camera by camera."""

from __future__ import annotations

WINDOW_S = 30.0


class Latency:
    """Written by one thread, read by any. Time in seconds of a clock that only rises."""

    def __init__(self) -> None:
        self._latest: dict[str, float] = {}
        self._worst: dict[str, tuple[int, float, float]] = {}  # window, worst in it, worst in the one before

    def add(self, camera: str, seconds: float, now: float) -> None:
        """A picture came through."""
        window = int(now // WINDOW_S)
        at, worst, before = self._worst.get(camera, (window, 0.0, 0.0))
        if at != window:
            worst, before = 0.0, worst if at == window - 1 else 0.0
        self._latest[camera] = seconds
        self._worst[camera] = window, max(worst, seconds), before

    def numbers(self, camera: str) -> dict[str, float]:
        """For the heartbeat: of the latest picture, and the worst of the last half to whole minute; empty before the
        first."""
        if camera not in self._latest:
            return {}
        _, worst, before = self._worst[camera]
        return {"latency_s": self._latest[camera], "latency_worst_s": max(worst, before)}
