"""Where motion cannot tell, looks do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.detections import Detections
from edge_agent.events import track_events
from edge_agent.tracking import IdAllocator, TrackedFrame, Tracker, TrackerSettings
from edge_agent.tracking.appearance import LEAST_SAMPLES, Looks
from tests.edge_agent.tracking.scenes import boxes

COLOURS = np.eye(8, dtype=np.float32)


def embedding(person: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """What a network would say: the person's own direction, and some noise."""
    vector = COLOURS[person] + rng.normal(0, 0.15, 8)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def path(frame: int) -> float:
    """Two walk towards each other, meet, and each turns back: x of the left one."""
    return 8.0 * frame if frame < 20 else 8.0 * (40 - frame)


def scene(frame: int) -> tuple[Detections, list[int]]:
    """Boxes, and who is who. Where they meet only one box is seen."""
    x = path(frame)
    left, right = (x - 20, 100, x + 20, 200), (330 - x - 20, 104, 330 - x + 20, 204)
    if 18 <= frame <= 22:
        return boxes(left), [0]
    return (boxes(left, right), [0, 1]) if frame % 2 else (boxes(right, left), [1, 0])


def run(tracker: Tracker, camera: str, others: Sequence[str] = ()) -> tuple[list[TrackedFrame], list[list[int]], int]:
    """Frames, whom each row shows, and how often looks were asked for. `others` show nobody."""
    rng = np.random.default_rng(0)
    frames, people, asked = [], [], 0
    for i in range(41):
        found, who = scene(i)

        def look(rows: Sequence[NDArray[np.intp]], who: list[int] = who) -> list[NDArray[np.float32]]:
            nonlocal asked
            asked += sum(len(r) for r in rows)
            return [np.array([embedding(who[r], rng) for r in mine], np.float32).reshape(-1, 8) for mine in rows]

        batch = [(name, i / 10, Detections.empty()) for name in others] + [(camera, i / 10, found)]
        seen = tracker.step(batch, look)[-1]
        shown = [who[r] for r in seen.detection]
        if len(shown) == 2:
            tracker.learn(camera, seen.track, np.array([embedding(p, rng) for p in shown]))
        frames.append(seen)
        people.append(shown)
    return frames, people, asked


def taught(cameras: Sequence[str], kind: str = "appearance") -> Tracker:
    """A tracker that has already learned what cosines mean, from other people."""
    tracker = Tracker(TrackerSettings(kind=kind), cameras, IdAllocator())  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    for _ in range(LEAST_SAMPLES):
        tracker.learn(cameras[0], np.array([900, 901]), np.array([embedding(6, rng), embedding(7, rng)]))
    return tracker


def ids_of(frames: list[TrackedFrame], people: list[list[int]], person: int) -> set[int]:
    return {
        int(f.track[who.index(person)]) for f, who in zip(frames, people, strict=True) if person in who
    }


def test_motion_alone_mistakes_those_who_turn_back_and_looks_do_not() -> None:
    frames, people, asked = run(taught(["door"], "bytetrack"), "door")
    assert len(ids_of(frames, people, 0)) > 1
    assert asked == 0
    frames, people, asked = run(taught(["door"]), "door")
    assert len(ids_of(frames, people, 0)) == len(ids_of(frames, people, 1)) == 1
    assert 0 < asked < 30
    told = [event.track for i, f in enumerate(frames) for event in track_events(i, f, "run")
            if event.kind == "id_switch_mitigated"]
    assert told
    assert set(told) <= {1, 2}


def test_without_eyes_it_goes_by_motion() -> None:
    tracker = taught(["door"])
    for i in range(41):
        found, _ = scene(i)
        seen = tracker.step([("door", i / 10, found)])[0]
        assert not seen.id_switch_mitigated.any()


def test_answers_go_to_the_cameras_that_were_asked() -> None:
    cameras = ["hall", "door", "yard"]
    frames, people, _ = run(taught(cameras), "door", ["yard", "hall"])
    assert len(ids_of(frames, people, 0)) == len(ids_of(frames, people, 1)) == 1


def test_nothing_is_said_before_cosines_are_understood() -> None:
    rng = np.random.default_rng(2)
    looks = Looks()
    for n in range(LEAST_SAMPLES + 1):
        assert looks.ready == (2 * (n - 1) >= LEAST_SAMPLES)  # the first frame has nothing to compare with
        looks.learn(0, [1, 2], np.array([embedding(1, rng), embedding(2, rng)]))
        assert (0, 1) in looks
    same, other, unknown = looks.evidence([(0, 1), (0, 2), (0, 3)], np.array([embedding(1, rng)] * 3))
    assert same > 1 > -1 > other
    assert unknown == 0
    looks.forget([(0, 1)])
    assert (0, 1) not in looks


def test_a_network_that_cannot_tell_people_apart_says_nothing() -> None:
    rng = np.random.default_rng(3)
    looks = Looks()
    for _ in range(LEAST_SAMPLES * 2):
        noise = rng.normal(size=(2, 8)).astype(np.float32)
        looks.learn(0, [1, 2], noise / np.linalg.norm(noise, axis=1, keepdims=True))
    ratio = looks.evidence([(0, 1), (0, 2)], np.array([embedding(1, rng)] * 2))
    assert not looks.ready or np.abs(ratio).max() < 1
