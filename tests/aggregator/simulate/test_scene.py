"""What a scene says must be counted is what a patient observer sees."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aggregator.simulate.scene import Paths, Scene, Walk
from aggregator.simulate.scripts import decisive, door, queue, room

SQUARE = np.array([[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]])


def walk(*stops: tuple[float, float, float]) -> Walk:
    """From (time, x, y)."""
    rows = np.array(stops)
    return Walk(rows[:, 0], rows[:, 1:])


def watch_line(paths: Paths, line: np.ndarray, hysteresis: float) -> list[tuple[int, bool]]:
    """A plain observer: each person is on the side where they were last seen clearly."""
    side: dict[int, bool] = {}
    seen = []
    (ax, ay), (bx, by) = line
    for track, x, y in zip(paths.track.tolist(), paths.x.tolist(), paths.y.tolist(), strict=True):
        off = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / np.hypot(bx - ax, by - ay)
        if abs(off) < hysteresis:
            continue
        if track in side and side[track] != (off > 0):
            seen.append((track, off > 0))
        side[track] = off > 0
    return seen


def within(x: float, y: float, zone: np.ndarray) -> bool:
    return cv2.pointPolygonTest(zone.astype(np.float32), (x, y), False) >= 0


def test_one_who_walks_through_a_zone_enters_and_leaves_at_the_exact_second() -> None:
    scene = Scene(walks=(walk((0, 0.2, 0.5), (10, 0.7, 0.5)),), zone=SQUARE)
    passages = scene.passages()
    np.testing.assert_allclose(passages.time, [4.0, 8.0])
    assert passages.inward.tolist() == [True, False]
    stays = scene.stays()
    np.testing.assert_allclose([stays.since[0], stays.until[0]], [4.0, 8.0])
    assert stays.inside(5.0) == 1
    assert stays.inside(9.0) == 0


def test_who_is_first_or_last_seen_inside_did_not_pass_the_border() -> None:
    scene = Scene(walks=(walk((0, 0.5, 0.5), (4, 0.9, 0.5)), walk((1, 0.9, 0.5), (5, 0.5, 0.5))), zone=SQUARE)
    stays = scene.stays()
    assert stays.came.tolist() == [False, True]
    assert stays.left.tolist() == [True, False]
    assert (scene.passages().entries, scene.passages().exits) == (1, 1)
    assert stays.peak == 1


def test_a_line_tells_left_to_right_from_right_to_left_and_ends_where_it_ends() -> None:
    scene = Scene(line=np.array([[0.2, 0.5], [0.8, 0.5]]), walks=(
        walk((0, 0.5, 0.2), (6, 0.5, 0.8)),      # down the picture: to the right of somebody who looks along +x
        walk((0, 0.5, 0.8), (6, 0.5, 0.2)),
        walk((0, 0.9, 0.2), (6, 0.9, 0.8)),      # past its end
        walk((0, 0.5, 0.2), (3, 0.5, 0.5), (6, 0.6, 0.2)),  # touches it and turns round
        walk((0, 0.4, 0.2), (3, 0.5, 0.5), (6, 0.6, 0.8)),  # turns exactly on it, and goes on
    ))
    crossings = scene.crossings()
    assert sorted(zip(crossings.track.tolist(), crossings.inward.tolist(), strict=True)) == [
        (0, True), (1, False), (4, True)]
    np.testing.assert_allclose(crossings.time, 3.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fps", [5.0, 10.0, 25.0])
def test_a_patient_observer_counts_the_same_at_a_door_at_every_frame_rate(fps: float, seed: int) -> None:
    scene = door(24, seed=seed)
    crossings = scene.crossings()
    expected = sorted(zip(crossings.track.tolist(), crossings.inward.tolist(), strict=True))
    assert len(expected) == 6 + 6 + 12
    # Jitter may carry a foot point across, but never beyond the hysteresis on the wrong side.
    paths = scene.paths(fps, jitter=0.4 * scene.margin, seed=seed)
    assert sorted(watch_line(paths, scene.line, 0.45 * scene.margin)) == expected


def test_without_hysteresis_the_same_observer_counts_who_only_waits() -> None:
    scene = door(24)
    paths = scene.paths(25.0, jitter=0.6 * scene.margin)
    assert len(watch_line(paths, scene.line, 0.0)) > scene.crossings().entries + scene.crossings().exits


@pytest.mark.parametrize("fps", [5.0, 10.0, 25.0])
def test_samples_of_a_room_agree_with_its_stays(fps: float) -> None:
    scene = room(16, seed=3)
    assert all(decisive(one, scene, 0.5) for one in scene.walks)
    paths, stays = scene.paths(fps), scene.stays()
    assert len(stays.track) >= 10
    assert not stays.came.all()
    assert not stays.left.all()
    for track in range(len(scene.walks)):
        mine = paths.track == track
        inside = np.array([within(x, y, scene.zone) for x, y in zip(paths.x[mine], paths.y[mine], strict=True)])
        own = stays.track == track
        times = paths.time[mine]
        said = ((times[:, None] > stays.since[own]) & (times[:, None] < stays.until[own])).any(axis=1)
        assert (inside == said).all()
        assert int((np.diff(inside.astype(int)) == 1).sum()) == int(stays.came[own].sum())


def test_in_a_queue_everybody_comes_waits_and_leaves_once() -> None:
    scene = queue(6)
    stays = scene.stays()
    assert (scene.passages().entries, scene.passages().exits) == (6, 6)
    assert stays.peak > 2
    assert (np.diff(stays.until) > 0).all()  # first come, first served


def test_the_same_seed_gives_the_same_scene() -> None:
    first, again, other = door(8, seed=5), door(8, seed=5), door(8, seed=6)
    for one, two in zip(first.walks, again.walks, strict=True):
        np.testing.assert_array_equal(one.points, two.points)
    assert not np.array_equal(first.walks[0].points, other.walks[0].points)
