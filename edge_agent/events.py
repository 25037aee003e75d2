"""What happens to tracks, as events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.messages import Event
from edge_agent.tracking import TrackedFrame


def track_events(frame: int, tracked: TrackedFrame, run: str) -> list[Event]:
    """What happened to tracks in frame number `frame` (from 0)."""
    changes = (("track_started", tracked.track[tracked.started]), ("re_entered", tracked.track[tracked.re_entered]),
               ("id_switch_mitigated", tracked.track[tracked.id_switch_mitigated]))
    return [_event(tracked.camera, run, kind, tracked.time, track, frame)
            for kind, tracks in changes for track in tracks.tolist()
            ] + ended_events(tracked.camera, run, tracked.time, frame, tracked.ended)


def ended_events(camera: str, run: str, now: float, frame: int, tracks: NDArray[np.int64]) -> list[Event]:
    """`tracks` (m,) ended at `now`, UTC seconds, which is when they were given up and not when they were last seen."""
    return [_event(camera, run, "track_ended", now, track, frame) for track in tracks.tolist()]


def _event(camera: str, run: str, kind: str, now: float, track: int, frame: int) -> Event:
    return Event(camera=camera, run=run, kind=kind, time=now, track=track, data={"frame": frame})
