"""`SeenFrame`: what a hook is told about a frame; and how it gets into another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SeenFrame:
    """A frame and who is in it, column by column; row i is one person or vehicle.

    Attributes:
        camera: the camera's name.
        index: frame number in the source, from 0.
        time: UTC seconds at which it was taken.
        image: (h, w, 3) uint8, BGR, the camera's view; read-only.
        track: (n,) int64, local ids.
        xyxy: (n, 4) float32, left, top, right, bottom in pixels of `image`.
        confidence: (n,) float32 in [0, 1].
        label: n class names.
        global_id: n global ids such as `G17`; empty while not known.
    """

    camera: str
    index: int
    time: float
    image: NDArray[np.uint8]
    track: NDArray[np.int64]
    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    label: tuple[str, ...]
    global_id: tuple[str, ...]


def pack_frame(frame: SeenFrame) -> list[bytes | memoryview]:
    """A head as msgpack, then the pixels, which are not copied where they lie together."""
    image = np.ascontiguousarray(frame.image)
    head: bytes = msgpack.packb({
        "kind": "frame", "camera": frame.camera, "index": frame.index, "time": frame.time, "shape": image.shape,
        "track": frame.track.astype("<i8").tobytes(), "xyxy": frame.xyxy.astype("<f4").tobytes(),
        "confidence": frame.confidence.astype("<f4").tobytes(), "label": frame.label, "global_id": frame.global_id})
    return [head, image.data.cast("B")]


def unpack_frame(head: dict[str, Any], pixels: bytes) -> SeenFrame:
    """The other way round."""
    return SeenFrame(
        camera=head["camera"], index=head["index"], time=head["time"],
        image=np.frombuffer(pixels, np.uint8).reshape(head["shape"]), track=np.frombuffer(head["track"], "<i8"),
        xyxy=np.frombuffer(head["xyxy"], "<f4").reshape(-1, 4), confidence=np.frombuffer(head["confidence"], "<f4"),
        label=tuple(head["label"]), global_id=tuple(head["global_id"]))


def names_of(class_id: NDArray[np.int32], names: Sequence[str]) -> tuple[str, ...]:
    """Class names of (n,) class ids."""
    return tuple(names[number] for number in class_id.tolist())
