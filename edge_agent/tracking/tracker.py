"""The tracker: detections of many cameras in, tracks out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking import association, kalman
from edge_agent.tracking.appearance import WEIGHT, Embeddings, Look, Looks, ask, doubtful
from edge_agent.tracking.association import Ints, Pairs
from edge_agent.tracking.batch import Batch, Entry
from edge_agent.tracking.camera_motion import INTO_VELOCITY, CameraMotion, mutual
from edge_agent.tracking.frames import TrackedFrame
from edge_agent.tracking.ids import IdAllocator
from edge_agent.tracking.jolt import jolts
from edge_agent.tracking.report import Seen, report
from edge_agent.tracking.returns import candidates, recognise
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
        self._looks = Looks() if self._settings.kind == "appearance" else None

    def step(self, batch: Sequence[Entry], look: Look | None = None) -> list[TrackedFrame]:
        """Track one frame each of some of the cameras.

        Args:
            batch: camera, UTC seconds and detections (pixels) of each frame; a camera at most once. Should a camera's
                time jump back, its tracks go on as if no time had passed.
            look: embeds some of the batch's detections; asked at most twice a step, by the kind `appearance` only,
                and seldom. Without it that kind goes by motion alone.

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
        mitigated = np.zeros(len(matches.track), np.bool_)
        if self._looks is not None and look is not None and self._looks.ready:
            matches, mitigated = self._look_closer(look, now, tracks, pairs, differ, waiting, frame, matches)

        back = self._see(now, tracks, matches)
        ready = (tracks.id == 0) & (tracks.missed == 0) & (tracks.hits >= self._settings.confirm_frames)
        ready &= tracks.evidence >= self._certain * self._settings.confirm_frames
        if self._looks is not None and look is not None and self._looks.ready:
            self._recognise(look, now, tracks, matches, waiting, ready, back, mitigated)
        self._name(tracks, ready)
        seen = Seen.of(tracks, matches.track, matches.detection, ready[matches.track], back, mitigated)

        lost = (tracks.missed > 0) & ((tracks.unseen > self._settings.lost_seconds) | (tracks.id == 0))
        given_up = (lost & (tracks.id > 0)).nonzero()[0]
        ended, ended_frame = tracks.id[given_up], frame[given_up]
        if self._looks is not None:
            self._looks.forget(list(zip(tracks.camera[given_up].tolist(), ended.tolist(), strict=True)))
        if not all_cameras:
            table.put(rows, tracks)
        born = self._born(now, matches, pairs, differ)
        if len(born) or lost.any():
            new = self._new(now, born, first)
            at_once = (new.id > 0).nonzero()[0]
            if len(at_once):
                yes = np.ones(len(at_once), np.bool_)
                seen = seen.and_also(Seen.of(new, at_once, born[at_once], yes, ~yes, ~yes))
            keep = np.ones(table.count, np.bool_)
            keep[rows[lost]] = False
            table.replace(keep, new)
        return report(batch, now, seen, ended, ended_frame)

    def learn(self, camera: str, track: NDArray[np.int64], embeddings: Embeddings) -> None:
        """What tracks of one frame look like, for the kind `appearance`; give what was embedded for other ends anyway.

        Args:
            camera: the camera's name.
            track: (k,) int64, ids as told for that frame, seen whole and clearly in it.
            embeddings: (k, d) float32, unit rows.
        """
        if self._looks is not None and len(track):
            self._looks.learn(self._index[camera], track.tolist(), embeddings)

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

        def overlaps() -> Pairs:
            return association.overlapping(kalman.to_xyxy(tracks.state[:4]), counts, now.xyxy, now.counts)

        pairs = overlaps()
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
            pairs = overlaps()
            best = mutual(pairs, steady, sure)
        track, detection = pairs.track[best], pairs.detection[best]
        surprise = now.boxes[:2].take(detection, 1) - tracks.state[:2].take(track, 1)
        shift = self._motion.shifts(surprise, frame[track], now.cameras, seconds)
        if not shift.any():
            return pairs
        tracks.state[:2] += shift[:, frame]
        tracks.state[4:6] += (INTO_VELOCITY * shift / np.maximum(seconds, 1e-3))[:, frame]
        return overlaps()

    def _look_closer(
        self, look: Look, now: Batch, tracks: TrackTable, pairs: Pairs, differ: NDArray[np.bool_],
        waiting: NDArray[np.bool_], frame: Ints, by_motion: Matches,
    ) -> tuple[Matches, NDArray[np.bool_]]:
        """Match again with what doubtful candidates look like; and which (m,) would have gone to another track."""
        assert self._looks is not None
        confirmed = tracks.id > 0
        gain = pairs.iou * now.confidence[pairs.detection] - self._settings.match_similarity
        sure = now.confidence >= self._settings.high_confidence
        names = list(zip(tracks.camera.tolist(), tracks.id.tolist(), strict=True))
        known = confirmed & waiting & np.array([name in self._looks for name in names], np.bool_)
        asked = doubtful(pairs, gain, known, tracks.missed > 0, sure)
        if not len(asked):
            return by_motion, np.zeros(len(by_motion.track), np.bool_)
        detection, which = np.unique(pairs.detection[asked], return_inverse=True)
        seen = ask(look, now, detection)
        bonus = np.zeros(len(pairs.iou))
        bonus[asked] = WEIGHT * self._looks.evidence([names[t] for t in pairs.track[asked].tolist()], seen[which])
        by_looks = match(self._settings, pairs, differ, now.confidence, confirmed, waiting, frame, bonus)
        taker = np.full(len(now.confidence), -1)
        taker[by_motion.detection] = by_motion.track
        before = taker[by_looks.detection]
        return by_looks, (before >= 0) & (before != by_looks.track) & confirmed[before] & confirmed[by_looks.track]

    def _recognise(
        self, look: Look, now: Batch, tracks: TrackTable, matches: Matches, waiting: NDArray[np.bool_],
        ready: NDArray[np.bool_], back: NDArray[np.bool_], mitigated: NDArray[np.bool_],
    ) -> None:
        """Give tracks about to start the id of a lost one that looks the same; changes the masks accordingly."""
        assert self._looks is not None
        place = ready[matches.track].nonzero()[0]
        lost = ((tracks.missed > 0) & (tracks.id > 0) & waiting).nonzero()[0]
        if not len(place) or not len(lost):
            return
        place = place[matches.detection[place].argsort()]
        new = matches.track[place]
        pairs = candidates(tracks, new, lost)
        if not len(pairs[0]):
            return
        asked = np.unique(pairs[0])
        seen = ask(look, now, matches.detection[place[asked]])
        embeddings = np.zeros((len(new), seen.shape[1]), np.float32)
        embeddings[asked] = seen
        same, old = recognise(self._looks, tracks, new, lost, pairs, embeddings)
        tracks.id[same] = tracks.id[old]
        tracks.hits[same] += tracks.hits[old]
        tracks.id[old] = 0  # it goes on as the other row
        ready[same] = False
        again = np.isin(matches.track, same)
        back |= again
        mitigated |= again

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
