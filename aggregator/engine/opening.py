"""Many uploads' bodies → tracklets and events, with the checks of `intake` done for all of them at once.

What passes here would pass there, number by number; what does not is opened again by `open_upload`, which says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from aggregator.engine.intake import LENGTH_TOLERANCE, open_upload
from aggregator.store.columns import floats
from common.errors import WireError
from common.messages import MAX_DIMENSIONS, MAX_MESSAGE_BYTES, Event, plain_attributes, plain_counts
from common.tracklet import PackedTracklet, Tracklet

Opened = PackedTracklet | list[Event] | WireError

_MOST_TEXT = 200
_MOST = 2**53


class _Other(msgspec.Struct, tag_field="kind", tag="events"):
    """With one more kind to choose from, `kind` has to be there."""


_read = msgspec.msgpack.Decoder(PackedTracklet | _Other).decode


def open_uploads(bodies: Sequence[bytes], dimensions: Mapping[str, int], latest: float) -> list[Opened]:
    """Unpack and check, as `open_upload` does.

    Args:
        bodies: of uploads.
        dimensions, latest: see there.

    Returns:
        What each carries, or what is wrong with it.
    """
    rows = {at: row for at, body in enumerate(bodies) if (row := _tracklet_of(body)) is not None}
    for check in (_shaped, partial(_sound, dimensions=dimensions, latest=latest)):
        if rows and not (good := check(list(rows.values()))).all():
            rows = {at: row for (at, row), fine in zip(rows.items(), good.tolist(), strict=True) if fine}
    return [rows[at] if at in rows else _slowly(body, dimensions, latest) for at, body in enumerate(bodies)]


def _slowly(body: bytes, dimensions: Mapping[str, int], latest: float) -> Opened:
    try:
        content = open_upload(body, dimensions, latest)
    except WireError as error:
        return error
    return PackedTracklet.of(content) if isinstance(content, Tracklet) else content


def _tracklet_of(body: bytes) -> PackedTracklet | None:
    """A tracklet of the usual kind, its fields of the right types and otherwise unchecked."""
    if len(body) > MAX_MESSAGE_BYTES or b"face" in body:  # few have one; and one that is nil is not none
        return None
    try:
        row = _read(body)
        if type(row) is not PackedTracklet:
            return None
        if row.attributes or row.counts:
            row = replace(row, attributes=plain_attributes(row.attributes), counts=plain_counts(row.counts))
    except Exception:  # many kinds; the slow way says which
        return None
    return row


def _shaped(rows: Sequence[PackedTracklet]) -> NDArray[np.bool_]:
    """Whether the fields of each fit one another, and are no larger than they may be, (n,)."""
    size, k = _lengths([row.mean for row in rows]), _lengths([row.quality for row in rows])
    m = _lengths([row.path_times for row in rows])
    good: NDArray[np.bool_] = (size <= 2 * MAX_DIMENSIONS) & (size % 2 == 0) & (k % 4 == 0) & (m % 8 == 0)
    k //= 4
    m //= 8
    good &= (_lengths([row.embeddings for row in rows]) == k * size)
    good &= (_lengths([row.embedding_times for row in rows]) == 8 * k)
    good &= (_lengths([row.path_frames for row in rows]) == 4 * m)
    good &= (_lengths([row.path_boxes for row in rows]) == 16 * m)
    for texts in ([row.camera for row in rows], [row.run for row in rows], [row.label for row in rows]):
        good &= _all_of(texts, lambda text: 0 < len(text) <= _MOST_TEXT)
    models = [row.model for row in rows]
    good &= _all_of(models, lambda text: len(text) <= _MOST_TEXT)
    if "" in models:
        good &= np.array([name != "" for name in models], bool) | (size == 0)
    for numbers in ([row.track for row in rows], [row.part for row in rows], [row.frames for row in rows]):
        if not 0 <= min(numbers) <= max(numbers) <= _MOST:
            good &= np.array([0 <= number <= _MOST for number in numbers], bool)
    return good


def _all_of(texts: Sequence[str], fine: Callable[[str], bool]) -> NDArray[np.bool_] | np.bool_:
    """Whether each is `fine`; few are different."""
    wrong = {text for text in set(texts) if not fine(text)}
    return np.array([text not in wrong for text in texts], bool) if wrong else np.True_


def _sound(rows: Sequence[PackedTracklet], dimensions: Mapping[str, int], latest: float) -> NDArray[np.bool_]:
    """Whether all numbers of each are as they must be, (n,)."""
    means, models = [row.mean for row in rows], [row.model for row in rows]
    start, end = np.array([row.start for row in rows]), np.array([row.end for row in rows])
    with np.errstate(invalid="ignore", over="ignore"):
        good: NDArray[np.bool_] = (start >= 0) & (start <= end) & (end <= latest)
        good &= np.isfinite([row.confidence for row in rows])
        for blobs in ([row.embedding_times for row in rows], [row.path_times for row in rows]):
            times = _Column(blobs, "<f8")
            good &= times.all((times.values >= 0) & (times.values <= latest))
        for blobs in ([row.quality for row in rows], [row.path_boxes for row in rows]):
            numbers = _Column(blobs, "<f4")
            good &= numbers.all(np.isfinite(numbers.values))
    sizes = _lengths(means) // 2
    for model, size in {*zip(models, sizes.tolist(), strict=True)}:
        if size and dimensions.get(model, size) != size:
            good &= np.array([(name, one) != (model, size) for name, one in zip(models, sizes, strict=True)], bool)
    return good & _unit(means, sizes) & _unit([row.embeddings for row in rows], sizes)


class _Column:
    """One field of all rows, end to end.

    Attributes:
        values: (sum of lengths,).
        lengths: (rows,) of each.
    """

    def __init__(self, blobs: Sequence[bytes], dtype: str) -> None:
        self.values: NDArray[Any] = np.frombuffer(b"".join(blobs), dtype)
        self.lengths = _lengths(blobs) // self.values.itemsize

    def all(self, fine: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(sum of lengths,) bool → (rows,): whether it is true for all of a row."""
        good = np.ones(len(self.lengths), bool)
        if not fine.all():
            good[np.searchsorted(np.cumsum(self.lengths), np.flatnonzero(~fine), side="right")] = False
        return good


def _lengths(blobs: Sequence[bytes]) -> NDArray[np.intp]:
    """Bytes of each, (rows,)."""
    return np.fromiter(map(len, blobs), np.intp, len(blobs))


def _unit(blobs: Sequence[bytes], sizes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether all vectors of a row, of `sizes` (rows,) numbers each, have length 1; (rows,)."""
    values = floats(b"".join(blobs))
    counts = _lengths(blobs) // 2 // np.maximum(sizes, 1)
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
