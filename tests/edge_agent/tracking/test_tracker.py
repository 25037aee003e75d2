"""What a user would see of the tracker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from pydantic import ValidationError

from common.detections import Detections
from edge_agent.tracking import IdAllocator, TrackedFrame, Tracker, TrackerSettings
from tests.edge_agent.tracking.scenes import boxes, crowd

FPS = 10.0


def run(frames: Iterable[Detections], settings: TrackerSettings | None = None, fps: float = FPS) -> list[TrackedFrame]:
    tracker = Tracker(settings or TrackerSettings(), ["door"], IdAllocator())
    return [tracker.step([("door", 1000 + i / fps, found)])[0] for i, found in enumerate(frames)]


def person(x: float, y: float = 100) -> tuple[float, float, float, float]:
    return (x - 20, y - 50, x + 20, y + 50)


def ids(frames: Sequence[TrackedFrame]) -> set[int]:
    return {int(i) for frame in frames for i in frame.track}


def id_at(frame: TrackedFrame, box: tuple[float, float, float, float]) -> int:
    """The track whose box lies nearest."""
    return int(frame.track[np.abs(frame.xyxy - np.array(box)).sum(1).argmin()])


def test_a_walker_keeps_one_id() -> None:
    frames = run(boxes(person(i * 5)) for i in range(30))
    assert ids(frames) == {1}
    assert [int(f.started.sum()) for f in frames] == [1] + [0] * 29
    assert not any(f.re_entered.any() for f in frames)
    assert [f.detection.tolist() for f in frames] == [[0]] * 30
    np.testing.assert_allclose(frames[-1].xyxy[0], person(145), atol=3)


def test_a_walker_seen_later_needs_a_second_frame() -> None:
    frames = run([Detections.empty()] + [boxes(person(i * 5)) for i in range(3)])
    assert [f.track.tolist() for f in frames] == [[], [], [1], [1]]
    assert frames[2].started.all()


def test_what_flashes_up_once_is_no_track() -> None:
    frames = run([Detections.empty(), boxes(person(50)), Detections.empty(), boxes(person(300)), Detections.empty()])
    assert ids(frames) == set()
    assert [f.ended.tolist() for f in frames] == [[]] * 5


def test_what_the_detector_doubts_must_be_seen_longer() -> None:
    doubted = run([Detections.empty()] + [boxes(person(50), confidence=0.65) for _ in range(6)])
    sure = run([Detections.empty()] + [boxes(person(50), confidence=0.9) for _ in range(6)])
    first = [next(i for i, f in enumerate(frames) if len(f)) for frames in (sure, doubted)]
    assert first == [2, 4]


def test_two_who_cross_keep_their_ids() -> None:
    frames = run((boxes(person(i * 8), person(320 - i * 8, 112)) for i in range(40)), fps=30)
    left, right = id_at(frames[0], person(0)), id_at(frames[0], person(320, 112))
    assert left != right
    assert id_at(frames[-1], person(39 * 8)) == left
    assert id_at(frames[-1], person(320 - 39 * 8, 112)) == right
    assert ids(frames) == {left, right}


def test_hidden_for_a_moment_comes_back_under_the_same_id() -> None:
    def scene() -> Iterable[Detections]:
        for i in range(40):
            yield Detections.empty() if 15 <= i < 23 else boxes(person(i * 4))

    frames = run(scene())
    assert ids(frames) == {1}
    assert [i for i, f in enumerate(frames) if f.re_entered.any()] == [23]
    assert not any(len(f.ended) for f in frames)


def test_a_short_gap_is_no_re_entry() -> None:
    frames = run(Detections.empty() if i == 15 else boxes(person(i * 4)) for i in range(30))
    assert ids(frames) == {1}
    assert not any(f.re_entered.any() for f in frames)


@pytest.mark.parametrize("fps", [5.0, 30.0])
def test_lost_for_long_is_given_up_after_seconds_not_frames(fps: float) -> None:
    settings = TrackerSettings(lost_seconds=2.0)
    seen = int(fps)
    frames = run((boxes(person(50)) if i < seen else Detections.empty() for i in range(int(6 * fps))), settings, fps)
    ended = [(i, f.ended.tolist()) for i, f in enumerate(frames) if len(f.ended)]
    assert [which for _, which in ended] == [[1]]
    assert (ended[0][0] - (seen - 1)) / fps == pytest.approx(2.0, abs=1.01 / fps)
    assert Tracker(settings, ["door"], IdAllocator()).finish()["door"].tolist() == []


def test_ids_are_never_used_again() -> None:
    frames = run(boxes(person(50 + 400 * (i // 40 % 2))) if i % 40 < 10 else Detections.empty() for i in range(400))
    assert ids(frames) == set(range(1, 11))
    ended = [int(i) for f in frames for i in f.ended]
    assert ended == list(range(1, 11))


def test_finish_ends_what_is_open_and_starts_anew_with_new_ids() -> None:
    tracker = Tracker(TrackerSettings(), ["a", "b"], IdAllocator())
    tracker.step([("a", 0.0, boxes(person(0), person(100))), ("b", 0.0, boxes(person(0)))])
    ended = {camera: which.tolist() for camera, which in tracker.finish().items()}
    assert ended == {"a": [1, 2], "b": [1]}
    assert {camera: which.tolist() for camera, which in tracker.finish().items()} == {"a": [], "b": []}
    assert tracker.step([("a", 1.0, boxes(person(0)))])[0].track.tolist() == [3]


def test_an_allocator_may_go_on_where_another_run_ended() -> None:
    tracker = Tracker(TrackerSettings(), ["a"], IdAllocator({"a": 40}))
    assert tracker.step([("a", 0.0, boxes(person(0)))])[0].track.tolist() == [41]


def test_unsure_detections_keep_a_half_hidden_person_and_start_nobody() -> None:
    frames = [boxes(person(i * 3), confidence=0.3 if i > 5 else 0.9) for i in range(20)]
    assert len(run(frames)[-1]) == 1
    assert len(run(frames, TrackerSettings(kind="sort"))[-1]) == 0
    assert ids(run(boxes(person(50), confidence=0.5) for _ in range(20))) == set()


def test_a_second_box_on_a_person_starts_no_second_track() -> None:
    frames = run(boxes(person(50), person(54, 104)) if i > 5 else boxes(person(50)) for i in range(20))
    assert ids(frames) == {1}


def test_one_odd_class_does_not_change_a_track() -> None:
    frames = run(boxes((10, 10, 110, 60), class_id=7 if i == 12 else 2) for i in range(20))
    assert {int(c) for f in frames for c in f.class_id} == {2}
    assert ids(frames) == {1}


def test_classes_can_be_kept_apart() -> None:
    scene = [boxes((10, 10, 110, 60), class_id=2 if i < 10 else 7) for i in range(20)]
    assert ids(run(scene)) == {1}
    assert ids(run(scene, TrackerSettings(class_mismatch=0))) == {1, 2}


@pytest.mark.parametrize("kind", ["bytetrack", "sort"])
def test_a_camera_that_jumps_loses_nobody(kind: str) -> None:
    """A camera on a pole in the wind: the picture jumps by most of a person's width between frames."""
    rng = np.random.default_rng(3)
    place = [(float(x), float(y)) for x in range(0, 1000, 120) for y in (100, 300)]

    def scene() -> Iterable[Detections]:
        for _ in range(60):
            x, y = rng.normal(0, 13, 2)
            yield boxes(*(person(a + x, b + y) for a, b in place))

    frames = list(scene())
    follow, ignore = (TrackerSettings(kind=kind, camera_motion=on) for on in (True, False))
    assert ids(run(frames, follow, 30)) == set(range(1, len(place) + 1))
    assert len(ids(run(frames, ignore, 30))) > len(place)


def test_many_cameras_in_one_step_are_as_each_alone() -> None:
    cameras = [f"camera{i}" for i in range(6)]
    scenes = {name: list(crowd(i, 2 + 3 * i, 60, shake=3.0 * (i % 2))) for i, name in enumerate(cameras)}
    together = Tracker(TrackerSettings(), cameras, IdAllocator())
    alone = {name: Tracker(TrackerSettings(), [name], IdAllocator()) for name in cameras}
    at = dict.fromkeys(cameras, 0)
    rng, rows = np.random.default_rng(0), 0
    for time in range(100):
        # Uneven rates: only some cameras have a frame, in any order.
        some = [name for name in rng.permutation(cameras).tolist() if rng.random() < 0.6 and at[name] < 60]
        batch = [(name, time / 20, scenes[name][at[name]]) for name in some]
        for entry, got in zip(batch, together.step(batch), strict=True):
            want = alone[entry[0]].step([entry])[0]
            at[entry[0]] += 1
            assert (got.camera, got.time) == entry[:2]
            for column in ("track", "detection", "class_id", "started", "re_entered", "ended"):
                assert getattr(got, column).tolist() == getattr(want, column).tolist(), column
            np.testing.assert_allclose(got.xyxy, want.xyxy, atol=1e-3)
            rows += len(got)
    assert rows > 1000
    finished = together.finish()
    assert {n: finished[n].tolist() for n in cameras} == {n: alone[n].finish()[n].tolist() for n in cameras}


def test_frame_rates_that_change_lose_nobody() -> None:
    times = np.cumsum([1 / 30] * 30 + [1 / 5] * 20 + [1 / 15, 1 / 4, 1 / 30] * 10)
    tracker = Tracker(TrackerSettings(), ["door"], IdAllocator())
    frames = [tracker.step([("door", float(t), boxes(person(60 * t), person(600 - 60 * t, 300)))])[0] for t in times]
    assert ids(frames) == {1, 2}


def test_a_camera_that_was_away_shows_new_people() -> None:
    tracker = Tracker(TrackerSettings(), ["door"], IdAllocator())
    for i in range(10):
        tracker.step([("door", i / 10, boxes(person(50)))])
    back = [tracker.step([("door", 300 + i / 10, boxes(person(50)))])[0] for i in range(3)]
    assert back[0].ended.tolist() == [1]
    assert ids(back) == {2}


def test_one_frame_in_two_seconds_is_enough_for_who_stands_still() -> None:
    assert ids(run((boxes(person(50)) for _ in range(5)), fps=0.5)) == {1}


def test_a_clock_that_jumps_back_loses_nobody() -> None:
    tracker = Tracker(TrackerSettings(), ["door"], IdAllocator())
    times = [i / 10 for i in range(10)] + [-3600 + i / 10 for i in range(10)]
    assert ids([tracker.step([("door", t, boxes(person(50)))])[0] for t in times]) == {1}


def test_empty_frames_are_fine() -> None:
    tracker = Tracker(TrackerSettings(), ["a", "b"], IdAllocator())
    first, second = tracker.step([("b", 0.0, Detections.empty()), ("a", 0.0, Detections.empty())])
    assert (first.camera, second.camera) == ("b", "a")
    assert len(first) == len(second) == 0
    assert tracker.step([]) == []


def test_boxes_without_sense_are_left_out() -> None:
    nonsense = Detections(
        np.array([person(50), (9, 9, 9, 50), (50, 9, 20, 50), (np.nan, 1, 2, 3), (0, 0, np.inf, 5)], np.float32),
        np.array([0.9, 0.9, 0.9, 0.9, np.nan], np.float32),
    )
    frames = run([nonsense] * 5)
    assert ids(frames) == {1}
    assert [f.detection.tolist() for f in frames] == [[0]] * 5


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ([("attic", 0.0, Detections.empty())], "unknown camera 'attic'; the tracker knows door, yard"),
        ([("door", 0.0, Detections.empty())] * 2, "a camera comes twice"),
    ],
)
def test_wrong_cameras_are_named(batch: list[tuple[str, float, Detections]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Tracker(TrackerSettings(), ["door", "yard"], IdAllocator()).step(batch)


@pytest.mark.parametrize("wrong", [{"kind": "magic"}, {"high_confidence": 2}, {"lost_seconds": -1}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrackerSettings.model_validate(wrong)


@pytest.mark.parametrize("column", ["xyxy", "confidence", "started"])
def test_a_frame_says_which_column_is_wrong(column: str) -> None:
    good: dict[str, Callable[[int], object]] = {
        "track": lambda n: np.zeros(n, np.int64), "xyxy": lambda n: np.zeros((n, 4), np.float32),
        "confidence": lambda n: np.zeros(n, np.float32), "class_id": lambda n: np.zeros(n, np.int32),
        "detection": lambda n: np.zeros(n, np.int32), "started": lambda n: np.zeros(n, bool),
        "re_entered": lambda n: np.zeros(n, bool), "ended": lambda n: np.zeros(n, np.int64),
    }
    columns = {name: make(3 if name == column else 2) for name, make in good.items()}
    with pytest.raises(ValueError, match=rf"TrackedFrame\.{column}: expected shape \(2"):
        TrackedFrame(camera="door", time=0.0, **columns)  # type: ignore[arg-type]
