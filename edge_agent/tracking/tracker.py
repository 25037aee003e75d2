"""The tracker: detections of many cameras in, tracks out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.detections import Detections
from edge_agent.tracking import association, kalman
from edge_agent.tracking.frames import TrackedFrame
from edge_agent.tracking.ids import IdAllocator
from edge_agent.tracking.settings import TrackerSettings
from edge_agent.tracking.table import TrackTable


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
        self._table = TrackTable.empty()
        self._seen_frame = np.zeros(len(self._cameras), bool)

    def step(self, batch: Sequence[tuple[str, float, Detections]]) -> list[TrackedFrame]:
        """Track one frame each of some of the cameras.

        Args:
            batch: camera, UTC seconds and detections (pixels) of each frame; a camera at most once, its times rising.

        Returns:
            One `TrackedFrame` for each entry of `batch`, in its order.

        Raises:
            ValueError: a camera that is unknown or comes twice.
        """
        if not batch:
            return []
        cameras = np.array([self._index_of(name) for name, _, _ in batch], np.intp)
        if len(set(cameras.tolist())) != len(batch):
            raise ValueError("a camera comes twice in one step")
        settings, table = self._settings, self._table
        times = np.array([time for _, time, _ in batch])

        # Detections worth a look, grouped by frame.
        confidence_all = np.concatenate([d.confidence for _, _, d in batch])
        sort = settings.kind == "sort"
        lowest = settings.high_confidence if sort else settings.low_confidence
        used = np.flatnonzero(confidence_all >= lowest)
        sizes = np.array([len(d) for _, _, d in batch])
        frame_of = np.repeat(np.arange(len(batch)), sizes)[used]
        first = np.cumsum(sizes) - sizes
        row_of = used - first[frame_of]
        xyxy = np.concatenate([d.xyxy for _, _, d in batch])[used]
        confidence = confidence_all[used].astype(np.float64)
        classes = np.concatenate([d.class_id for _, _, d in batch])[used]
        boxes = kalman.from_xyxy(xyxy)
        high = confidence >= settings.high_confidence
        detection_counts = np.bincount(frame_of, minlength=len(batch))

        # Tracks of these cameras, in the batch's order, where they should be now.
        frame_of_camera = np.full(len(self._cameras), -1)
        frame_of_camera[cameras] = np.arange(len(batch))
        frames = frame_of_camera[table.camera[: table.count]]
        rows = np.flatnonzero(frames >= 0)
        if len(batch) > 1:
            rows = rows[np.argsort(frames[rows], kind="stable")]
        frame_of_track = frames[rows]
        now = times[frame_of_track]
        predicted = kalman.predict(table.state[:, rows], now - table.time[rows])
        track_counts = np.bincount(frame_of_track, minlength=len(batch))

        pairs = association.overlapping(
            kalman.to_xyxy(predicted[:4]), track_counts, xyxy.T.astype(np.float64), detection_counts
        )
        iou = pairs.iou
        if settings.class_mismatch < 1:
            differ = table.class_id[rows][pairs.track] != classes[pairs.detection]
            iou = np.where(differ, iou * settings.class_mismatch, iou)
        fused = iou if sort else iou * confidence[pairs.detection]

        confirmed = table.id[rows] > 0
        held = table.missed[rows] == 0
        free_track = np.ones(len(rows), bool)
        free_detection = np.ones(len(used), bool)
        taken_tracks, taken_detections = [], []

        def match(gain: NDArray[np.float64], tracks: NDArray[np.bool_], detections: NDArray[np.bool_]) -> None:
            ok = (gain > 0) & (tracks & free_track)[pairs.track] & (detections & free_detection)[pairs.detection]
            t, d = association.assign(pairs.track[ok], pairs.detection[ok], gain[ok], frame_of_track)
            free_track[t] = False
            free_detection[d] = False
            taken_tracks.append(t)
            taken_detections.append(d)

        if sort:
            match(iou - 0.3, np.ones(len(rows), bool), high)
        else:
            match(fused - 0.2, confirmed, high)
            match(iou - 0.5, confirmed & held, ~high)
            match(fused - 0.3, ~confirmed, high)
        tracks, found = np.concatenate(taken_tracks), np.concatenate(taken_detections)

        # What was seen.
        seen = rows[tracks]
        table.state[:, seen] = kalman.update(predicted[:, tracks], boxes[:, found])
        gap = now[tracks] - table.time[seen]
        re_entered = confirmed[tracks] & (table.missed[seen] > 0) & (gap >= settings.re_entry_seconds)
        table.time[seen] = now[tracks]
        table.hits[seen] += 1
        table.missed[rows] += 1
        table.missed[seen] = 0
        same = table.class_id[seen] == classes[found]
        votes = table.votes[seen] + np.where(same, confidence[found], -confidence[found])
        table.class_id[seen] = np.where(votes < 0, classes[found], table.class_id[seen])
        table.votes[seen] = np.abs(votes)

        # What is new.
        born = np.flatnonzero(free_detection & (confidence >= max(settings.new_track_confidence, lowest)))
        added = table.add(len(born))
        new_frame = frame_of[born]
        table.state[:, added] = kalman.start(boxes[:, born])
        table.time[added] = times[new_frame]
        table.camera[added] = cameras[new_frame]
        table.id[added] = 0
        table.hits[added] = 1
        table.missed[added] = 0
        table.class_id[added] = classes[born]
        table.votes[added] = confidence[born]

        # Ids for what has been seen often enough; a camera's very first frame is believed at once.
        candidates = np.concatenate([seen, np.arange(added.start, added.stop)])
        origin = np.concatenate([found, born])
        enough = np.where(self._seen_frame[table.camera[candidates]], settings.confirm_frames, 1)
        started = (table.id[candidates] == 0) & (table.hits[candidates] >= enough)
        self._seen_frame[cameras] = True
        re_entered = np.concatenate([re_entered, np.zeros(len(born), bool)])
        order = np.argsort(origin, kind="stable")
        candidates, origin, started, re_entered = candidates[order], origin[order], started[order], re_entered[order]
        for f in np.unique(frame_of[origin[started]]).tolist():
            mine = candidates[started & (frame_of[origin] == f)]
            table.id[mine] = self._ids.take(batch[f][0], len(mine))

        # What is given up.
        missed = table.missed[rows] > 0
        too_long = now - table.time[rows] > settings.lost_seconds
        gone = missed & (too_long | ~confirmed)

        told = table.id[candidates] > 0
        candidates, origin, started, re_entered = candidates[told], origin[told], started[told], re_entered[told]
        out_xyxy = kalman.to_xyxy(table.state[:4, candidates]).T.astype(np.float32)
        out_id = table.id[candidates]
        out_class = table.class_id[candidates]
        out_frame = frame_of[origin]
        out_confidence = confidence[origin].astype(np.float32)
        gone_confirmed = gone & confirmed
        gone_id, gone_frame = table.id[rows[gone_confirmed]], frame_of_track[gone_confirmed]
        if gone.any():
            keep = np.ones(table.count, bool)
            keep[rows[gone]] = False
            table.keep(keep)
        result = []
        for f, (name, time, _) in enumerate(batch):
            mine_ = out_frame == f
            result.append(
                TrackedFrame(
                    camera=name,
                    time=time,
                    track=out_id[mine_],
                    xyxy=out_xyxy[mine_],
                    confidence=out_confidence[mine_],
                    class_id=out_class[mine_],
                    detection=row_of[origin[mine_]].astype(np.int32),
                    started=started[mine_],
                    re_entered=re_entered[mine_],
                    ended=gone_id[gone_frame == f],
                )
            )
        return result

    def finish(self) -> dict[str, NDArray[np.int64]]:
        """End all tracks: the ids, rising, of the confirmed ones that were still open, for every camera."""
        table = self._table
        camera, ids = table.camera[: table.count], table.id[: table.count]
        open_ = {name: np.sort(ids[(camera == i) & (ids > 0)]) for i, name in enumerate(self._cameras)}
        self._table = TrackTable.empty()
        self._seen_frame[:] = False
        return open_

    def _index_of(self, camera: str) -> int:
        try:
            return self._index[camera]
        except KeyError:
            raise ValueError(f"unknown camera '{camera}'; the tracker knows {', '.join(self._cameras)}") from None
