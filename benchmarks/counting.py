"""What zones and lines count, against what a person counts by eye and against scripts; and what counting costs."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from aggregator.simulate.scene import Scene
from aggregator.simulate.scripts import door, room
from common.detections import Detections
from common.messages import Event
from common.places import Line, Zone
from edge_agent.tracking import IdAllocator, TrackedFrame, Tracker, TrackerSettings
from edge_agent.tracklets import TrackletSettings
from edge_agent.zones import PlaceCounter
from models.detector import DetectorSettings
from models.load import load_detector
from models.store import ModelStore

VIDEO = "video/one-by-one-person-detection.mp4"
TABLE = Zone(name="table", polygon=((0.35, 0.6), (0.7, 0.6), (0.7, 0.95), (0.35, 0.95)))
FLOOR = Zone(name="floor", polygon=((0.0, 0.45), (1.0, 0.45), (1.0, 1.0), (0.0, 1.0)))
OUT = Line(name="way out", points=((0.75, 1.0), (0.75, 0.45)))  # drawn upwards: forward is to the right
# Counted by eye, on contact sheets of every 15th frame of the whole video and every 4th around each coming and going:
# six people, one after the other. Each comes in over the lower edge, walks to the table, stands there, and leaves over
# the right edge; nobody comes back. In these frames the feet come to the table, pass x = .75, and are gone:
SEEN = ((72, 191, 200), (240, 440, 449), (518, 688, 702), (760, 859, 869), (940, 1188, 1200), (1252, 1350, 1359))
EYE = {"people": 6, "zone_entered table": 6, "zone_left table": 6, "zone_entered floor": 6, "zone_left floor": 6,
       "line_crossed way out in": 6}


def watch_video(data: Path, threads: int) -> None:
    """Real video, a real detector, at its own 10 frames a second and at half of them."""
    detector = load_detector("yolov8n", store=ModelStore(), device="cpu", threads=threads, settings=DetectorSettings())
    reader, found = cv2.VideoCapture(str(data / VIDEO)), []
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    while True:
        ok, image = reader.read()
        if not ok:
            break
        found += detector.detect([np.asarray(image, np.uint8)])
        if len(found) % 200 == 0:
            print(f"  {len(found)} frames", flush=True)
    print(f"by eye: {EYE}")
    for fps, every in ((10.0, 1), (5.0, 2)):
        events, tracks = _follow(found[::every], fps, size)
        counts = {"people": tracks, **dict(sorted(Counter(_name(event) for event in events).items()))}
        verdict = "equal" if counts == EYE else "DIFFERENT"
        print(f"at {fps:g} frames a second: {counts}: {verdict}")
        passed = [event.time * 10 for event in events if event.kind == "line_crossed"]
        if len(passed) == len(SEEN):
            late = np.array(passed) - np.array([frames[1] for frames in SEEN])
            print(f"  the line was passed {np.abs(late).mean() / 10:.2f} s from where the eye saw it, on average "
                  f"({np.abs(late).max() / 10:.1f} s at most; the eye's sheets are 0.4 s apart)")


def _follow(found: list[Detections], fps: float, size: tuple[int, int]) -> tuple[list[Event], int]:
    told = TrackletSettings()
    counter = PlaceCounter("bench", (TABLE, FLOOR), (OUT,), ("person",), mature_s=told.mature_s,
                           mature_frames=told.mature_frames)
    tracker = Tracker(TrackerSettings(), ["hall"], IdAllocator())
    events: list[Event] = []
    number, tracks = 0, set()
    for number, boxes in enumerate(found):
        (tracked,) = tracker.step([("hall", number / fps, boxes)])
        tracks.update(tracked.track.tolist())
        events += counter.update(number, tracked, *size)
    for ids in tracker.finish().values():
        events += counter.finish("hall", number, ids)
    return events, len(tracks)


def _name(event: Event) -> str:
    return f"{event.kind} {event.data.get('zone') or event.data['line'] + ' ' + event.data['direction']}"


def play_scripts(scenes: int) -> None:
    """Scripted walks, whose counts follow from geometry."""
    wrong = total = 0
    for seed in range(scenes):
        for scene, truth in ((door(20, seed=seed), "crossings"), (room(20, seed=seed), "passages")):
            passages = getattr(scene, truth)()
            for fps in (5.0, 10.0, 25.0):
                events = [event for event in _play(scene, fps) if event.kind != "zone_dwell"
                          and not event.data.get("appeared") and not event.data.get("vanished")]
                inward = sum(event.kind == "zone_entered" or bool(event.data.get("forward")) for event in events)
                total += 1
                wrong += (inward, len(events) - inward) != (passages.entries, passages.exits)
    print(f"scripted scenes: {total - wrong} of {total} exact, at 5, 10 and 25 frames a second")


def _play(scene: Scene, fps: float) -> list[Event]:
    zones = (Zone(name="room", polygon=scene.zone.tolist()),) if len(scene.zone) else ()
    lines = (Line(name="door", points=scene.line.tolist()),) if len(scene.line) else ()
    counter = PlaceCounter("bench", zones, lines, ("person",))
    paths, events = scene.paths(fps), []
    boxes = paths.boxes() * np.array([1600, 900, 1600, 900], np.float32)
    for frame in range(int(paths.frame.max()) + 1):
        now = paths.frame == frame
        events += counter.update(frame, _frame(paths.track[now], boxes[now], frame / fps), 1600, 900)
    return events + counter.finish("hall", 0, np.arange(len(scene.walks)))


def _frame(track: np.ndarray, boxes: np.ndarray, now: float) -> TrackedFrame:
    n = len(track)
    return TrackedFrame(
        camera="hall", time=now, track=track.astype(np.int64), xyxy=boxes, confidence=np.ones(n, np.float32),
        class_id=np.zeros(n, np.int32), detection=np.arange(n, dtype=np.int32), started=np.zeros(n, bool),
        re_entered=np.zeros(n, bool), ended=np.zeros(0, np.int64))


def cost(people: int = 50) -> None:
    """Processor time a frame."""
    chance = np.random.default_rng(1)
    zones = tuple(Zone(name=str(i), polygon=((x, 0.3), (x + 0.2, 0.3), (x + 0.2, 0.8), (x, 0.8)))
                  for i, x in enumerate((0.0, 0.2, 0.4, 0.6)))
    lines = (Line(name="a", points=((0, 0.5), (1, 0.5))), Line(name="b", points=((0.5, 0), (0.5, 1))))
    for what, some in (("4 zones, 2 lines", (zones, lines)), ("none", ((), ()))):
        counter = PlaceCounter("bench", *some, ("person",))
        feet, pace = chance.uniform(200, 700, (people, 2)), chance.normal(size=(people, 2)) * 3
        start = time.process_time()
        for number in range(500):
            feet = np.clip(feet + pace, [0, 200], [1600, 900])
            xyxy = np.hstack([feet - np.array([40, 180]), feet + np.array([40, 0])]).astype(np.float32)
            counter.update(number, _frame(np.arange(people), xyxy, number / 25), 1600, 900)
        print(f"{people} people, {what}: {(time.process_time() - start) / 500 * 1e3:.3f} ms a frame")


def main() -> None:
    """Prints figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help=f"folder that holds {VIDEO}; without it only what needs no video")
    parser.add_argument("--scenes", type=int, default=20, help="scripted scenes of each kind")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of the detector")
    options = parser.parse_args()
    cost()
    play_scripts(options.scenes)
    if options.data is not None:
        watch_video(options.data, options.threads)


if __name__ == "__main__":
    main()
