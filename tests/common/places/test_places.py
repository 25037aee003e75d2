from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ConfigError
from common.places import Line, Zone, read_lines, read_zones
from common.places.geojson import as_geojson
from common.places.geometry import crossings, distance, open_edges, widest

SHARE = st.floats(0, 1)
POINT = st.tuples(SHARE, SHARE)


def test_a_geojson_file_holds_zones_and_lines(tmp_path: Path) -> None:
    zones = (Zone(name="till", polygon=((0.1, 0.1), (0.5, 0.1), (0.5, 0.5)), dwell_s=60),)
    lines = (Line(name="door", points=((0, 0.5), (1, 0.5)), forward="enter", backward="leave"),)
    path = tmp_path / "hall.geojson"
    path.write_text(json.dumps(as_geojson(zones, lines)))
    assert read_zones(path) == zones
    assert read_lines(path) == lines


def test_a_feature_without_a_name_gets_its_number_and_other_properties_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "Feature", "properties": {"stroke": "#f00"}, "geometry": {
        "type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}))
    (zone,) = read_zones(path)
    assert (zone.name, len(zone.polygon)) == ("zone 1", 3)


@pytest.mark.parametrize(("text", "told"), [
    ("{", "no GeoJSON"), ("[]", "FeatureCollection"),
    ('{"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}}', "Point"),
    ('{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0,0],[50,0],[50,8],[0,0]]]}}', "0 to 1"),
    ('{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0,0]],[[1,1]]]}}', "one ring")])
def test_a_geojson_file_that_is_none_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.geojson"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as raised:
        read_zones(path)
    assert "bad.geojson" in str(raised.value)


@given(points=st.lists(POINT, min_size=1, max_size=10), polygon=st.lists(POINT, min_size=3, max_size=7))
def test_distance_agrees_with_opencv(points: list[tuple[float, float]], polygon: list[tuple[float, float]]) -> None:
    corners = np.array(polygon)
    found = distance(np.array(points), corners, np.roll(corners, -1, axis=0))
    for point, got in zip(points, found, strict=True):
        assert got == pytest.approx(abs(cv2.pointPolygonTest(corners.astype(np.float32), point, True)), abs=1e-5)


@given(way=st.lists(POINT, min_size=2, max_size=30), x=st.floats(0.1, 0.9))
def test_crossings_of_a_line_through_the_whole_view_add_up_to_the_change_of_sides(
        way: list[tuple[float, float]], x: float) -> None:
    points = np.array(way)
    line = np.array([[x, -1.0], [x, 2.0]])  # downwards: its right is where x is small
    total, share = crossings(points[:-1], points[1:], line)
    right = points[:, 0] <= x
    assert total.sum() == int(right[-1]) - int(right[0])
    assert (np.isnan(share) == (total == 0)).all()


def test_edges_on_the_views_border_lead_nowhere() -> None:
    square = np.array([[0.8, 0.8], [1.0, 0.8], [1.0, 1.0], [0.8, 1.0]])
    starts, ends = open_edges(square)
    assert starts.tolist() == [[0.8, 0.8], [0.8, 1.0]]
    assert ends.tolist() == [[1.0, 0.8], [0.8, 0.8]]
    assert widest(square, starts, ends) == pytest.approx(0.2, abs=0.01)


def test_one_direction_cannot_be_named_like_the_other() -> None:
    with pytest.raises(ValueError, match="both directions"):
        Line(name="door", points=((0, 0), (1, 1)), forward="in", backward="in")
