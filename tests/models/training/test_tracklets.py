"""A site's own tracks: whose crops they are, and who is surely somebody else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ConfigError
from models.training.tracklets import read_tracklets


def video(path: Path, frames: int = 40) -> Path:
    """Left half blue, right half red."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, :80, 0], image[:, 80:, 2] = 220, 220
    for _ in range(frames):
        writer.write(image)
    writer.release()
    return path


def tracks(path: Path, *spans: tuple[int, int, int, float]) -> Path:
    """Boxes 30x60 of track, first frame, last frame, left."""
    lines = [
        f"{frame},{track},{left},20,30,60,0.9,1,1"
        for track, first, last, left in spans
        for frame in range(first, last + 1)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_crops_come_from_their_track_and_meetings_are_known(tmp_path: Path) -> None:
    mot = tracks(tmp_path / "mot.txt", (1, 1, 20, 10), (2, 15, 40, 120), (3, 25, 40, 10), (9, 1, 4, 60))
    found = read_tracklets([video(tmp_path / "a.avi")], [mot])
    assert found.apart.tolist() == [[False, True, False], [True, False, True], [False, True, False]]
    assert np.bincount(found.track).tolist() == [12, 12, 12]  # the one of four frames is left out
    blue = found.pictures[found.track == 0].mean((0, 1, 2))
    red = found.pictures[found.track == 1].mean((0, 1, 2))
    assert blue[2] > 150 > blue[0]
    assert red[0] > 150 > red[2]


def test_a_batch_holds_those_who_met(tmp_path: Path) -> None:
    mot = tracks(tmp_path / "mot.txt", (1, 1, 20, 10), (2, 15, 40, 120), (3, 25, 40, 10), (4, 30, 40, 60))
    found = read_tracklets([video(tmp_path / "a.avi")], [mot])
    pictures, who, apart = found.draw(np.random.default_rng(0), 3, 4)
    assert pictures.shape == (12, 128, 64, 3)
    assert len(set(who.tolist())) == 3
    assert (apart == apart.T).all()
    assert apart.any(1).all()
    assert not apart[who[:, None] == who[None]].any()


def test_two_cameras_say_nothing_of_each_other(tmp_path: Path) -> None:
    mot = tracks(tmp_path / "mot.txt", (1, 1, 20, 10), (2, 1, 20, 120))
    found = read_tracklets([video(tmp_path / "a.avi"), video(tmp_path / "b.avi")], [mot, mot])
    assert found.apart.sum() == 4
    assert not found.apart[:2, 2:].any()


def test_people_who_never_met_teach_nothing(tmp_path: Path) -> None:
    mot = tracks(tmp_path / "mot.txt", (1, 1, 15, 10), (2, 20, 40, 120))
    with pytest.raises(ConfigError, match="nobody was ever in view together"):
        read_tracklets([video(tmp_path / "a.avi")], [mot])
    with pytest.raises(ConfigError, match="one --tracks for each"):
        read_tracklets([tmp_path / "a.avi"], [])
