"""The plan by which a re-identification data set is played as a site."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.reid_layouts import Layout, Pictures, read_pictures
from common.reid_replay import BETWEEN_S, VISIT_GAP_S, Showing, boxes, plan
from tests.support.reid import write_mars

ROWS = st.lists(st.tuples(st.integers(-1, 6), st.integers(1, 3), st.integers(1, 2), st.integers(0, 600)), max_size=60,
                unique=True)


def pictures(rows: list[tuple[int, int, int, int]]) -> Pictures:
    columns = np.array(sorted(rows), np.int64).reshape(-1, 4).T
    return Pictures(np.array([str(row) for row in sorted(rows)], np.object_), *columns)


@pytest.mark.parametrize("layout", ["market1501", "mars"])
@given(rows=ROWS)
@settings(deadline=None)
def test_every_picture_of_somebody_is_shown_once_and_no_two_in_one_place(layout: Layout, rows: list[tuple[int, ...]]
                                                                         ) -> None:
    shown = plan(pictures(rows), layout)
    paths = [path for show in shown.values() for path in show.path]
    assert sorted(paths) == sorted(str(row) for row in rows if row[0] > 0)
    for show in shown.values():
        assert (np.diff(show.seconds) >= 0).all()
        assert (np.diff(show.frame) >= 0).all()
        assert len(set(zip(show.frame.tolist(), show.cell.tolist(), strict=True))) == len(show.frame)
        assert show.cell.max(initial=0) < max(show.cells, 1)
        for track in set(show.track.tolist()):
            mine = show.track == track
            assert len(set(show.person[mine].tolist())) == 1
            assert len(set(show.cell[mine].tolist())) == 1
            assert show.last[mine].tolist() == [False] * (mine.sum() - 1) + [True]
            # Nobody else is shown in its cell while it lasts.
            span = (show.frame >= show.frame[mine][0]) & (show.frame <= show.frame[mine][-1]) & ~mine
            assert show.cell[mine][0] not in show.cell[span]


def test_recorded_times_are_kept() -> None:
    shown = plan(pictures([(1, 1, 1, 100), (1, 1, 1, 125), (1, 2, 1, 200), (2, 1, 2, 1000)]), "market1501")
    assert shown[1].seconds[:2].tolist() == [0, 1]
    assert shown[2].seconds.tolist() == [4]
    assert shown[1].seconds[2] == 64  # the next recording begins a minute after this one
    assert shown[1].track.tolist() == [1, 1, 2]


def test_who_stays_away_longer_has_come_back() -> None:
    frames = [0, 50, 50 + round(VISIT_GAP_S * 25) + 1]
    shown = plan(pictures([(1, 1, 1, frame) for frame in frames]), "market1501")[1]
    assert shown.track.tolist() == [1, 1, 2]


def test_nobody_is_dealt_to_two_cameras_at_once(tmp_path: Path) -> None:
    write_mars(tmp_path, range(1, 8), cameras=3, images=4)
    shown = plan(read_pictures(tmp_path / "bbox_test", "mars"), "mars")
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for show in shown.values():
        assert show.cells == 1
        _visits_follow_one_another(show)
        for track in np.unique(show.track):
            mine = show.track == track
            spans[int(show.person[mine][0])].append((show.seconds[mine][0], show.seconds[mine][-1]))
    for each in spans.values():
        each.sort()
        assert all(before[1] < after[0] for before, after in itertools.pairwise(each))
    assert len(spans) == 7


def _visits_follow_one_another(show: Showing) -> None:
    new = np.diff(show.track).nonzero()[0]
    assert (show.seconds[new + 1] - show.seconds[new] >= BETWEEN_S).all()


def test_cells_lie_apart_inside_the_frame() -> None:
    shown = plan(pictures([(who, 1, 1, 10) for who in (1, 2, 3)]), "market1501")[1]
    width, height = shown.size
    places = boxes(np.arange(shown.cells))
    assert shown.cells == 3
    assert (places[1:, 0] > places[:-1, 2]).all()
    assert places.min() > 1
    assert places[:, 2].max() < width - 1
    assert places[:, 3].max() < height - 1
