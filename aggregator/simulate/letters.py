"""A city's visits as agents put them on the wire: tracklets in parts, and events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aggregator.simulate.city import City
from common.messages import CameraInfo, Event, ModelInfo, pack_events, pack_tracklet
from common.tracklet import Path, Tracklet

FIRST_PART_S = 2.0
"""A part goes out when a visit has lasted so long, so that it is known before it ends."""
POINTS_A_SECOND = 2.0
WIDTH, HEIGHT = 1280, 720


@dataclass(frozen=True, slots=True, eq=False)
class Letter:
    """One entry for an agent's spool.

    Attributes:
        at: second of the city at which it goes out, by the camera's clock.
        camera: index.
        body: of an `Upload`.
    """

    at: float
    camera: int
    body: bytes


def model_of(city: City) -> ModelInfo:
    """The network that the city's embeddings pretend to come from."""
    words = f"simulated {city.settings.dimensions} {city.settings.seed}"
    return ModelInfo(task="embedding", name="simulated", fingerprint=hashlib.sha256(words.encode()).hexdigest()[:16],
                     dimensions=city.settings.dimensions)


def camera_infos(city: City) -> list[CameraInfo]:
    """What the agents say of the cameras."""
    return [CameraInfo(camera=name, width=WIDTH, height=HEIGHT, fps=city.settings.fps) for name in city.world.names]


def letters(city: City, run: str, epoch: float, *, events: bool = True) -> Iterator[Letter]:
    """Everything that the agents send, in order of time.

    Args:
        run: start of the agents; tracks of one run and camera have different numbers.
        epoch: UTC seconds of the city's second 0.
        events: `track_started` and `track_ended` too.
    """
    seen = city.seen
    long = np.flatnonzero(seen.end - seen.start > 2 * FIRST_PART_S)
    visit = np.concatenate([long, np.arange(len(seen))])
    at = np.concatenate([seen.start[long] + FIRST_PART_S, seen.end])
    model = model_of(city).fingerprint
    for k in np.argsort(at, kind="stable").tolist():
        row, last = int(visit[k]), k >= len(long)
        part = 0 if not last else int(seen.end[row] - seen.start[row] > 2 * FIRST_PART_S)
        camera = int(seen.camera[row])
        tracklet = _tracklet(city, row, part, last, run, epoch, model)
        yield Letter(float(at[k]), camera, pack_tracklet(tracklet))
        if events:
            kinds = (["track_started"] if part == 0 else []) + (["track_ended"] if last else [])
            yield Letter(float(at[k]), camera, pack_events([
                Event(camera=tracklet.camera, run=run, kind=kind, track=row,
                      time=tracklet.start if kind == "track_started" else tracklet.end) for kind in kinds]))


def _tracklet(city: City, row: int, part: int, last: bool, run: str, epoch: float, model: str) -> Tracklet:
    seen = city.seen
    start, end = float(seen.start[row]), float(seen.end[row])
    until = end if last else start + FIRST_PART_S
    since = start if part == 0 else start + FIRST_PART_S + 1 / POINTS_A_SECOND
    times = np.arange(since, until + 1e-6, 1 / POINTS_A_SECOND)
    if not len(times):
        times = np.array([until])
    share = (times - start) / max(end - start, 1e-6)
    done = (until - start) / max(end - start, 1e-6)
    mean = city.embedding[row].astype(np.float32)
    return Tracklet(
        camera=city.world.names[int(seen.camera[row])], run=run, track=row, part=part, final=last,
        start=start + epoch, end=until + epoch, label="person", frames=max(3, round(int(seen.frames[row]) * done)),
        confidence=0.8, model=model, mean=mean, embeddings=mean[None] if part == 0 else mean[:0].reshape(0, len(mean)),
        quality=np.ones(1 if part == 0 else 0, np.float32),
        embedding_times=times[:1] + epoch if part == 0 else np.zeros(0),
        path=Path(times=times + epoch, frames=np.round(times * city.settings.fps).astype(np.int32),
                  boxes=_boxes(row, int(seen.camera[row]), share)))


def _boxes(row: int, camera: int, share: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[
        tuple[int, int], np.dtype[np.float32]]:
    """Through the picture along the camera's own way, in either direction, each somewhat beside the other."""
    way, own = np.random.default_rng([camera, 1]), np.random.default_rng([row, camera])
    a, b = way.uniform((0.02, 0.35), (0.3, 0.9)), way.uniform((0.7, 0.35), (0.98, 0.9))
    a, b = a + own.normal(0, 0.03, 2), b + own.normal(0, 0.03, 2)
    if own.random() < 0.5:
        a, b = b, a
    foot = a + (b - a) * share[:, None]
    tall = 0.12 + 0.3 * np.clip(foot[:, 1], 0, 1)
    wide = 0.4 * tall * HEIGHT / WIDTH
    return np.clip(np.stack([foot[:, 0] - wide / 2, foot[:, 1] - tall, foot[:, 0] + wide / 2, foot[:, 1]], axis=1),
                   0, 1).astype(np.float32)
