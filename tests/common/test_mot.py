from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from common.errors import SourceError
from common.mot import read_mot, write_mot


@pytest.mark.parametrize("name", ["tracks.txt", "tracks.txt.gz"])
def test_what_was_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    xyxy = np.array([[1.5, 2, 11, 22], [3, 4, 5, 6]], np.float32)
    first = (1, np.array([7, 8]), xyxy, np.array([0.5, 1], np.float32))
    write_mot(path, [first, (3, np.array([7]), xyxy[:1], xyxy[0, :1])])
    rows = read_mot(path)
    assert rows.frame.tolist() == [1, 1, 3]
    assert rows.id.tolist() == [7, 8, 7]
    np.testing.assert_allclose(rows.xyxy[:2], xyxy)
    assert [(f, len(d)) for f, d in rows.detections()] == [(1, 2), (2, 0), (3, 1)]
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")


def test_frames_may_come_in_any_order_and_with_blanks(tmp_path: Path) -> None:
    path = tmp_path / "det.txt"
    path.write_text("2,-1, 0,0,10,10, 0.5,-1,-1,-1\n\n1,-1,5,5,10,10,80\n")
    rows = read_mot(path)
    assert rows.frame.tolist() == [1, 2]
    assert [d.confidence.tolist() for _, d in rows.detections()] == [[1.0], [0.5]]


@pytest.mark.parametrize("line", ["1,2,3", "one,-1,0,0,1,1,1", "0,-1,0,0,1,1,1", "1,-1,nan,0,1,1,1"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "det.txt"
    path.write_text(f"1,-1,0,0,10,10,0.5\n{line}\n")
    with pytest.raises(SourceError, match=r"det.txt:2: is no MOTChallenge box"):
        read_mot(path)


def test_missing_and_cut_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_mot(tmp_path / "none.txt")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"1,-1,0,0,10,10,0.5\n" * 100)[:-20])
    with pytest.raises(SourceError, match=r"cut\.gz"):
        read_mot(tmp_path / "cut.gz")
