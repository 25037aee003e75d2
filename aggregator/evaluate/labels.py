"""Visits of a database against people labelled by hand in the video they were seen in."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from common.geometry import area, iou_matrix
from common.reid_layouts import LAYOUTS, Layout, pictures_folder, read_pictures
from common.reid_replay import boxes, plan

COLUMNS = ("frame", "track", "person", "x1", "y1", "x2", "y2")
MIN_IOU = 0.4
MIN_SHARE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labelled boxes, ordered by frame.

    Attributes:
        frame: (n,) int64, from 0, of the source.
        camera: (n,) which camera's; empty for labels that hold for all, as when one video plays as several.
        person: (n,) who.
        track: (n,) labelled track; somebody who leaves and returns has several.
        xyxy: (n, 4) float64, pixels of the source's own frame.
    """

    frame: NDArray[np.int64]
    camera: NDArray[np.str_]
    person: NDArray[np.str_]
    track: NDArray[np.str_]
    xyxy: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> Labels:
        """From CSV with the columns `COLUMNS`.

        Raises:
            ConfigError: no such file, a column that lacks, or a value that is no number.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read ({error})", "give --truth a CSV of labels") from error
        lacking = [name for name in COLUMNS if not rows or name not in rows[0]]
        if lacking:
            raise ConfigError(f"{path}: the column '{lacking[0]}' lacks", f"its columns must be {','.join(COLUMNS)}")
        rows.sort(key=lambda row: int(row["frame"]) if row["frame"].isdecimal() else -1)
        try:
            return cls(np.asarray([int(row["frame"]) for row in rows], np.int64),
                       np.asarray([row.get("camera") or "" for row in rows], np.str_),
                       np.asarray([row["person"] for row in rows], np.str_),
                       np.asarray([row["track"] for row in rows], np.str_),
                       np.asarray([[float(row[k]) for k in COLUMNS[3:]] for row in rows], np.float64))
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error

    def of(self, camera: str) -> Labels:
        """The labels that hold for a camera: its own; those of the data set's camera that it plays (`site-c3` plays
        `c3`); and those without a camera."""
        own = self.camera == camera
        if not own.any():
            own = self.camera == camera.rpartition("-")[2]
        mine = own | (self.camera == "")
        if mine.all():
            return self
        return Labels(self.frame[mine], self.camera[mine], self.person[mine], self.track[mine], self.xyxy[mine])


def read_labels(text: str) -> Labels:
    """From a CSV's path, or from a re-identification data set that was replayed: `market1501:PATH`, `mars:PATH`.

    Raises:
        ConfigError: see `Labels.read`.
        SourceError: no such data set.
    """
    head, _, rest = text.partition(":")
    if head not in LAYOUTS or not rest:
        return Labels.read(Path(text))
    layout: Layout = "market1501" if head == "market1501" else "mars"
    shown = plan(read_pictures(pictures_folder(Path(rest), layout), layout), layout)
    cameras = [np.full(len(show.frame), f"c{number}") for number, show in shown.items()]
    shows = list(shown.values())
    frame = np.concatenate([show.frame for show in shows])
    order = np.argsort(frame, kind="stable")
    track = np.concatenate([np.char.add(f"c{n}:", show.track.astype(np.str_)) for n, show in shown.items()])
    return Labels(frame[order], np.concatenate(cameras)[order],
                  np.concatenate([show.person for show in shows]).astype(np.str_)[order], track[order],
                  np.concatenate([boxes(show.cell) for show in shows]).astype(np.float64)[order])


@dataclass(frozen=True, slots=True)
class Match:
    """Who a visit is: `person` and the labelled tracks that it covers; None when nobody labelled is there."""

    person: str | None
    tracks: frozenset[str] = frozenset()


def match_visit(frames: NDArray[np.int32], boxes: NDArray[np.float64], view: tuple[float, float, float, float],
                labels: Labels) -> Match:
    """The labelled person whose boxes a visit's path follows.

    Labels need not be complete: a visit of somebody who is not labelled matches nobody.

    Args:
        frames: (m,) of the path's points.
        boxes: (m, 4) pixels of the source's own frame.
        view: left, top, right, bottom of the camera's view in that frame; labels are cut at it, as boxes are.
        labels: of the whole video.
    """
    votes: Counter[str] = Counter()
    tracks: Counter[str] = Counter()
    low, high = np.searchsorted(labels.frame, frames), np.searchsorted(labels.frame, frames, side="right")
    for point, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        cut = np.clip(labels.xyxy[a:b], [view[0], view[1]] * 2, [view[2], view[3]] * 2)
        overlap = np.where(area(cut) > 0, iou_matrix(boxes[point : point + 1], cut)[0], 0) if b > a else np.zeros(0)
        if len(overlap) and overlap.max() >= MIN_IOU:
            best = a + int(overlap.argmax())
            votes[str(labels.person[best])] += 1
            tracks[str(labels.track[best])] += 1
    if not votes or votes.most_common(1)[0][1] < MIN_SHARE * len(frames):
        return Match(None)
    person = votes.most_common(1)[0][0]
    of_person = set(labels.track[labels.person == person].tolist())
    return Match(person, frozenset(track for track in tracks if track in of_person))
