"""Id switches on a video with people labelled by hand: motion alone against motion and appearance."""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from common.detections import Detections
from common.geometry import iou_matrix
from edge_agent.build import load_models
from edge_agent.crops import crop_quality, cut
from edge_agent.settings import ModelSettings
from edge_agent.tracking import IdAllocator, TrackedFrame, Tracker, TrackerSettings
from models.detector import DetectorSettings
from models.embedder import Embedder

Labels = dict[int, tuple[list[tuple[int, str]], NDArray[np.float32]]]


def labels(path: Path) -> Labels:
    """Frame → labelled tracks and people, and their boxes (n, 4) xyxy."""
    rows: dict[int, list[tuple[tuple[int, str], list[float]]]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            box = [float(row[name]) for name in ("x1", "y1", "x2", "y2")]
            rows.setdefault(int(row["frame"]), []).append(((int(row["track"]), row["person"]), box))
    return {f: ([t for t, _ in r], np.array([b for _, b in r], np.float32)) for f, r in rows.items()}


def compare(truth: Labels, frames: Sequence[TrackedFrame]) -> tuple[int, int, int, int]:
    """How often a labelled track changes its id; boxes found; ids that all people took; boxes under another's id."""
    last: dict[int, int] = {}
    people: dict[int, Counter[str]] = {}
    changed = found = 0
    for number, (tracks, boxes) in truth.items():
        seen = frames[number]
        overlap = iou_matrix(boxes, seen.xyxy)
        for i, j in zip(*linear_sum_assignment(np.where(overlap >= 0.4, overlap, 0), maximize=True), strict=True):
            if overlap[i, j] >= 0.4:
                now = int(seen.track[j])
                track, person = tracks[i]
                changed += last.get(track, now) != now
                last[track] = now
                found += 1
                people.setdefault(now, Counter())[person] += 1
    wrong = sum(of.total() - max(of.values()) for of in people.values())
    return changed, found, len(people), wrong


def follow(
    images: Sequence[NDArray[np.uint8]], detections: Sequence[Detections], fps: float, embedder: Embedder | None
) -> tuple[list[TrackedFrame], int]:
    """All frames, and how many crops the tracker asked for; looks are learned from every fifth frame's best crops."""
    kind = "appearance" if embedder else "bytetrack"
    tracker, frames, asked = Tracker(TrackerSettings(kind=kind), ["camera"], IdAllocator()), [], 0
    for i, (image, boxes) in enumerate(zip(images, detections, strict=True)):
        def look(rows: Sequence[NDArray[np.intp]], image: NDArray[np.uint8] = image, boxes: Detections = boxes
                 ) -> list[NDArray[np.float32]]:
            nonlocal asked
            asked += len(rows[0])
            return [embedder.embed(cut(image, boxes.xyxy[rows[0]]))] if embedder else []

        seen = tracker.step([("camera", i / fps, boxes)], look if embedder else None)[0]
        frames.append(seen)
        if embedder and i % 5 == 0:
            good = crop_quality(seen.xyxy, seen.confidence, image.shape[1], image.shape[0], 64) > 0.4
            if good.any():
                tracker.learn("camera", seen.track[good], embedder.embed(cut(image, seen.xyxy[good])))
    return frames, asked


def main() -> None:
    """One line for motion alone and one for every embedder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds video/vtest.avi, as ../shared/data")
    parser.add_argument("--detector", default="yolov8n")
    parser.add_argument("--embedder", action="append", default=[], help="name or file; several may be given")
    options = parser.parse_args()
    names = options.embedder or ["osnet_generated"]
    truth = labels(options.data / "video" / "vtest_people.csv")
    capture, images = cv2.VideoCapture(str(options.data / "video" / "vtest.avi")), []
    fps = capture.get(cv2.CAP_PROP_FPS)
    while (frame := capture.read())[0]:
        images.append(np.asarray(frame[1], np.uint8))
    detector, _ = load_models(ModelSettings(detector=options.detector), DetectorSettings())
    detections = [detector.detect([image])[0] for image in images]
    sure = sum(int((boxes.confidence >= TrackerSettings().high_confidence).sum()) for boxes in detections)
    print(f"{'':36s} switches  boxes found  ids  under another's id  crops asked for (of {sure})  mitigated")
    for name in [None, *names]:
        embedder = load_models(ModelSettings(detector=options.detector, embedder=name), DetectorSettings())[1] \
            if name else None
        frames, asked = follow(images, detections, fps, embedder)
        changed, found, ids, wrong = compare(truth, frames)
        repaired = sum(int(seen.id_switch_mitigated.sum()) for seen in frames)
        print(f"{name or 'motion alone':36s} {changed:8d}  {found:11d}  {ids:3d}  {wrong:18d}  {asked:25d}  "
              f"{repaired:9d}")


if __name__ == "__main__":
    main()
