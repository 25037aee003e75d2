"""`Tracklet`: what the edge says about a track, in numbered parts while it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Path:
    """Where a track was, about twice a second, column by column.

    Attributes:
        times: (m,) float64, UTC seconds, rising.
        frames: (m,) int32, frame number in the camera's stream or file, from 0.
        boxes: (m, 4) float32, xyxy as shares of the camera's view (its crop, if it has one), 0 to 1.
    """

    times: NDArray[np.float64]
    frames: NDArray[np.int32]
    boxes: NDArray[np.float32]

    def __post_init__(self) -> None:
        m = len(self.times)
        for name, expected in (("times", (m,)), ("frames", (m,)), ("boxes", (m, 4))):
            actual = getattr(self, name).shape
            if actual != expected:
                raise ValueError(f"Path.{name}: expected shape {expected}, got {actual}")

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def empty(cls) -> Path:
        """No points."""
        return cls(times=np.zeros(0), frames=np.zeros(0, np.int32), boxes=np.zeros((0, 4), np.float32))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Face:
    """What a track's face looked like to a network, over the whole track so far.

    Attributes:
        model: fingerprint of the network, 16 hexadecimal digits.
        mean: (d,) float32, unit length.
        quality: of the best face seen, in [0, 1].
        seen: how many faces it is the mean of.
    """

    model: str
    mean: NDArray[np.float32]
    quality: float
    seen: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tracklet:
    """One part of one track.

    `start`, `frames`, `mean` and `confidence` speak of the whole track so far; `path` and the exemplars
    (`embeddings`, `quality`, `embedding_times`) only of what came since the part before, so that parts add up
    and the last one of each number tells all.

    Attributes:
        camera: the camera's name, unique in the site.
        run: which start of the agent this is; with `camera` and `track` it names the track for ever.
        track: local id, unique within `run` and camera.
        part: 0, 1, 2 …
        final: the track has ended; no part follows.
        start, end: UTC seconds of the track's first and of its latest frame.
        label: class name, such as `person`.
        frames: in how many frames it was seen.
        confidence: mean of the detector's.
        model: fingerprint of the embedding network, 16 hexadecimal digits; empty when nothing was embedded.
        mean: (d,) float32, unit length, over all embeddings of the track; (0,) when nothing was embedded.
        embeddings: (k, d) float32, unit rows, the best crops.
        quality: (k,) float32 in [0, 1].
        embedding_times: (k,) float64, UTC seconds.
        path: see `Path`.
        attributes: colour, plate, speed … as text or numbers; `zones`, see `zone_path`.
        counts: zone and line counts by name.
        face: where the camera was told to look for faces and found one.
    """

    camera: str
    run: str
    track: int
    part: int
    final: bool
    start: float
    end: float
    label: str
    frames: int
    confidence: float
    model: str
    mean: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    quality: NDArray[np.float32]
    embedding_times: NDArray[np.float64]
    path: Path
    attributes: dict[str, str | float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    face: Face | None = None

    def __post_init__(self) -> None:
        k, d = len(self.quality), len(self.mean)
        for name, expected in (("mean", (d,)), ("embeddings", (k, d)), ("embedding_times", (k,))):
            actual = getattr(self, name).shape
            if actual != expected:
                raise ValueError(f"Tracklet.{name}: expected shape {expected}, got {actual}")


class PackedTracklet(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="tracklet"):
    """A `Tracklet` as it travels and as it is kept: the same fields, arrays as bytes of little-endian numbers, those of
    embeddings float16. Only the face, which few have, is as there."""

    camera: str
    run: str
    track: int
    part: int
    final: bool
    start: float
    end: float
    label: str
    frames: int
    confidence: float
    model: str
    mean: bytes
    embeddings: bytes
    quality: bytes
    embedding_times: bytes
    path_times: bytes
    path_frames: bytes
    path_boxes: bytes
    attributes: dict[str, Any]
    counts: dict[str, Any]
    face: Face | None = None

    @classmethod
    def of(cls, tracklet: Tracklet) -> PackedTracklet:
        """Pack one."""
        path = tracklet.path
        return cls(
            camera=tracklet.camera, run=tracklet.run, track=tracklet.track, part=tracklet.part, final=tracklet.final,
            start=tracklet.start, end=tracklet.end, label=tracklet.label, frames=tracklet.frames,
            confidence=tracklet.confidence, model=tracklet.model, mean=tracklet.mean.astype("<f2").tobytes(),
            embeddings=tracklet.embeddings.astype("<f2").tobytes(), quality=tracklet.quality.astype("<f4").tobytes(),
            embedding_times=tracklet.embedding_times.astype("<f8").tobytes(),
            path_times=path.times.astype("<f8").tobytes(), path_frames=path.frames.astype("<i4").tobytes(),
            path_boxes=path.boxes.astype("<f4").tobytes(), attributes=tracklet.attributes, counts=tracklet.counts,
            face=tracklet.face)


def zone_path(zones: Sequence[str]) -> str:
    """Names of the zones that a track came through, in order, as the attribute `zones` tells them."""
    return "/".join(zones)


def zones_of(path: object) -> tuple[str, ...]:
    """The reverse; () where nothing is told, or no text."""
    return tuple(path.split("/")) if isinstance(path, str) and path else ()
