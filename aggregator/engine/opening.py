"""Many uploads' bodies → tracklets and events, with the checks of `intake` done for all of them at once.

What passes here would pass there, number by number; what does not is opened again by `open_upload`, which says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from aggregator.engine.intake import LENGTH_TOLERANCE, open_upload
from common.errors import WireError
from common.messages import MAX_DIMENSIONS, MAX_MESSAGE_BYTES, Event, plain_attributes, plain_counts
from common.tracklet import PackedTracklet, Tracklet

Opened = PackedTracklet | list[Event] | WireError

_fields = itemgetter(*(name for name in PackedTracklet._fields if name != "face"))
_TYPES = [str, str, int, int, bool, float, float, str, int, float, str, *(bytes,) * 7, dict, dict]
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
        if list(map(type, values)) != _TYPES:
            return None
        row = PackedTracklet(*values)
        if row.attributes or row.counts:
            row = row._replace(attributes=plain_attributes(row.attributes), counts=plain_counts(row.counts))
    except Exception:  # many kinds; the slow way says which
        return None
    d, k, m = len(row.mean), len(row.quality) // 4, len(row.path_times) // 8
    fits = (
        d <= 2 * MAX_DIMENSIONS and d % 2 == 0 and len(row.quality) == 4 * k and len(row.embeddings) == k * d
        and len(row.embedding_times) == 8 * k and (not d or row.model != "")
        and len(row.path_times) == 8 * m and len(row.path_frames) == 4 * m and len(row.path_boxes) == 16 * m
        and 0 < len(row.camera) <= _MOST_TEXT and 0 < len(row.run) <= _MOST_TEXT and 0 < len(row.label) <= _MOST_TEXT
        and len(row.model) <= _MOST_TEXT
        and 0 <= row.track <= _MOST and 0 <= row.part <= _MOST and 0 <= row.frames <= _MOST
        and row.start <= row.end and abs(row.confidence) < np.inf
    )
    return row if fits else None


def _check(rows: list[PackedTracklet], dimensions: Mapping[str, int], latest: float) -> NDArray[np.bool_]:
    """Whether all numbers of each are as they must be, (n,)."""
    means = _Column([row.mean for row in rows], "<f2")
    vectors = _Column([row.embeddings for row in rows], "<f2")
    quality = _Column([row.quality for row in rows], "<f4")
    seen = _Column([row.embedding_times for row in rows], "<f8")
    times = _Column([row.path_times for row in rows], "<f8")
    boxes = _Column([row.path_boxes for row in rows], "<f4")
    spans = np.array([(row.start, row.end) for row in rows]).reshape(-1, 2)
    with np.errstate(invalid="ignore", over="ignore"):
        good = ((spans >= 0) & (spans <= latest)).all(axis=1)
        for column in (seen, times):
            good &= column.all((column.values >= 0) & (column.values <= latest))
        for column in (quality, boxes):
            good &= column.all(np.isfinite(column.values))
    of = [len(row.mean) // 2 for row in rows]
    good &= np.array([not d or dimensions.get(row.model, d) == d for row, d in zip(rows, of, strict=True)], bool)
    return good & _unit(means, of) & _unit(vectors, of)


class _Column:
    """One field of all rows, end to end.

    Attributes:
        values: (sum of lengths,).
    """

    def __init__(self, blobs: list[bytes], dtype: str) -> None:
        self.values: NDArray[Any] = np.frombuffer(b"".join(blobs), dtype)
        size = self.values.itemsize
        self._bounds = [0, *accumulate(len(blob) // size for blob in blobs)]

    def all(self, fine: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(sum of lengths,) bool → (rows,): whether it is true for all of a row."""
        good = np.ones(len(self._bounds) - 1, bool)
        if not fine.all():
            good[np.searchsorted(self._bounds, np.flatnonzero(~fine), side="right") - 1] = False
        return good

    def lengths(self) -> list[int]:
        """Of each row."""
        return [after - before for before, after in pairwise(self._bounds)]


def _unit(column: _Column, of: list[int]) -> NDArray[np.bool_]:
    """Whether all vectors of a row, `of` numbers each, have length 1; (rows,)."""
    values = column.values.astype(np.float32)
    counts = [length // d if d else 0 for length, d in zip(column.lengths(), of, strict=True)]
    if len(set(of)) == 1 and of[0]:
        squares = np.einsum("ij,ij->i", *(values.reshape(-1, of[0]),) * 2)
    else:
        starts = np.concatenate([[0], np.cumsum(np.repeat(of, counts))]).astype(np.intp)
        sums = np.concatenate([[0.0], np.cumsum(np.square(values, dtype=np.float64))])
        squares = sums[starts[1:]] - sums[starts[:-1]]
    with np.errstate(invalid="ignore"):
        fine = np.abs(np.sqrt(squares) - 1) <= LENGTH_TOLERANCE / 2  # the borderline is for the slow way
    good = np.ones(len(of), bool)
    good[np.repeat(np.arange(len(of)), counts)[~fine]] = False
    return good
