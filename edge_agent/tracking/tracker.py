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
from edge_agent.tracking.report import Seen, report
from edge_agent.tracking.settings import TrackerSettings
from edge_agent.tracking.stages import Matches, match
from edge_agent.tracking.table import TrackTable
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
        frame_of_camera = np.full(len(self._cameras), -1)
        frame_of_camera[now.cameras] = np.arange(len(batch))
        frame = frame_of_camera[table.camera]
        all_cameras = len(batch) == len(self._cameras)
        rows = np.arange(table.count) if all_cameras else np.flatnonzero(frame >= 0)
        tracks = table if all_cameras else table.take(rows)
        frame = frame[rows]

        held = tracks.missed == 0
        kalman.predict(tracks.state, seconds[frame])
        tracks.unseen += seconds[frame]
        waiting = (tracks.unseen <= self._settings.lost_seconds) | (held & steady[frame])
        pairs = self._pairs(now, tracks, frame, seconds, held & (tracks.hits > 1))
        differ = tracks.class_id[pairs.track] != now.class_id[pairs.detection]
        similarity = np.where(differ, pairs.iou * self._settings.class_mismatch, pairs.iou)
        matches = match(self._settings, pairs, similarity, now.confidence, tracks.id > 0, waiting, frame)

        re_entered = self._see(now, tracks, matches)
        born = self._born(now, matches, pairs, differ)
        new, at_once = self._start(now, born, first)
        ready = (tracks.id == 0) & (tracks.missed == 0) & (tracks.hits >= self._settings.confirm_frames)
        ready &= tracks.evidence >= self._certain * self._settings.confirm_frames
        started = np.concatenate([ready[matches.track], at_once])
        self._name(tracks, ready)
        self._name(new, at_once)

        lost = (tracks.missed > 0) & ((tracks.unseen > self._settings.lost_seconds) | (tracks.id == 0))
        given_up = np.flatnonzero(lost & (tracks.id > 0))
        seen = Seen(
            id=np.concatenate([tracks.id[matches.track], new.id]),
            boxes=np.concatenate([tracks.state[:4, matches.track], new.state[:4]], 1),
            class_id=np.concatenate([tracks.class_id[matches.track], new.class_id]),
            detection=np.concatenate([matches.detection, born]),
            started=started,
            re_entered=np.concatenate([re_entered, np.zeros(len(born), np.bool_)]),
        )
        result = report(batch, now, seen, tracks.id[given_up], frame[given_up])
        if not all_cameras:
            table.put(rows, tracks)
        if len(born) or lost.any():
            keep = np.ones(table.count, np.bool_)
            keep[rows[lost]] = False
            table.replace(keep, new)
        return result

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
        pairs = association.overlapping(kalman.to_xyxy(tracks.state[:4]), counts, now.xyxy, now.counts)
        if not self._settings.camera_motion:
            return pairs
        sure = mutual(pairs, steady, now.confidence >= self._settings.high_confidence)
        track, detection = pairs.track[sure], pairs.detection[sure]
        surprise = now.boxes[:2, detection] - tracks.state[:2, track]
        shift = self._motion.shifts(surprise, frame[track], now.cameras, seconds)
        if not shift.any():
            return pairs
        tracks.state[:2] += shift[:, frame]
        tracks.state[4:6] += (INTO_VELOCITY * shift / np.maximum(seconds, 1e-3))[:, frame]
        return association.overlapping(kalman.to_xyxy(tracks.state[:4]), counts, now.xyxy, now.counts)

    def _see(self, now: Batch, tracks: TrackTable, matches: Matches) -> NDArray[np.bool_]:
        """Take over what was seen of the matched tracks; returns which of them were lost and came back, (m,)."""
        track, detection = matches.track, matches.detection
        confidence, class_id = now.confidence[detection], now.class_id[detection]
        back: NDArray[np.bool_] = (tracks.unseen[track] >= self._settings.re_entry_seconds) & (tracks.missed[track] > 0)
        back &= tracks.id[track] > 0
        tracks.state[:, track] = kalman.update(tracks.state[:, track], now.boxes[:, detection], confidence)
        tracks.unseen[track] = 0.0
        tracks.missed += 1
        tracks.missed[track] = 0
        tracks.hits[track] += 1
        tracks.evidence[track] += _log_odds(confidence)
        # The class that leads by confidence (Boyer and Moore's majority vote, weighted).
        before = tracks.class_id[track]
        votes = tracks.votes[track] + np.where(before == class_id, confidence, -confidence)
        tracks.class_id[track] = np.where(votes < 0, class_id, before)
        tracks.votes[track] = np.abs(votes)
        return back

    def _born(self, now: Batch, matches: Matches, pairs: Pairs, differ: NDArray[np.bool_]) -> Ints:
        """Detections that start a track: sure, left over, and not a second box on a track just seen."""
        double = (pairs.iou > self._settings.duplicate_overlap) & matches.taken[pairs.track] & ~differ
        alone = matches.free & (now.confidence >= self._settings.high_confidence)
        alone[pairs.detection[double]] = False
        return np.flatnonzero(alone)

    def _start(self, now: Batch, born: Ints, first: NDArray[np.bool_]) -> tuple[TrackTable, NDArray[np.bool_]]:
        """New tracks, and which of them are confirmed at once (k,): on a camera's first frame, nothing came before."""
        confidence, frame = now.confidence[born], now.frame[born]
        evidence = _log_odds(confidence)
        state = kalman.start(now.boxes[:, born], confidence)
        new = TrackTable.of(now.cameras[frame], state, evidence, confidence, now.class_id[born])
        return new, (evidence >= self._certain) & (first[frame] | (self._settings.confirm_frames == 1))

    def _name(self, tracks: TrackTable, ready: NDArray[np.bool_]) -> None:
        """Give ids to the tracks that are `ready` (n,); they are grouped by camera."""
        which = np.flatnonzero(ready)
        if not len(which):
            return
        for camera, count in enumerate(np.bincount(tracks.camera[which]).tolist()):
            if count:
                mine, which = which[:count], which[count:]
                tracks.id[mine] = self._ids.take(self._cameras[camera], count)


def _log_odds(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p / (1 − p)) of confidences, kept away from certainty, (n,) → (n,)."""
    p = np.minimum(np.maximum(confidence, 0.02), 0.98)
    odds: NDArray[np.float64] = np.log(p / (1.0 - p))
    return odds
