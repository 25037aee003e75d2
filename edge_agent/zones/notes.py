"""`Notes`: what zones and lines have to say, kept back until its track is told of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.messages import Event
from common.places import Line, Zone
from edge_agent.tracklets import GRACE_S

MOST_ZONES = 16
"""Zones of a track that are told of, in order."""


class Notes:
    """Events and counts of one camera's tracks. Touched when something happens, not every frame.

    Args:
        run, names, mature_s, mature_frames: as for `PlaceCounter`.
    """

    def __init__(self, run: str, names: Sequence[str], mature_s: float, mature_frames: int) -> None:
        self.counts: dict[int, Counter[str]] = {}
        self.paths: dict[int, list[str]] = {}
        self._run, self._names = run, names
        self._mature_s, self._mature_frames = mature_s, mature_frames
        self._labels: dict[int, str] = {}
        self._kept: dict[int, list[Event]] = {}
        self._due: list[Event] = []
        self._gone: list[int] = []
        self._frame, self._camera = 0, ""

    def begin(self, frame: int, camera: str) -> None:
        """What follows is seen in frame number `frame`."""
        self._frame, self._camera = frame, camera
        for track in self._gone:
            self.counts.pop(track, None)
            self.paths.pop(track, None)
        self._gone.clear()

    def started(self, tracks: NDArray[np.int64], class_id: NDArray[np.int32]) -> None:
        """New tracks, (m,) each."""
        for track, kind in zip(tracks.tolist(), class_id.tolist(), strict=True):
            self._labels[track] = self._names[kind]

    def ended(self, rows: NDArray[np.void]) -> None:
        """Tracks that will not come back; what they did goes out, or nowhere when they were too short to count."""
        self._release(rows)
        for track in rows["track"].tolist():
            self._kept.pop(track, None)
            self._labels.pop(track, None)
            self._gone.append(track)

    def due(self, rows: NDArray[np.void]) -> list[Event]:
        """Everything that may go out now, `rows` (n,) being the tracks in view; in the order of time."""
        if self._kept:
            self._release(rows)
        due, self._due = sorted(self._due, key=lambda event: event.time), []
        return due

    def _release(self, rows: NDArray[np.void]) -> None:
        lasted = rows["last"] - rows["start"] >= self._mature_s - GRACE_S
        for track in rows["track"][lasted & (rows["frames"] >= self._mature_frames)].tolist():
            self._due += self._kept.pop(track, ())

    def entered(self, row: np.void, zone: Zone, when: float, *, appeared: bool) -> None:
        """Somebody is in a zone since `when`."""
        path = self.paths.setdefault(int(row["track"]), [])
        path.append(zone.name)
        if len(path) > MOST_ZONES:  # where somebody came in and went out says more than what lay between
            del path[MOST_ZONES // 2]
        self._note(row, "zone_entered", when, {"zone": zone.name, "appeared": appeared}, f"zone/{zone.name}")

    def left(self, row: np.void, zone: Zone, when: float, since: float, *, vanished: bool) -> None:
        """Somebody who was in a zone since `since` is not any more, from `when` on."""
        self._note(row, "zone_left", when, {
            "zone": zone.name, "entered": since, "dwell_s": round(when - since, 6), "vanished": vanished})

    def dwelt(self, row: np.void, zone: Zone, since: float, threshold: float) -> None:
        """Somebody is in a zone for `threshold` seconds."""
        self._note(row, "zone_dwell", since + threshold, {
            "zone": zone.name, "entered": since, "dwell_s": threshold})

    def crossed(self, row: np.void, line: Line, when: float, forward: bool) -> None:
        """Somebody has crossed a line."""
        name = line.forward if forward else line.backward
        self._note(row, "line_crossed", when, {"line": line.name, "direction": name, "forward": forward},
                   f"line/{line.name}/{name}")

    def _note(self, row: np.void, kind: str, when: float, data: dict[str, Any], counts: str = "") -> None:
        track = int(row["track"])
        self._kept.setdefault(track, []).append(Event(
            camera=self._camera, run=self._run, kind=kind, time=when, track=track,
            data={"frame": self._frame, **data, "label": self._labels[track]}))
        if counts:
            self.counts.setdefault(track, Counter())[counts] += 1
