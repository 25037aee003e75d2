"""Arrays ↔ blobs: little-endian columns, embeddings as float16."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.tracklet import PackedTracklet, Path

_PLACES = np.uint32(0x8FFFE000).astype(np.int32)


def embedding_blob(vector: NDArray[np.float32]) -> bytes:
    """(d,) float32 → bytes of float16."""
    return vector.astype("<f2").tobytes()


def embedding(blob: bytes) -> NDArray[np.float32]:
    """Bytes of float16 → (d,) float32 of unit length; (0,) stays (0,)."""
    return unit(floats(blob))


def embeddings(blobs: Sequence[bytes]) -> list[NDArray[np.float32]]:
    """`embedding` of each, at once where all are of one length."""
    if len({len(blob) for blob in blobs}) != 1 or not blobs[0]:
        return [embedding(blob) for blob in blobs]
    return list(unit(floats(b"".join(blobs)).reshape(len(blobs), -1)))


def floats(blob: bytes) -> NDArray[np.float32]:
    """Bytes of n float16 → (n,) float32; what is not finite becomes 65,536 or more.

    Sign, exponent and fraction are put where they belong in a float32, whose exponent is then too small by 112. NumPy,
    which looks at each number by itself, takes five times as long.
    """
    bits = np.frombuffer(blob, "<i2").astype(np.int32)
    bits <<= 13
    bits &= _PLACES
    values: NDArray[np.float32] = bits.view(np.float32)
    values *= np.float32(2.0**112)
    return values


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…, d) float32 → the same at unit length. Rounding to float16 on the way costs up to .1 % of it."""
    if vector.size == 0:
        return vector
    length: NDArray[np.float32] = np.linalg.norm(vector, axis=-1, keepdims=True).astype(np.float32)
    return vector / length


def exemplar_rows(visits: Sequence[int], parts: Sequence[PackedTracklet]) -> list[tuple[int, float, float, bytes]]:
    """Visit, time, quality and embedding of each exemplar of parts, which are of these visits."""
    times = np.frombuffer(b"".join([part.embedding_times for part in parts]), "<f8").tolist()
    quality = np.frombuffer(b"".join([part.quality for part in parts]), "<f4").tolist()
    if {len(part.quality) for part in parts} == {4}:
        return list(zip(visits, times, quality, [part.embeddings for part in parts], strict=True))
    rows: list[tuple[int, float, float, bytes]] = []
    for visit, part in zip(visits, parts, strict=True):
        size = len(part.mean)
        for at in range(len(part.quality) // 4):
            rows.append((visit, times[len(rows)], quality[len(rows)], part.embeddings[at * size:(at + 1) * size]))
    return rows


def path_rows(visits: Sequence[int], parts: Sequence[PackedTracklet]) -> list[tuple[Any, ...]]:
    """Visit, part, camera, first and last moment, times, frames and boxes of each part that has a path."""
    if b"" in [part.path_times for part in parts]:
        visits = [visit for visit, part in zip(visits, parts, strict=True) if part.path_times]
        parts = [part for part in parts if part.path_times]
    if not parts:
        return []
    times = np.frombuffer(b"".join([part.path_times for part in parts]), "<f8")
    begin = np.cumsum([0, *[len(part.path_times) // 8 for part in parts[:-1]]])
    first, last = np.minimum.reduceat(times, begin).tolist(), np.maximum.reduceat(times, begin).tolist()
    return [(visit, part.part, part.camera, since, until, part.path_times, part.path_frames, part.path_boxes)
            for visit, part, since, until in zip(visits, parts, first, last, strict=True)]


def path(parts: list[tuple[bytes, bytes, bytes]]) -> Path:
    """The parts of one visit, in order → its whole path."""
    return Path(
        times=np.frombuffer(b"".join(part[0] for part in parts), "<f8"),
        frames=np.frombuffer(b"".join(part[1] for part in parts), "<i4"),
        boxes=np.frombuffer(b"".join(part[2] for part in parts), "<f4").reshape(-1, 4),
    )


def to_json(value: Any) -> str:
    """As short as JSON gets. A number that is not finite would make the text unreadable elsewhere: it is an error."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
