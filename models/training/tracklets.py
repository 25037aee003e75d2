"""A site's own people without names: crops of tracks, who was in view at once, and nothing on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from common.mot import read_mot
from models.training.site import HEIGHT, WIDTH

_CROPS: Final = 12  # of a track, evenly spread
_SHORTEST: Final = 10  # frames; a shorter track is often half a person or none


@dataclass(frozen=True, kw_only=True)
class Tracklets:
    """Crops of one or more videos.

    Attributes:
        pictures: (n, h, w, 3) uint8 RGB.
        track: (n,) which track each shows.
        apart: (tracks, tracks) bool, both were in one picture at once, so they are two people.
    """

    pictures: NDArray[np.uint8]
    track: NDArray[np.int64]
    apart: NDArray[np.bool_]

    def draw(
        self, random: np.random.Generator, tracks: int, takes: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
        """Crops of somebody and of those seen beside them, and of those seen beside these.

        Returns:
            (k · takes, h, w, 3) pictures, (k · takes,) tracks, and (k · takes, k · takes) surely two people.
        """
        met = np.flatnonzero(self.apart.any(1))
        chosen = [int(random.choice(met))]
        while len(chosen) < tracks:
            beside = np.setdiff1d(np.flatnonzero(self.apart[chosen].any(0)), chosen)
            rest = beside if len(beside) else np.setdiff1d(met, chosen)
            if not len(rest):
                break
            chosen.append(int(random.choice(rest)))
        rows = [random.choice(np.flatnonzero(self.track == t), takes) for t in chosen]
        who = np.repeat(chosen, takes)
        return self.pictures[np.concatenate(rows)], who, self.apart[np.ix_(who, who)]


def read_tracklets(videos: Sequence[Path], tracks: Sequence[Path]) -> Tracklets:
    """Crops of what `edge-agent track` followed.

    Args:
        videos: each one camera's.
        tracks: for each its `mot.txt`.

    Raises:
        ConfigError: a video cannot be opened, or nobody was ever seen beside somebody else.
        SourceError: a file of tracks cannot be read.
    """
    if len(videos) != len(tracks):
        raise ConfigError(f"{len(videos)} videos, but {len(tracks)} files of tracks", "one --tracks for each --video")
    pictures: list[NDArray[np.uint8]] = []
    track: list[int] = []
    blocks: list[NDArray[np.bool_]] = []
    for video, path in zip(videos, tracks, strict=True):
        mot = read_mot(path)
        own = [rows for rows in _by_track(mot.id) if len(rows) >= _SHORTEST]
        start = sum(len(block) for block in blocks)
        wanted: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, rows in enumerate(own, start):
            for row in rows[np.linspace(0, len(rows) - 1, _CROPS + 2).round().astype(int)[1:-1]]:
                wanted[int(mot.frame[row]) - 1].append((number, int(row)))
        blocks.append(_together([mot.frame[rows] for rows in own]))
        for number, row, frame in _frames(video, wanted):
            left, top, right, bottom = np.maximum(np.rint(mot.xyxy[row]), 0).astype(int)
            crop = frame[top:bottom, left:right]
            if crop.size:
                small = cv2.resize(crop, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
                pictures.append(np.asarray(small[..., ::-1], np.uint8))
                track.append(number)
    apart = np.zeros((sum(len(block) for block in blocks),) * 2, np.bool_)
    at = 0
    for block in blocks:
        apart[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    seen = np.zeros(len(apart), np.bool_)
    seen[track] = True
    apart &= seen[:, None] & seen[None]
    if not apart.any():
        raise ConfigError("nobody was ever in view together with somebody else: there is nothing to learn from")
    return Tracklets(pictures=np.stack(pictures), track=np.array(track, np.int64), apart=apart)


def _by_track(ids: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    order = np.argsort(ids, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(ids[order])) + 1) if len(ids) else []


def _together(frames: Sequence[NDArray[np.int32]]) -> NDArray[np.bool_]:
    """(tracks, tracks) whether they share a frame."""
    last = max((int(own[-1]) for own in frames), default=0)
    there = np.zeros((len(frames), last + 1), np.float32)
    for row, own in enumerate(frames):
        there[row, own] = 1
    shared = there @ there.T > 0
    np.fill_diagonal(shared, False)
    return np.asarray(shared, np.bool_)


def _frames(video: Path, wanted: dict[int, list[tuple[int, int]]]) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Track, row and picture of what is wanted, picture by picture."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise ConfigError(f"{video}: cannot be opened as a video")
    for number in range(max(wanted, default=-1) + 1):
        ok, frame = capture.read()
        if not ok:
            break
        for track, row in wanted.get(number, ()):
            yield track, row, np.asarray(frame, np.uint8)
    capture.release()
