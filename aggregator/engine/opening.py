"""Many uploads' bodies → tracklets and events, with the checks of `intake` done for all of them at once.

What passes here would pass there, number by number; what does not is opened again by `open_upload`, which says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from aggregator.engine.intake import LENGTH_TOLERANCE, open_upload
from aggregator.store.columns import floats
from common.errors import WireError
from common.messages import MAX_DIMENSIONS, MAX_MESSAGE_BYTES, Event, plain_attributes, plain_counts
from common.tracklet import PackedTracklet, Tracklet

Opened = PackedTracklet | list[Event] | WireError

_fields = itemgetter(*(name for name in PackedTracklet._fields if name != "face"))
_TYPES = (str, str, int, int, bool, float, float, str, int, float, str, *(bytes,) * 7, dict, dict)
_MOST_TEXT = 200
_MOST = 2**53


def open_uploads(bodies: Sequence[bytes], dimensions: Mapping[str, int], latest: float) -> list[Opened]:
    """Unpack and check, as `open_upload` does.

    Args:
        bodies: of uploads.
        dimensions, latest: see there.

    Returns:
        What each carries, or what is wrong with it.
    """
    found: list[Opened | None] = [_row(body) for body in bodies]
    quick = [(at, row) for at, row in enumerate(found) if isinstance(row, PackedTracklet)]
    if quick:
        good = _check([row for _, row in quick], dimensions, latest)
        for (at, _), fine in zip(quick, good.tolist(), strict=True):
            found[at] = found[at] if fine else None
    return [_slowly(body, dimensions, latest) if content is None else content
            for body, content in zip(bodies, found, strict=True)]


def _slowly(body: bytes, dimensions: Mapping[str, int], latest: float) -> Opened:
    try:
        content = open_upload(body, dimensions, latest)
    except WireError as error:
        return error
    return PackedTracklet.of(content) if isinstance(content, Tracklet) else content


def _row(body: bytes) -> PackedTracklet | None:
    """The fields of a tracklet of the usual kind, whose shapes fit."""
    if len(body) > MAX_MESSAGE_BYTES:
        return None
    try:
        fields = msgpack.unpackb(body, strict_map_key=True)
        if fields["kind"] != "tracklet" or "face" in fields:
            return None
        values = _fields(fields)
        if tuple(map(type, values)) != _TYPES:
            return None
        (camera, run, track, part, _, start, end, label, frames, confidence, model, mean, embeddings, quality,
         embedding_times, path_times, path_frames, path_boxes, attributes, counts) = values
        if attributes or counts:
            values = (*values[:-2], plain_attributes(attributes), plain_counts(counts))
    except Exception:  # many kinds; the slow way says which
        return None
    size, k, m = len(mean), len(quality) // 4, len(path_times) // 8
    fits = (
        size <= 2 * MAX_DIMENSIONS and size % 2 == 0 and len(quality) == 4 * k and len(embeddings) == k * size
        and len(embedding_times) == 8 * k and (not size or model != "")
        and len(path_times) == 8 * m and len(path_frames) == 4 * m and len(path_boxes) == 16 * m
        and 0 < len(camera) <= _MOST_TEXT and 0 < len(run) <= _MOST_TEXT and 0 < len(label) <= _MOST_TEXT
        and len(model) <= _MOST_TEXT and 0 <= track <= _MOST and 0 <= part <= _MOST and 0 <= frames <= _MOST
        and start <= end and abs(confidence) < np.inf
    )
    return PackedTracklet._make((*values, None)) if fits else None


def _check(rows: list[PackedTracklet], dimensions: Mapping[str, int], latest: float) -> NDArray[np.bool_]:
    """Whether all numbers of each are as they must be, (n,)."""
    of = dict(zip(PackedTracklet._fields, zip(*rows, strict=True), strict=True))
    spans = np.array([of["start"], of["end"]])
    with np.errstate(invalid="ignore", over="ignore"):
        good = np.asarray(((spans >= 0) & (spans <= latest)).all(axis=0))
        for name in ("embedding_times", "path_times"):
            times = _Column(of[name], "<f8")
            good &= times.all((times.values >= 0) & (times.values <= latest))
        for name in ("quality", "path_boxes"):
            numbers = _Column(of[name], "<f4")
            good &= numbers.all(np.isfinite(numbers.values))
    sizes = _lengths(of["mean"], 2)
    for model, size in {*zip(of["model"], sizes.tolist(), strict=True)}:
        if size and dimensions.get(model, size) != size:
            good &= np.array([(name, one) != (model, size) for name, one in zip(of["model"], sizes, strict=True)], bool)
    return good & _unit(of["mean"], sizes) & _unit(of["embeddings"], sizes)


class _Column:
    """One field of all rows, end to end.

    Attributes:
        values: (sum of lengths,).
        lengths: (rows,) of each.
    """

    def __init__(self, blobs: Sequence[bytes], dtype: str) -> None:
        self.values: NDArray[Any] = np.frombuffer(b"".join(blobs), dtype)
        self.lengths = _lengths(blobs, self.values.itemsize)

    def all(self, fine: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(sum of lengths,) bool → (rows,): whether it is true for all of a row."""
        good = np.ones(len(self.lengths), bool)
        if not fine.all():
            good[np.searchsorted(np.cumsum(self.lengths), np.flatnonzero(~fine), side="right")] = False
        return good


def _lengths(blobs: Sequence[bytes], itemsize: int) -> NDArray[np.intp]:
    """How many numbers each holds, (rows,)."""
    return np.fromiter(map(len, blobs), np.intp, len(blobs)) // itemsize


def _unit(blobs: Sequence[bytes], sizes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether all vectors of a row, of `sizes` (rows,) numbers each, have length 1; (rows,)."""
    values = floats(b"".join(blobs))
    counts = _lengths(blobs, 2) // np.maximum(sizes, 1)
    if sizes[0] and (sizes == sizes[0]).all():
        squares = np.einsum("ij,ij->i", *(values.reshape(-1, sizes[0]),) * 2)
    else:
        starts = np.concatenate([[0], np.cumsum(np.repeat(sizes, counts))])
        sums = np.concatenate([[0.0], np.cumsum(np.square(values, dtype=np.float64))])
        squares = sums[starts[1:]] - sums[starts[:-1]]
    with np.errstate(invalid="ignore"):
        fine = np.abs(np.sqrt(squares) - 1) <= LENGTH_TOLERANCE / 2  # the borderline is for the slow way
    good = np.ones(len(sizes), bool)
    good[np.repeat(np.arange(len(sizes)), counts)[~fine]] = False
    return good
