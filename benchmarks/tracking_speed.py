"""The tracker against PyPI `trackers`' ByteTrack on the same detections, on one core; and many cameras in one step."""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before NumPy is loaded

import numpy as np  # noqa: E402
import supervision  # noqa: E402
from trackers import ByteTrackTracker  # noqa: E402

from common.detections import Detections  # noqa: E402
from edge_agent.tracking import IdAllocator, Tracker, TrackerSettings  # noqa: E402

WIDTH, HEIGHT, FPS = 1920, 1080, 30


def walkers(count: int, frames: int, seed: int) -> Iterator[Detections]:
    """People of many sizes who walk about and turn at the frame's edges; a few are missed or half hidden each frame."""
    rng = np.random.default_rng(seed)
    place = rng.uniform((0, 0), (WIDTH, HEIGHT), (count, 2))
    height = rng.uniform(60, 240, count)
    speed = rng.normal(0, 0.6, (count, 2)) * height[:, None] / FPS
    for _ in range(frames):
        speed += rng.normal(0, 0.12, (count, 2)) * height[:, None] / FPS**1.5
        place += speed
        out = (place < 0) | (place > (WIDTH, HEIGHT))
        speed[out] *= -1
        seen = rng.random(count) < 0.97
        confidence = np.where(rng.random(count) < 0.15, rng.uniform(0.1, 0.6, count), rng.uniform(0.6, 0.95, count))
        half = np.stack([0.2 * height, 0.5 * height], 1)
        boxes = np.concatenate([place - half, place + half], 1)
        boxes += rng.normal(0, 0.02, boxes.shape) * height[:, None]
        yield Detections(boxes[seen].astype(np.float32), confidence[seen].astype(np.float32))


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU time, which neighbours on the machine disturb least."""
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1e6


def compare(count: int, frames: int) -> dict[str, float]:
    """Both trackers in turns, frame by frame; means, as the slow frames are part of it."""
    tracker, theirs = Tracker(TrackerSettings(), ["camera"], IdAllocator()), ByteTrackTracker(frame_rate=FPS)
    ours_ms, theirs_ms = [], []
    for i, found in enumerate(walkers(count, frames, seed=count)):
        same = supervision.Detections(found.xyxy, confidence=found.confidence, class_id=found.class_id)
        ours_ms.append(cpu_ms(lambda f=found, t=i / FPS: tracker.step([("camera", t, f)])))
        theirs_ms.append(cpu_ms(lambda d=same: theirs.update(d)))
    warm = frames // 10
    ours, other = float(np.mean(ours_ms[warm:])), float(np.mean(theirs_ms[warm:]))
    return {"objects": count, "ours_ms": round(ours, 3), "trackers_ms": round(other, 3),
            "ratio": round(ours / other, 3)}


def many(cameras: int, count: int, frames: int) -> dict[str, float]:
    """All cameras of a box in one step."""
    names = [f"camera{i}" for i in range(cameras)]
    tracker = Tracker(TrackerSettings(), names, IdAllocator())
    took = []
    for i, found in enumerate(zip(*(walkers(count, frames, seed=s) for s in range(cameras)), strict=True)):
        batch = [(name, i / FPS, boxes) for name, boxes in zip(names, found, strict=True)]
        took.append(cpu_ms(lambda b=batch: tracker.step(b)))
    steady = took[frames // 10 :]
    return {"cameras": cameras, "objects": count, "mean_ms": round(float(np.mean(steady)), 3),
            "p95_ms": round(float(np.percentile(steady, 95)), 3)}


def main() -> None:
    """Prints CPU milliseconds a frame, and as a share of `trackers`' ByteTrack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    single = [compare(count, options.frames) for count in (20, 50, 100, 200)]
    box = many(32, 30, options.frames)
    if options.json:
        print(json.dumps({"single": single, "box": box}))
        return
    print("objects   ours ms   trackers ms   ratio")
    for row in single:
        print(f"{row['objects']:7d}  {row['ours_ms']:8.3f}  {row['trackers_ms']:12.3f}  {row['ratio']:6.3f}")
    print(f"{box['cameras']} cameras × {box['objects']} objects: {box['mean_ms']:.2f} ms, "
          f"95 % under {box['p95_ms']:.2f} ms")


if __name__ == "__main__":
    main()
