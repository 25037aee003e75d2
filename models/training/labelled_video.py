"""Real people to be judged by: crops of the labelled tracks of a video. Never learned from."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError

Image = NDArray[np.uint8]

CROPS: Final = 8  # of a track
_COLUMNS: Final = ("frame", "track", "person", "x1", "y1", "x2", "y2")


def read_tracks(
    video: Path, labels: Path, crops: int = CROPS, seed: int = 0
) -> tuple[list[list[Image]], NDArray[np.str_]]:
    """Crops of every labelled track, drawn at random, and whose they are.

    Args:
        video: the video.
        labels: CSV with the columns frame (from 0), track, person, x1, y1, x2, y2 (pixels).
        crops: how many of each track, or as many as it has.
        seed: another seed, other crops.

    Returns:
        A list of (h, w, 3) uint8 BGR crops for each track, and (tracks,) people.

    Raises:
        ConfigError: no such file, or columns lack.
    """
    rows: dict[int, list[dict[str, str]]] = defaultdict(list)
    try:
        with labels.open(newline="") as file:
            reader = csv.DictReader(file)
            if lacking := set(_COLUMNS) - set(reader.fieldnames or ()):
                raise ConfigError(f"{labels}: columns lack: {', '.join(sorted(lacking))}")
            for row in reader:
                rows[int(row["track"])].append(row)
    except OSError as error:
        raise ConfigError(f"{labels}: {error.strerror}") from error
    wanted: dict[int, list[tuple[int, list[float]]]] = defaultdict(list)
    random = np.random.default_rng(seed)
    for track, seen in rows.items():
        for index in np.sort(random.choice(len(seen), min(crops, len(seen)), replace=False)):
            row = seen[index]
            wanted[int(row["frame"])].append((track, [float(row[key]) for key in ("x1", "y1", "x2", "y2")]))
    found: dict[int, list[Image]] = defaultdict(list)
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise ConfigError(f"{video}: cannot be opened as a video")
    for number in range(max(wanted, default=-1) + 1):
        ok, frame = capture.read()
        if not ok:
            break
        for track, (x1, y1, x2, y2) in wanted.get(number, ()):
            crop = frame[max(0, round(y1)) : round(y2), max(0, round(x1)) : round(x2)]
            found[track].append(np.ascontiguousarray(crop, np.uint8))
    capture.release()
    tracks = sorted(found)
    return [found[track] for track in tracks], np.asarray([rows[track][0]["person"] for track in tracks])
