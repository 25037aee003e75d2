"""The whole pipeline on a video against its detector alone, in one run; and memory over rounds of it."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.clock import SystemClock
from edge_agent.build import build_pipeline, load_models
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.settings import CameraSettings
from edge_agent.pipeline import Pipeline
from edge_agent.settings import ModelSettings
from edge_agent.tracking import TrackerSettings
from edge_agent.tracklets import TrackletSettings
from models.detector import Detector, DetectorSettings


def frames_of(video: Path, limit: int) -> list[NDArray[np.uint8]]:
    """Decoded beforehand, so that the detector alone is measured alone."""
    capture = cv2.VideoCapture(str(video))
    frames: list[NDArray[np.uint8]] = []
    while len(frames) < limit and capture.isOpened():
        ok, frame = capture.read()
        if not ok:
            break
        frames.append(np.asarray(frame, np.uint8))
    return frames


def detector_alone(detector: Detector, frames: list[NDArray[np.uint8]]) -> float:
    """Frames a second."""
    start = time.perf_counter()
    for frame in frames:
        detector.detect([frame])
    return len(frames) / (time.perf_counter() - start)


def whole(video: Path, limit: int, networks: ModelSettings, detector: DetectorSettings) -> tuple[float, Pipeline]:
    """Frames a second from the file to finished tracklets, decoding included; networks are loaded before."""
    camera = CameraSettings(id="camera", source=str(video))
    pipeline = build_pipeline([camera], load_models(networks, detector), TrackerSettings(), TrackletSettings(), "bench")
    capture = CaptureGroup([camera], clock=SystemClock())
    capture.start()
    start = time.perf_counter()
    for _ in batches(capture, pipeline, limit):
        pass
    pipeline.finish()
    rate = pipeline.times.frames / (time.perf_counter() - start)
    capture.stop()
    return rate, pipeline


def batches(capture: CaptureGroup, pipeline: Pipeline, limit: int) -> Iterator[None]:
    """Steps the pipeline until the video or the limit ends."""
    while not capture.finished and pipeline.times.frames < limit:
        if frames := capture.next_batch(timeout=1.0):
            pipeline.step(frames)
            yield


def resident_mb() -> float:
    """Memory of this process, MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


def main() -> None:
    """Prints medians, their ratio, milliseconds a stage, and with --rounds the memory after every round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with video/vtest.avi")
    parser.add_argument("--detector", default="yolov8n")
    parser.add_argument("--embedder", default="osnet_generated")
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--shape", type=int, nargs=2, default=(384, 640), help="height and width of the input")
    parser.add_argument("--rounds", type=int, default=0, help="measure memory over so many rounds of the video")
    args = parser.parse_args()
    video = args.data / "video" / "vtest.avi"
    networks = ModelSettings(detector=args.detector, embedder=args.embedder)
    settings = DetectorSettings(shape=tuple(args.shape))
    detector, _ = load_models(networks, settings)
    frames = frames_of(video, args.frames)
    detector_alone(detector, frames[:20])
    alone, full, ratios, stages = [], [], [], {}
    for _ in range(args.repeat):
        alone.append(detector_alone(detector, frames))
        rate, pipeline = whole(video, len(frames), networks, settings)
        full.append(rate)
        ratios.append(rate / alone[-1])
        stages = {name: 1000 * spent / pipeline.times.frames for name, spent in pipeline.times.seconds.items()}
    result: dict[str, object] = {
        "input": detector.input_shape(*frames[0].shape[:2]),
        "detector_fps": round(statistics.median(alone), 1), "pipeline_fps": round(statistics.median(full), 1),
        "ratio": round(statistics.median(ratios), 3), "ratios": [round(ratio, 3) for ratio in ratios],
        "ms_a_frame": {name: round(ms, 3) for name, ms in stages.items()},
        "crops_a_frame": round(pipeline.times.crops / pipeline.times.frames, 2),
    }
    if args.rounds:
        del frames
        gc.collect()
        memory = []
        for _ in range(args.rounds):
            whole(video, 10**9, networks, settings)
            gc.collect()
            memory.append(round(resident_mb(), 1))
        later = memory[2:]  # the first rounds fill caches
        result["memory_mb"] = memory
        result["memory_slope_mb_a_round"] = round(float(np.polyfit(range(len(later)), later, 1)[0]), 3)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
