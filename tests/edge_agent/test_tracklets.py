"""Tracks become tracklets: parts in time, good embeddings, nothing lost at the end."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from common.messages import CameraInfo, pack_tracklet, unpack_body
from common.tracklet import Tracklet, zones_of
from edge_agent.tracking import TrackedFrame
from edge_agent.tracklets import Choice, TrackletBuilder, TrackletSettings

FPS = 10
CAMERA = CameraInfo(camera="door", width=640, height=480)
BOX = (100.0, 100.0, 150.0, 250.0)


def builder(**settings: float) -> TrackletBuilder:
    return TrackletBuilder(CAMERA, "run1", ("person",), "f" * 16, 4, TrackletSettings(**settings))


def seen(time: float, tracks: dict[int, tuple[float, ...]], ended: Iterable[int] = (),
         confidence: float = 0.9) -> TrackedFrame:
    n = len(tracks)
    return TrackedFrame(
        camera="door", time=time, track=np.asarray(list(tracks), np.int64),
        xyxy=np.asarray(list(tracks.values()), np.float32).reshape(n, 4),
        confidence=np.full(n, confidence, np.float32), class_id=np.zeros(n, np.int32),
        detection=np.arange(n, dtype=np.int32), started=np.zeros(n, bool), re_entered=np.zeros(n, bool),
        ended=np.asarray(list(ended), np.int64))


def vectors(k: int, at: int = 0) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[[at] * k]


def walk(build: TrackletBuilder, seconds: float, track: int = 1, first: int = 0) -> list[Tracklet]:
    parts = []
    for i in range(first, first + round(seconds * FPS)):
        frame = seen(i / FPS, {track: BOX})
        choice = build.choose(frame)
        parts += build.update(i, frame, choice, vectors(len(choice.rows)))
    return parts


def test_a_lasting_track_is_told_of_soon_then_every_few_seconds_then_at_its_end() -> None:
    build = builder(mature_s=0.7, part_s=5)
    parts = walk(build, 12)
    parts += build.update(120, seen(12.0, {}, ended=[1]), Choice(np.zeros(0, np.intp), np.zeros(0, np.float32)),
                          vectors(0))
    assert [(part.part, part.final, round(part.end, 1)) for part in parts] == [
        (0, False, 0.7), (1, False, 5.7), (2, False, 10.7), (3, True, 11.9)]
    assert {part.start for part in parts} == {0.0}
    assert parts[-1].frames == 120


def test_the_parts_add_up_to_the_whole_path_twice_a_second() -> None:
    build = builder(part_s=3, path_s=0.5)
    parts = walk(build, 10) + build.finish(np.asarray([1]))
    times = np.concatenate([part.path.times for part in parts])
    frames = np.concatenate([part.path.frames for part in parts])
    np.testing.assert_allclose(times, np.arange(0, 10, 0.5))
    np.testing.assert_array_equal(frames, np.arange(0, 100, 5))
    np.testing.assert_allclose(parts[0].path.boxes[0], [100 / 640, 100 / 480, 150 / 640, 250 / 480], rtol=1e-6)


def test_a_track_is_embedded_at_most_as_often_as_asked() -> None:
    build = builder(embed_s=0.5)
    chosen = []
    for i in range(20):
        frame = seen(i / FPS, {1: BOX})
        choice = build.choose(frame)
        chosen += [i] * len(choice.rows)
        build.update(i, frame, choice, vectors(len(choice.rows)))
    assert chosen == [0, 5, 10, 15]


def test_bad_crops_are_left_out_unless_there_is_nothing_better() -> None:
    build = builder(min_quality=0.5, mature_s=0.7)
    chosen = []
    for i in range(20):
        frame = seen(i / FPS, {1: BOX}, confidence=0.2 if i < 15 else 0.9)
        choice = build.choose(frame)
        chosen += [i] * len(choice.rows)
        build.update(i, frame, choice, vectors(len(choice.rows)))
    assert chosen == [7, 15]  # one bad crop once it is mature, then only the good ones


def test_the_mean_leans_to_the_better_crops_and_has_unit_length() -> None:
    build = builder(embed_s=0.0, mature_s=0, mature_frames=1)
    for i, (quality, at) in enumerate(((0.9, 0), (0.3, 1))):
        frame = seen(i / FPS, {1: BOX})
        build.update(i, frame, Choice(np.zeros(1, np.intp), np.asarray([quality], np.float32)), vectors(1, at))
    (part,) = build.finish(np.asarray([1]))
    np.testing.assert_allclose(part.mean, np.asarray([0.9, 0.3, 0, 0]) / np.hypot(0.9, 0.3), rtol=1e-5)


def test_the_best_exemplars_are_sent_and_none_twice() -> None:
    build = builder(embed_s=0.0, part_s=1, exemplars=2, mature_s=0.9)
    parts = []
    for i in range(21):
        frame = seen(i / FPS, {1: BOX})
        choice = Choice(np.zeros(1, np.intp), np.asarray([(i % 10) / 10], np.float32))
        parts += build.update(i, frame, choice, vectors(1))
    sent = [round(time, 1) for part in parts for time in part.embedding_times.tolist()]
    assert sent == [0.8, 0.9, 1.8, 1.9]


@pytest.mark.parametrize("frames", [1, 2, 6])
def test_a_flicker_is_not_worth_a_message(frames: int) -> None:
    build = builder(mature_s=0.7, mature_frames=3)
    assert walk(build, frames / FPS) + build.finish(np.asarray([1])) == []


def test_people_come_and_go_independently() -> None:
    build = builder(part_s=100)
    parts = []
    for i in range(40):
        now = {track: BOX for track, (a, b) in {1: (0, 20), 2: (10, 40), 3: (15, 30)}.items() if a <= i < b}
        frame = seen(i / FPS, now, ended=[1] if i == 20 else [3] if i == 30 else [])
        choice = build.choose(frame)
        parts += build.update(i, frame, choice, vectors(len(choice.rows)))
    parts += build.finish(np.asarray([2]))
    assert [(part.track, part.frames) for part in parts if part.final] == [(1, 20), (3, 15), (2, 30)]


def test_a_track_that_nothing_was_embedded_of_is_still_told() -> None:
    build = builder()
    for i in range(20):
        build.update(i, seen(i / FPS, {1: BOX}), Choice(np.zeros(0, np.intp), np.zeros(0, np.float32)), vectors(0))
    (part,) = build.finish(np.asarray([1]))
    assert part.model == ""
    assert len(part.mean) == 0
    assert part.frames == 20


def test_a_part_survives_the_wire() -> None:
    build = builder()
    walk(build, 2)
    (part,) = build.finish(np.asarray([1]))
    back = unpack_body(pack_tracklet(part))
    assert isinstance(back, Tracklet)
    assert (back.camera, back.track, back.final, back.frames) == ("door", 1, True, 20)
    np.testing.assert_allclose(back.mean, part.mean, atol=1e-3)
    np.testing.assert_array_equal(back.path.frames, part.path.frames)


def test_zones_on_the_way_are_told_when_they_are_new_and_at_the_end() -> None:
    build = builder(mature_s=0.7, part_s=2)
    parts, none = [], Choice(np.zeros(0, np.intp), np.zeros(0, np.float32))
    for i in range(90):
        zones = {1: ["door", "hall"] if i > 35 else ["door"]}
        parts += build.update(i, seen(i / FPS, {1: BOX}), none, vectors(0), zones=zones)
    parts += build.update(90, seen(9.0, {}, ended=[1]), none, vectors(0), zones=zones)
    assert [part.attributes.get("zones") for part in parts] == ["door", None, "door/hall", None, None, "door/hall"]
    assert zones_of(parts[-1].attributes["zones"]) == ("door", "hall")
