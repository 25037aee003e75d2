"""Many uploads' bodies → tracklets and events, with the checks of `intake` done for all of them at once.

What passes here would pass there, number by number; what does not is opened again by `open_upload`, which says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
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

Columns = Mapping[str, Sequence[Any]]
"""Fields of `PackedTracklet`, each of all rows."""

_fields = itemgetter(*PackedTracklet._fields)
_TYPES = (str, str, int, int, bool, float, float, str, int, float, str, *(bytes,) * 7, dict, dict, type(None))
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
    rows = {at: row for at, body in enumerate(bodies) if (row := _fields_of(body)) is not None}
    for check in (_typed, _shaped, partial(_sound, dimensions=dimensions, latest=latest)):
        if rows and not (good := check(_columns(rows.values()))).all():
            rows = {at: row for (at, row), fine in zip(rows.items(), good.tolist(), strict=True) if fine}
    return [tuple.__new__(PackedTracklet, rows[at]) if at in rows else _slowly(body, dimensions, latest)
            for at, body in enumerate(bodies)]


def _slowly(body: bytes, dimensions: Mapping[str, int], latest: float) -> Opened:
    try:
        content = open_upload(body, dimensions, latest)
    except WireError as error:
        return error
    return PackedTracklet.of(content) if isinstance(content, Tracklet) else content


def _fields_of(body: bytes) -> tuple[Any, ...] | None:
    """What a `PackedTracklet` is made of, unchecked, if it is a tracklet of the usual kind."""
    if len(body) > MAX_MESSAGE_BYTES:
        return None
    try:
        fields = msgpack.unpackb(body, strict_map_key=True)
        if fields["kind"] != "tracklet" or "face" in fields:
            return None
        if attributes := fields["attributes"]:
            fields["attributes"] = plain_attributes(attributes)
        if counts := fields["counts"]:
            fields["counts"] = plain_counts(counts)
        fields["face"] = None
        values: tuple[Any, ...] = _fields(fields)
    except Exception:  # many kinds; the slow way says which
        return None
    return values


def _columns(rows: Iterable[tuple[Any, ...]]) -> Columns:
    return dict(zip(PackedTracklet._fields, zip(*rows, strict=True), strict=True))


def _typed(of: Columns) -> NDArray[np.bool_]:
    """Whether all fields of each have the right type, (n,)."""
    good = np.ones(len(of["camera"]), bool)
    for column, expected in zip(of.values(), _TYPES, strict=True):
        if {*map(type, column)} != {expected}:
            good &= np.array([type(value) is expected for value in column], bool)
    return good


def _shaped(of: Columns) -> NDArray[np.bool_]:
    """Whether the fields of each fit one another, and are no larger than they may be, (n,)."""
    size, k, m = _lengths(of["mean"]), _lengths(of["quality"]), _lengths(of["path_times"])
    good: NDArray[np.bool_] = (size <= 2 * MAX_DIMENSIONS) & (size % 2 == 0) & (k % 4 == 0) & (m % 8 == 0)
    k //= 4
    m //= 8
    good &= (_lengths(of["embeddings"]) == k * size) & (_lengths(of["embedding_times"]) == 8 * k)
    good &= (_lengths(of["path_frames"]) == 4 * m) & (_lengths(of["path_boxes"]) == 16 * m)
    for name in ("camera", "run", "label"):
        good &= _all_of(of[name], lambda text: 0 < len(text) <= _MOST_TEXT)
    good &= _all_of(of["model"], lambda text: len(text) <= _MOST_TEXT)
    if "" in of["model"]:
        good &= np.array([name != "" for name in of["model"]], bool) | (size == 0)
    for name in ("track", "part", "frames"):
        if not 0 <= min(of[name]) <= max(of[name]) <= _MOST:
            good &= np.array([0 <= number <= _MOST for number in of[name]], bool)
    return good


def _all_of(texts: Sequence[str], fine: Callable[[str], bool]) -> NDArray[np.bool_] | np.bool_:
    """Whether each is `fine`; few are different."""
    wrong = {text for text in set(texts) if not fine(text)}
    return np.array([text not in wrong for text in texts], bool) if wrong else np.True_


def _sound(of: Columns, dimensions: Mapping[str, int], latest: float) -> NDArray[np.bool_]:
    """Whether all numbers of each are as they must be, (n,)."""
    start, end, confidence = (np.array(of[name]) for name in ("start", "end", "confidence"))
    with np.errstate(invalid="ignore", over="ignore"):
        good: NDArray[np.bool_] = (start >= 0) & (start <= end) & (end <= latest) & np.isfinite(confidence)
        for name in ("embedding_times", "path_times"):
            times = _Column(of[name], "<f8")
            good &= times.all((times.values >= 0) & (times.values <= latest))
        for name in ("quality", "path_boxes"):
            numbers = _Column(of[name], "<f4")
            good &= numbers.all(np.isfinite(numbers.values))
    sizes = _lengths(of["mean"]) // 2
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
