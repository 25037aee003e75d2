"""What a detector costs beside its bare network, and how many people it sees in four frames of vtest.avi.

`share` is the bare network's time over that of `detect` (letterbox, conversion, network, decoding, suppression), in the
same run and interleaved, so that a busy machine disturbs both alike.

    python benchmarks/models_detectors.py --data ../shared/data --models yolov8n yolox_nano
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.detector import Detector, DetectorSettings
from models.load import load_detector

FRAMES = (0, 200, 400, 600)  # by eye: 3, 7, 3 and 6 people that a detector should see


def read_frames(video: Path, step: int) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """The four frames, and every `step`th."""
    capture = cv2.VideoCapture(str(video))
    chosen: list[NDArray[np.uint8]] = []
    sample: list[NDArray[np.uint8]] = []
    number = 0
    while True:
        ok, frame = capture.read()
        if not ok:
            return chosen, sample
        if number in FRAMES:
            chosen.append(np.asarray(frame, np.uint8))
        if number % step == 0:
            sample.append(np.asarray(frame, np.uint8))
        number += 1


def timed(detector: Detector, frames: list[NDArray[np.uint8]]) -> dict[str, float]:
    """Median milliseconds of `detect` and of the network in it, and the share."""
    whole, bare = [], []
    detector.detect(frames[:1])
    for frame in frames:
        start = time.perf_counter()
        detector.detect([frame])
        middle = time.perf_counter()
        detector.infer_only([frame])
        whole.append(middle - start)
        bare.append(time.perf_counter() - middle)
    return {
        "detect_ms": round(1000 * float(np.median(whole)), 2),
        "network_ms": round(1000 * float(np.median(bare)), 2),
        "detect_best_ms": round(1000 * min(whole), 2),
        "network_best_ms": round(1000 * min(bare), 2),
        "share": round(float(np.median(np.asarray(bare) / np.asarray(whole))), 3),
    }


def main() -> None:
    """Print one line of JSON a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["yolov8n"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--step", type=int, default=20, help="every so many frames is timed")
    options = parser.parse_args()
    chosen, sample = read_frames(options.data / "video" / "vtest.avi", options.step)
    for name in options.models:
        detector = load_detector(name, device=options.device, threads=options.threads, settings=DetectorSettings())
        people = [int((found.confidence >= 0.35).sum()) for found in detector.detect(chosen)]
        shape = detector.input_shape(*sample[0].shape[:2])
        line = {"model": name, "device": detector.device, "input": list(shape), "people": people}
        print(json.dumps(line | timed(detector, sample)), flush=True)


if __name__ == "__main__":
    main()
