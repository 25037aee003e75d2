"""Re-identification data sets, read by the names of their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from common.errors import SourceError
from common.reid_layouts import Layout, parse, pictures_folder, read_mars, read_pictures
from tests.support.reid import write_market, write_mars


@pytest.mark.parametrize(("layout", "name", "numbers"), [
    ("market1501", "0002_c1s1_000451_03.jpg", (2, 1, 1, 451)),
    ("market1501", "-1_c6s4_000009_00.jpg", (-1, 6, 4, 9)),
    ("market1501", "1501_c2s3_000401_01.jpg.jpg", (1501, 2, 3, 401)),
    ("market1501", "Thumbs.db", None),
    ("market1501", "0002_c1s1_000451_03.txt", None),
    ("mars", "0065C1T0002F016.jpg", (65, 1, 2, 16)),
    ("mars", "00-1C6T0001F1016.jpg", (-1, 6, 1, 1016)),
    ("mars", "0002_c1s1_000451_03.jpg", None),
])
def test_names(layout: Layout, name: str, numbers: tuple[int, ...] | None) -> None:
    assert parse(name, layout) == numbers


def test_a_folder_in_order(tmp_path: Path) -> None:
    root = write_market(tmp_path, [3, 2], cameras=2, images=2)
    (root / "bounding_box_test" / "Thumbs.db").write_bytes(b"windows")
    pictures = read_pictures(pictures_folder(root, "market1501"), "market1501")
    assert pictures.person.tolist() == [-1, -1, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3]
    assert pictures.camera.tolist()[4:] == [1, 1, 2, 2] * 2
    assert (np.diff(pictures.frame[4:6]) == 12).all()
    assert pictures_folder(root / "query", "market1501") == root / "query"


def test_tracklets_and_the_queries_among_them(tmp_path: Path) -> None:
    tracklets = read_mars(write_mars(tmp_path, [5, 9], cameras=2, images=3, tracklets=2))
    assert tracklets.person.tolist() == [-1, 5, 5, 5, 5, 9, 9, 9, 9]
    assert tracklets.camera.tolist() == [1, 1, 1, 2, 2, 1, 1, 2, 2]
    assert np.diff(tracklets.first).tolist() == [1, *[3] * 8]
    assert tracklets.query.tolist() == [1, 3, 5, 7]


def test_queries_that_the_set_states_are_taken(tmp_path: Path) -> None:
    write_mars(tmp_path, [5], cameras=2, images=2, tracklets=2)
    names = sorted(path.name for path in (tmp_path / "bbox_test" / "0005").iterdir())
    (tmp_path / "info").mkdir()
    (tmp_path / "info" / "test_name.txt").write_text("\n".join(names) + "\n")
    rows = [[1, 2, 5, 1], [3, 4, 5, 1], [5, 6, 5, 2], [7, 8, 5, 2]]
    savemat(tmp_path / "info" / "tracks_test_info.mat", {"track_test_info": np.array(rows, float)})
    savemat(tmp_path / "info" / "query_IDX.mat", {"query_IDX": np.array([[2, 4]])})
    tracklets = read_mars(tmp_path)
    group = tracklets.pictures.group[tracklets.first[:-1]]
    assert [(int(tracklets.camera[q]), int(group[q])) for q in tracklets.query] == [(1, 2), (2, 2)]


def test_an_info_that_does_not_fit_is_said(tmp_path: Path) -> None:
    write_mars(tmp_path, [5])
    (tmp_path / "info").mkdir()
    savemat(tmp_path / "info" / "query_IDX.mat", {"query_IDX": np.array([[2]])})
    with pytest.raises(SourceError, match="tracks_test_info"):
        read_mars(tmp_path)


@pytest.mark.parametrize(("layout", "make"), [("market1501", False), ("mars", True)])
def test_what_is_no_such_set_is_named(tmp_path: Path, layout: Layout, make: bool) -> None:
    folder = tmp_path / "set"
    if make:
        folder.mkdir()
        (folder / "holiday.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match=f"{layout}:.*set") as caught:
        read_pictures(folder, layout)
    assert "bb" in str(caught.value.cure) or "bounding" in str(caught.value.cure)
