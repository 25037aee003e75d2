"""How many of the faces in real videos can still be found in the pictures that leave a box.

    python benchmarks/preview_faces.py VIDEO… [--every 20] [--width 960] [--detector NAME] [--json FILE]

The reference is YuNet at its usual score (.6) on the whole frame, which sees faces from about ten pixels up. The same
frames go through the painter of live pictures, without boxes and names drawn in, and what it encoded is decoded and
looked at by the same YuNet. Counted are the faces of the reference, those of them whose middle
lies in what is hidden because a person stands there, because the painter's own YuNet found a face, and because of
either, and those that are found again in the picture that left.

Needs the detector (`--detector`, YOLOv8n if not given) and YuNet: edge-agent models pull yolov8n yunet
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.capture.frame import Frame
from edge_agent.preview.faces import YuNet
from edge_agent.preview.heads import head_parts
from edge_agent.preview.painter import Painter
from edge_agent.preview.settings import PreviewSettings
from edge_agent.tracking import TrackedFrame
from models.detector import Detector, DetectorSettings
from models.faces import DETECTOR, FaceDetector
from models.load import load_detector
from models.store import ModelStore

Boxes = NDArray[np.float32]
PERSON = "person"


@dataclass
class Counts:
    """Of one video.

    Attributes:
        people: boxes of persons.
        faces: of the reference.
        by_person, by_face, by_either: of these, those that are hidden for that reason.
        found_again: of these, those that the same detector finds in the picture that left.
    """

    frames: int = 0
    people: int = 0
    faces: int = 0
    by_person: int = 0
    by_face: int = 0
    by_either: int = 0
    found_again: int = 0


def frames_of(path: Path, every: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Each `every`th frame with its number."""
    video, number = cv2.VideoCapture(str(path)), 0
    while video.grab():
        if number % every == 0:
            _, image = video.retrieve()
            yield number, np.asarray(image, np.uint8)
        number += 1
    video.release()


def inside(faces: Boxes, regions: Boxes) -> NDArray[np.bool_]:
    """(n,) whether each face's middle lies in one of the regions."""
    x, y = (faces[:, :2] + faces[:, 2:]).T[:, :, None] / 2
    left, top, right, bottom = regions.T
    hit = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return np.asarray(hit.any(axis=1))


def overlapping(one: Boxes, other: Boxes) -> NDArray[np.bool_]:
    """(n,) whether each of `one` overlaps one of `other` by more than .3 of their union."""
    low, high = np.maximum(one[:, None, :2], other[None, :, :2]), np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
    return np.asarray((shared > 0.3 * (area[0][:, None] + area[1][None] - shared)).any(axis=1))


def measure(path: Path, every: int, width: int, detector: Detector, weights: Path) -> Counts:
    """One video, from its frames to the pictures that leave."""
    reference, finder, counts = FaceDetector(weights), YuNet(weights), Counts()
    for number, image in frames_of(path, every):
        rows, columns = image.shape[:2]
        counts.frames += 1
        found = detector.detect([image])[0]
        people = found.xyxy[found.class_id == list(detector.names).index(PERSON)]
        faces = reference.find(image, max(rows, columns)).xyxy
        counts.people += len(people)
        counts.faces += len(faces)
        if not len(faces):
            continue
        by_person, by_face = inside(faces, head_parts(people)), inside(faces, finder.find(image))
        counts.by_person += int(by_person.sum())
        counts.by_face += int(by_face.sum())
        counts.by_either += int((by_person | by_face).sum())
        # A painter of its own for each frame: what it remembers of the last moments would help it.
        painter = Painter(PreviewSettings(allow=True, overlay=False, width=width), detector.names, finder)
        left = painter.paint(Frame("video", number, float(number), image), found, nobody_tracked(), {})
        seen = np.asarray(cv2.imdecode(np.frombuffer(left.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        again = reference.find(seen, max(seen.shape)).xyxy * np.float32(columns / seen.shape[1])
        counts.found_again += int(overlapping(faces, again).sum())
    return counts


def nobody_tracked() -> TrackedFrame:
    """A frame in which nobody is followed yet."""
    return TrackedFrame(
        camera="video", time=0.0, track=np.zeros(0, np.int64), xyxy=np.zeros((0, 4), np.float32),
        confidence=np.zeros(0, np.float32), class_id=np.zeros(0, np.int32), detection=np.zeros(0, np.int32),
        started=np.zeros(0, bool), re_entered=np.zeros(0, bool), ended=np.zeros(0, np.int64))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("--every", type=int, default=20, metavar="N", help="look at every Nth frame")
    parser.add_argument("--width", type=int, default=PreviewSettings().width, help="of the pictures, pixels at most")
    parser.add_argument("--detector", default="yolov8n")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    detector = load_detector(given.detector, threads=given.threads, settings=DetectorSettings())
    weights = ModelStore().path(DETECTOR, "face-detect")
    print(f"{'':34} {'frames':>6} {'people':>6} {'faces':>6}  {'hidden by person':>16} {'by face':>8} {'either':>7} "
          f"{'found again':>12}")
    result = {}
    for path in given.videos:
        counts = measure(path, given.every, given.width, detector, weights)
        result[path.name] = asdict(counts)
        print(f"{path.name:34} {counts.frames:6d} {counts.people:6d} {counts.faces:6d}  {counts.by_person:16d} "
              f"{counts.by_face:8d} {counts.by_either:7d} {counts.found_again:12d}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
