"""`PlaceCounter`: one camera's zones and lines. Plain values in and out, all tracks of a frame at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.geometry import foot_points
from common.messages import Event
from common.places import Line, Zone
from common.places.geometry import Points, crossings
from edge_agent.tracking import TrackedFrame
from edge_agent.zones.notes import Notes
from edge_agent.zones.shapes import LineShape, ZoneShape

Flags = NDArray[np.bool_]
Times = NDArray[np.float64]

_MOST_STEPS = 16


class PlaceCounter:
    """Counts at the foot point: who is in which zone since when, and who has crossed which line.

    Between two frames a track walks straight, and is looked at as often on the way as it takes to see it go through a
    corner: so the counts do not depend on the frame rate. A crossing counts once the foot point is `hysteresis` × the
    box's height beyond, or has stayed beyond; its time is that of the crossing itself. Who appears in a zone enters it,
    who vanishes there leaves it, so that entries less exits are those inside.

    Args:
        run: this start of the agent.
        zones, lines: of the camera.
        names: class names by class id.
        hysteresis, settle_s: as in `CountingSettings`.
        mature_s, mature_frames: a track counts once it has lasted so long; before, what it does is kept back.
    """

    _ROW = np.dtype([("track", np.int64), ("start", float), ("last", float), ("frames", np.int64),
                     ("x", float), ("y", float), ("margin", float)])

    def __init__(self, run: str, zones: Sequence[Zone], lines: Sequence[Line], names: Sequence[str], *,
                 hysteresis: float = 0.05, settle_s: float = 3.0, mature_s: float = 0.0,
                 mature_frames: int = 1) -> None:
        self._notes = Notes(run, names, mature_s, mature_frames)
        self._hysteresis, self._settle_s = hysteresis, settle_s
        self._zones, self._lines, self._aspect = tuple(zones), tuple(lines), 1.0
        self._rows = np.zeros(0, self._ROW)
        self._allocate()
        self._shape()

    def _allocate(self) -> None:
        n, z, k = len(self._rows), len(self._zones), len(self._lines)
        self._raw: Flags = np.zeros((n, z), bool)     # stands in the zone at this moment
        self._within: Flags = np.zeros((n, z), bool)  # counts as being in it
        self._told: Flags = np.zeros((n, z), bool)    # its dwelling was told of
        self._since: Times = np.zeros((n, z))         # entered
        self._turned: Times = np.zeros((n, z))        # crossed the outline last
        self._net: NDArray[np.int64] = np.zeros((n, k), np.int64)  # crossings that do not count yet
        self._crossed: Times = np.zeros((n, k))

    def _shape(self) -> None:
        self._zone_shapes = [ZoneShape.of(zone, self._aspect) for zone in self._zones]
        self._line_shapes = [LineShape.of(line, self._aspect) for line in self._lines]

    @property
    def idle(self) -> bool:
        """Nothing is to be counted."""
        return not (self._zones or self._lines)

    @property
    def counts(self) -> Mapping[int, Mapping[str, int]]:
        """Entries and crossings of each track so far, by `zone/NAME` and `line/NAME/DIRECTION`.

        Those that ended in the latest frame are there until the next.
        """
        return self._notes.counts

    @property
    def paths(self) -> Mapping[int, Sequence[str]]:
        """Zones that each track came into so far, in order; of those that ended too, as with `counts`."""
        return self._notes.paths

    def update(self, frame: int, tracked: TrackedFrame, width: int, height: int) -> list[Event]:
        """Take in one frame.

        Args:
            frame: its number in the source.
            tracked: who was where, in pixels.
            width, height: of the view, pixels.

        Returns:
            `zone_entered`, `zone_left`, `zone_dwell` and `line_crossed`, in the order of their times.
        """
        if self.idle:
            return []
        if abs(width / height - self._aspect) > 1e-9:
            self._aspect = width / height
            self._shape()
        self._notes.begin(frame, tracked.camera)
        # A box that is cut off below stands on the view's lower edge, and that belongs to the view.
        feet = np.clip(foot_points(tracked.xyxy).astype(np.float64) / [width, height], 0.0, 1.0 - 1e-6)
        tall = (tracked.xyxy[:, 3] - tracked.xyxy[:, 1]).astype(np.float64) / height
        place, before, last = self._see(tracked, feet)
        self._rows["margin"][place] = margin = self._hysteresis * tall
        scale = np.array([self._aspect, 1.0])
        self._walk(place, before * scale, feet * scale, last, tracked.time, margin)
        self._dwell(place, tracked.time)
        self._take_out(tracked.ended)
        return self._notes.due(self._rows)

    def finish(self, camera: str, frame: int, tracks: NDArray[np.int64]) -> list[Event]:
        """The video is over: what the end of `tracks` (m,) means."""
        if self.idle:
            return []
        self._notes.begin(frame, camera)
        self._take_out(tracks)
        return self._notes.due(self._rows[:0])

    def _see(self, tracked: TrackedFrame, feet: Points) -> tuple[NDArray[np.intp], Points, Times]:
        """Rows of the frame's tracks; where each was before, and when. New ones begin where they are."""
        rows = self._rows
        place = np.searchsorted(rows["track"], tracked.track)
        known = place < len(rows)
        known[known] = rows["track"][place[known]] == tracked.track[known]
        if not known.all():
            fresh = np.zeros(int((~known).sum()), self._ROW)
            fresh["track"], fresh["start"] = tracked.track[~known], tracked.time
            fresh["last"], (fresh["x"], fresh["y"]) = tracked.time, feet[~known].T
            self._notes.started(fresh["track"], tracked.class_id[~known])
            joined = np.concatenate([rows, fresh])
            order = np.argsort(joined["track"], kind="stable")
            self._rows = joined[order]
            for name in ("_raw", "_within", "_told", "_since", "_turned", "_net", "_crossed"):
                column = getattr(self, name)
                more = np.zeros((len(fresh), column.shape[1]), column.dtype)
                setattr(self, name, np.concatenate([column, more])[order])
            self._appear(np.searchsorted(self._rows["track"], fresh["track"]), range(len(self._zones)))
            place = np.searchsorted(self._rows["track"], tracked.track)
        rows = self._rows
        before, last = np.stack([rows["x"][place], rows["y"][place]], axis=1), rows["last"][place]
        rows["x"][place], rows["y"][place] = feet.T
        rows["last"][place] = tracked.time
        rows["frames"][place] += 1
        return place, before, last

    def _appear(self, place: NDArray[np.intp], zones: Sequence[int]) -> None:
        """Who stands in a zone when it is first asked is in it."""
        rows = self._rows[place]
        feet = np.stack([rows["x"] * self._aspect, rows["y"]], axis=1)
        for z in zones:
            there = self._zone_shapes[z].look(feet)[0]
            self._raw[place, z] = self._within[place, z] = there
            self._since[place, z] = self._turned[place, z] = rows["last"]
            for row in rows[there]:
                self._notes.entered(row, self._zones[z], float(row["last"]), appeared=True)

    def _walk(self, place: NDArray[np.intp], before: Points, after: Points, last: Times, now: float,
              margin: Times) -> None:
        """The ways before → after (n, 2), in heights of the view, walked at an even pace from `last` to `now`."""
        if not len(place):
            return
        if self._zones:
            far = np.hypot(*(after - before).T)
            ratio = np.divide(far, margin, out=np.full(len(far), float(_MOST_STEPS)), where=margin > 0)
            steps = int(np.clip(np.ceil(ratio[far > 0].max(initial=1.0)), 1, _MOST_STEPS))
            here, then = before, last
            for step in range(1, steps + 1):
                there = before + (after - before) * (step / steps)
                time = last + (now - last) * (step / steps)
                for z, shape in enumerate(self._zone_shapes):
                    self._step(place, z, shape, here, there, then, time, margin)
                here, then = there, time
        for k, line in enumerate(self._line_shapes):
            total, share = crossings(before, after, line.points)
            hit = ~np.isnan(share)
            self._net[place, k] += total
            self._crossed[place[hit], k] = (last + (now - last) * share)[hit]
            least = margin * self._patience(now - self._crossed[place, k])
            for i in np.flatnonzero((self._net[place, k] != 0) & (line.far(after) >= least)):
                self._cross(int(place[i]), k)

    def _step(self, place: NDArray[np.intp], z: int, shape: ZoneShape, here: Points, there: Points, then: Times,
              time: Times, margin: Times) -> None:
        within, far = shape.look(there)
        flipped = np.flatnonzero(within != self._raw[place, z])
        if len(flipped):
            share = shape.crossed(here[flipped], there[flipped])
            self._turned[place[flipped], z] = then[flipped] + (time - then)[flipped] * share
            self._raw[place, z] = within
        beyond = far >= np.minimum(margin, shape.most_margin) * self._patience(time - self._turned[place, z])
        for i in np.flatnonzero((within != self._within[place, z]) & beyond):
            self._settle(int(place[i]), z)

    def _patience(self, since: Times) -> Times:
        """How much of the hysteresis is asked for `since` seconds after a crossing: 1, falling to 0."""
        patience: Times = np.clip(1.0 - since / self._settle_s, 0.0, 1.0)
        return patience

    def _settle(self, row: int, z: int) -> None:
        """Where a track stands counts from now on."""
        zone, when = self._zones[z], float(self._turned[row, z])
        self._within[row, z] = self._raw[row, z]
        if self._within[row, z]:
            self._since[row, z], self._told[row, z] = when, False
            self._notes.entered(self._rows[row], zone, when, appeared=False)
        else:
            self._notes.left(self._rows[row], zone, when, float(self._since[row, z]), vanished=False)

    def _cross(self, row: int, k: int) -> None:
        forward = bool(self._net[row, k] > 0)
        self._notes.crossed(self._rows[row], self._lines[k], float(self._crossed[row, k]), forward)
        self._net[row, k] = 0

    def _dwell(self, place: NDArray[np.intp], now: float) -> None:
        for z, zone in enumerate(self._zones):
            if zone.dwell_s is None:
                continue
            stayed = now - self._since[place, z] >= zone.dwell_s - 1e-6
            for i in place[np.flatnonzero(self._within[place, z] & ~self._told[place, z] & stayed)]:
                self._told[i, z] = True
                self._notes.dwelt(self._rows[i], zone, float(self._since[i, z]), zone.dwell_s)

    def _take_out(self, tracks: NDArray[np.int64]) -> None:
        gone = np.isin(self._rows["track"], tracks)
        if not gone.any():
            return
        for row in np.flatnonzero(gone).tolist():
            for z in range(len(self._zones)):
                self._end(row, z)
            for k in np.flatnonzero(self._net[row]).tolist():
                self._cross(row, k)
        self._notes.ended(self._rows[gone])
        self._rows = self._rows[~gone]
        for name in ("_raw", "_within", "_told", "_since", "_turned", "_net", "_crossed"):
            setattr(self, name, getattr(self, name)[~gone])

    def _end(self, row: int, z: int) -> None:
        """Nobody will say any more: what was not sure counts as it is."""
        if self._raw[row, z] != self._within[row, z]:
            self._settle(row, z)
        if self._within[row, z]:
            last, since = float(self._rows[row]["last"]), float(self._since[row, z])
            self._notes.left(self._rows[row], self._zones[z], last, since, vanished=True)
            self._within[row, z] = False

    def replace(self, camera: str, frame: int, zones: Sequence[Zone], lines: Sequence[Line]) -> list[Event]:
        """Count other zones and lines from now on. Who is in one that goes leaves it; one that stays counts on."""
        self._notes.begin(frame, camera)
        old: dict[str, Any] = {name: getattr(self, name) for name in (
            "_raw", "_within", "_told", "_since", "_turned", "_net", "_crossed")}
        for z in (z for z, zone in enumerate(self._zones) if zone not in zones):
            for row in range(len(self._rows)):
                self._end(row, z)
        zone_from, line_from = self._zones, self._lines
        self._zones, self._lines = tuple(zones), tuple(lines)
        if self.idle:
            self._take_out(self._rows["track"])  # nobody is followed here any more
        self._allocate()
        self._shape()
        for name in ("_raw", "_within", "_told", "_since", "_turned"):
            for z, zone in enumerate(self._zones):
                if zone in zone_from:
                    getattr(self, name)[:, z] = old[name][:, zone_from.index(zone)]
        for name in ("_net", "_crossed"):
            for k, line in enumerate(self._lines):
                if line in line_from:
                    getattr(self, name)[:, k] = old[name][:, line_from.index(line)]
        self._appear(np.arange(len(self._rows)), [z for z, zone in enumerate(self._zones) if zone not in zone_from])
        return self._notes.due(self._rows)
