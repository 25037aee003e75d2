from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.detections import Detections
from common.errors import SourceError
from edge_agent.capture.mask import Mask

SHARE = st.floats(0, 1, width=32)


def standing_at(feet: NDArray[np.float64], width: float = 40.0, height: float = 90.0) -> Detections:
    """Boxes whose foot points are these pixels."""
    x, y = np.asarray(feet, np.float32).reshape(-1, 2).T
    xyxy = np.stack([x - width / 2, y - height, x + width / 2, y], axis=1)
    return Detections(xyxy, np.ones(len(x), np.float32))


@given(polygon=st.lists(st.tuples(SHARE, SHARE), min_size=3, max_size=8),
       feet=st.lists(st.tuples(st.floats(1, 639), st.floats(1, 479)), max_size=20))
def test_polygon_agrees_with_opencv(polygon: list[tuple[float, float]], feet: list[tuple[float, float]]) -> None:
    points = np.asarray(feet, np.float64).reshape(-1, 2)
    kept = Mask.load([polygon]).keep(standing_at(points), 640, 480)
    outline = (np.asarray(polygon) * [640, 480]).astype(np.float32)
    for point, inside in zip(points, kept, strict=True):
        distance = cv2.pointPolygonTest(outline, (float(point[0]), float(point[1])), True)
        if abs(distance) > 0.05:  # on the outline either answer will do
            assert inside == (distance > 0)


def test_a_box_counts_where_it_stands_not_where_its_head_is() -> None:
    lower_half = Mask.load([[(0, 0.5), (1, 0.5), (1, 1), (0, 1)]])
    people = standing_at(np.array([[100, 300], [100, 200]]))
    assert lower_half.keep(people, 640, 480).tolist() == [True, False]


def test_the_whole_view_keeps_who_is_cut_off_at_its_edges() -> None:
    everything = Mask.load([[(0, 0), (1, 0), (1, 1), (0, 1)]])
    people = standing_at(np.array([[0, 480], [640, 480], [650, 500], [-5, 20], [320, 0]]))
    assert everything.keep(people, 640, 480).all()


def test_several_polygons_add_up() -> None:
    mask = Mask.load([[(0, 0), (0.2, 0), (0.2, 1), (0, 1)], [(0.8, 0), (1, 0), (1, 1), (0.8, 1)]])
    people = standing_at(np.array([[50, 400], [320, 400], [600, 400]]))
    assert mask.keep(people, 640, 480).tolist() == [True, False, True]


def test_picture_of_any_size_is_laid_over_the_view(tmp_path: Path) -> None:
    picture = np.zeros((10, 20), np.uint8)
    picture[:, 10:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    mask = Mask.load(tmp_path / "mask.png")
    people = standing_at(np.array([[100, 400], [319, 400], [321, 400], [640, 480]]))
    assert mask.keep(people, 640, 480).tolist() == [False, False, True, True]


def test_nobody_there_is_no_trouble() -> None:
    assert Mask.load([[(0, 0), (1, 0), (1, 1)]]).keep(Detections.empty(), 640, 480).shape == (0,)


def test_mask_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        Mask.load(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(SourceError, match="no picture"):
        Mask.load(tmp_path / "text.png")
