"""Crops of a labelled video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ConfigError
from models.training.labelled_video import read_tracks


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twenty pictures, each with its number as brightness, ten times."""
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    return path


def test_crops_are_drawn_from_a_track(video: Path, tmp_path: Path) -> None:
    labels = tmp_path / "people.csv"
    rows = [f"{frame},{track},{'AB'[track]},{-5},2.4,20,30" for track in (0, 1) for frame in range(track, 20)]
    labels.write_text("frame,track,person,x1,y1,x2,y2\n" + "\n".join(rows))
    tracks, people = read_tracks(video, labels, crops=4)
    assert people.tolist() == ["A", "B"]
    assert [crop.shape for crop in tracks[0]] == [(28, 20, 3)] * 4  # what lies outside the picture is cut off
    frames = [round(float(crop.mean()) / 10) for crop in tracks[0]]
    assert frames == sorted(set(frames))
    assert frames != [round(float(crop.mean()) / 10) for crop in read_tracks(video, labels, crops=4, seed=1)[0][0]]
    assert len(read_tracks(video, labels, crops=99)[0][0]) == 20


def test_wrong_columns_are_named(video: Path, tmp_path: Path) -> None:
    labels = tmp_path / "people.csv"
    labels.write_text("frame,id\n1,2\n")
    with pytest.raises(ConfigError, match="person, track"):
        read_tracks(video, labels)


def test_a_file_that_is_not_there(video: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_tracks(video, tmp_path / "none.csv")
    labels = tmp_path / "people.csv"
    labels.write_text("frame,track,person,x1,y1,x2,y2\n0,0,A,0,0,9,9\n")
    with pytest.raises(ConfigError, match="as a video"):
        read_tracks(tmp_path / "none.avi", labels)
