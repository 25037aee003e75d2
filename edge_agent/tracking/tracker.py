"""The tracker: detections of many cameras in, tracks out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking import association, kalman
from edge_agent.tracking.association import Ints, Pairs
from edge_agent.tracking.batch import Batch, Entry
from edge_agent.tracking.camera_motion import INTO_VELOCITY, CameraMotion, mutual
from edge_agent.tracking.frames import TrackedFrame
from edge_agent.tracking.ids import IdAllocator
from edge_agent.tracking.jolt import jolts
from edge_agent.tracking.report import Seen, report
from edge_agent.tracking.settings import TrackerSettings
from edge_agent.tracking.stages import Matches, match
from edge_agent.tracking.table import TrackTable, log_odds
from edge_agent.tracking.timing import Timing


class Tracker:
    """Follows objects in all cameras of the box.

    Args:
        settings: see there.
        cameras: names of all cameras that will come; each is tracked by itself.
        ids: where track ids come from.
    """

    def __init__(self, settings: TrackerSettings, cameras: Sequence[str], ids: IdAllocator) -> None:
        self._settings = settings
        self._cameras = tuple(cameras)
        self._index = {name: i for i, name in enumerate(self._cameras)}
        self._ids = ids
        self._lowest = settings.high_confidence if settings.kind == "sort" else settings.low_confidence
        self._certain = math.log(settings.confirm_confidence / (1 - settings.confirm_confidence))
        self._clear()

    def _clear(self) -> None:
        self._table = TrackTable()
        self._timing = Timing(len(self._cameras))
        self._motion = CameraMotion(len(self._cameras))

    def step(self, batch: Sequence[Entry]) -> list[TrackedFrame]:
        """Track one frame each of some of the cameras.

        Args:
            batch: camera, UTC seconds and detections (pixels) of each frame; a camera at most once. Should a camera's
                time jump back, its tracks go on as if no time had passed.

        Returns:
            One `TrackedFrame` for each entry of `batch`, in its order.

        Raises:
            ValueError: a camera that is unknown or comes twice.
        """
        if not batch:
            return []
        now = Batch.of(batch, self._index, self._lowest)
        seconds, first, steady = self._timing.tick(now.cameras, now.times)

        # The tracks of these cameras, and the frame that each may be seen in.
        table = self._table
        all_cameras = len(batch) == len(self._cameras)
        if all_cameras:
            tracks, rows, frame = table, np.arange(table.count), table.camera
        else:
            frame_of_camera = np.full(len(self._cameras), -1)
            frame_of_camera[now.cameras] = np.arange(len(batch))
            rows = (frame_of_camera[table.camera] >= 0).nonzero()[0]
            tracks, frame = table.take(rows), frame_of_camera[table.camera[rows]]

        held = tracks.missed == 0
        passed = seconds[frame]
        kalman.predict(tracks.state, passed)
        tracks.unseen += passed
        waiting = (tracks.unseen <= self._settings.lost_seconds) | (held & steady[frame])
        pairs = self._pairs(now, tracks, frame, seconds, held & ((tracks.hits > 1) | (tracks.id > 0)))
        differ = tracks.class_id[pairs.track] != now.class_id[pairs.detection]
        matches = match(self._settings, pairs, differ, now.confidence, tracks.id > 0, waiting, frame)

        back = self._see(now, tracks, matches)
        ready = (tracks.id == 0) & (tracks.missed == 0) & (tracks.hits >= self._settings.confirm_frames)
        ready &= tracks.evidence >= self._certain * self._settings.confirm_frames
        self._name(tracks, ready)
        seen = Seen.of(tracks, matches.track, matches.detection, ready[matches.track], back)

        lost = (tracks.missed > 0) & ((tracks.unseen > self._settings.lost_seconds) | (tracks.id == 0))
        given_up = (lost & (tracks.id > 0)).nonzero()[0]
        ended, ended_frame = tracks.id[given_up], frame[given_up]
        if not all_cameras:
            table.put(rows, tracks)
        born = self._born(now, matches, pairs, differ)
        if len(born) or lost.any():
            new = self._new(now, born, first)
            at_once = (new.id > 0).nonzero()[0]
            if len(at_once):
                yes = np.ones(len(at_once), np.bool_)
                seen = seen.and_also(Seen.of(new, at_once, born[at_once], yes, ~yes))
            keep = np.ones(table.count, np.bool_)
            keep[rows[lost]] = False
            table.replace(keep, new)
        return report(batch, now, seen, ended, ended_frame)

    def finish(self) -> dict[str, NDArray[np.int64]]:
        """End all tracks: the ids, rising, of those that were still open, for every camera. The tracker starts anew."""
        table = self._table
        ids = {
            name: np.sort(table.id[(table.camera == i) & (table.id > 0)]) for i, name in enumerate(self._cameras)
        }
        self._clear()
        return ids

    def _pairs(
        self, now: Batch, tracks: TrackTable, frame: Ints, seconds: NDArray[np.float64], steady: NDArray[np.bool_]
    ) -> Pairs:
        """Candidates, once the tracks have followed what their camera did; `steady` (n,) tracks tell that."""
        counts = np.bincount(frame, minlength=len(now.cameras))

        def candidates() -> Pairs:
            return association.overlapping(kalman.to_xyxy(tracks.state[:4]), counts, now.xyxy, now.counts)

        pairs = candidates()
        if not self._settings.camera_motion:
            return pairs
        sure = now.confidence >= self._settings.high_confidence
        best = mutual(pairs, steady, sure)
        jolt = jolts(
            tracks.state[:4], frame, steady, now.boxes, now.frame, sure,
            np.bincount(frame[pairs.track[best]], minlength=len(now.cameras)),
        )
        if jolt.any():
            tracks.state[:2] += jolt[:, frame]
            pairs = candidates()
            best = mutual(pairs, steady, sure)
        track, detection = pairs.track[best], pairs.detection[best]
        surprise = now.boxes[:2].take(detection, 1) - tracks.state[:2].take(track, 1)
        shift = self._motion.shifts(surprise, frame[track], now.cameras, seconds)
        if not shift.any():
            return pairs
        tracks.state[:2] += shift[:, frame]
        tracks.state[4:6] += (INTO_VELOCITY * shift / np.maximum(seconds, 1e-3))[:, frame]
        return candidates()

    def _see(self, now: Batch, tracks: TrackTable, matches: Matches) -> NDArray[np.bool_]:
        """Take over what was seen of the matched tracks; returns which of them were lost and came back, (m,)."""
        track, detection = matches.track, matches.detection
        confidence, class_id = now.confidence[detection], now.class_id[detection]
        back: NDArray[np.bool_] = (tracks.unseen[track] >= self._settings.re_entry_seconds) & (tracks.missed[track] > 0)
        back &= tracks.id[track] > 0
        tracks.state[:, track] = kalman.update(tracks.state.take(track, 1), now.boxes.take(detection, 1), confidence)
        tracks.unseen[track] = 0.0
        tracks.missed += 1
        tracks.missed[track] = 0
        tracks.hits[track] += 1
        young = (tracks.id[track] == 0).nonzero()[0]
        if len(young):
            tracks.evidence[track[young]] += log_odds(confidence[young])
        # The class that leads by confidence (Boyer and Moore's majority vote, weighted).
        before = tracks.class_id[track]
        votes = tracks.votes[track] + np.where(before == class_id, confidence, -confidence)
        tracks.class_id[track] = np.where(votes < 0, class_id, before)
        tracks.votes[track] = np.abs(votes)
        return back

    def _born(self, now: Batch, matches: Matches, pairs: Pairs, differ: NDArray[np.bool_]) -> Ints:
        """Detections that start a track: sure, left over, and not a second box on a track just seen."""
        alone = matches.free & (now.confidence >= self._settings.high_confidence)
        if alone.any():
            double = (pairs.iou > self._settings.duplicate_overlap) & matches.taken[pairs.track] & ~differ
            alone[pairs.detection[double]] = False
        return alone.nonzero()[0]

    def _new(self, now: Batch, born: Ints, first: NDArray[np.bool_]) -> TrackTable:
        """New tracks. On a camera's first frame the certain ones have an id at once: nothing can have come before."""
        if not len(born):
            return TrackTable(0)
        confidence, frame = now.confidence[born], now.frame[born]
        evidence = log_odds(confidence)
        state = kalman.start(now.boxes.take(born, 1), confidence)
        new = TrackTable.of(now.cameras[frame], state, evidence, confidence, now.class_id[born])
        self._name(new, (evidence >= self._certain) & (first[frame] | (self._settings.confirm_frames == 1)))
        return new

    def _name(self, tracks: TrackTable, ready: NDArray[np.bool_]) -> None:
        """Give ids to the tracks that are `ready` (n,); they are grouped by camera."""
        which = ready.nonzero()[0]
        if not len(which):
            return
        for camera, count in enumerate(np.bincount(tracks.camera[which]).tolist()):
            if count:
                mine, which = which[:count], which[count:]
                tracks.id[mine] = self._ids.take(self._cameras[camera], count)
