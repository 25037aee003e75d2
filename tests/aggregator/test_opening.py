"""Opening many uploads at once finds what opening them one by one finds."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.engine.intake import open_upload
from aggregator.engine.opening import Opened, open_uploads
from common.errors import WireError
from common.messages import Event, pack_events, pack_tracklet
from common.tracklet import PackedTracklet, Path, Tracklet

LATEST = 2_000_000_000.0
KNOWN = {"0011": 8}


def body(seed: int = 1, /, d: int = 8, k: int = 2, m: int = 3, **changes: Any) -> bytes:
    """A tracklet's body; `changes` are made to its fields as they go over the wire."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(k + 1, d)).astype(np.float32)
    if d:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    packed = pack_tracklet(Tracklet(
        camera="hall", run="r", track=seed, part=0, final=True, start=1000.0, end=1010.0, label="person", frames=50,
        confidence=0.8, model="0011" if d == 8 else "ffff", mean=rows[0], embeddings=rows[1:],
        quality=np.full(k, 0.5, np.float32), embedding_times=np.full(k, 1001.0),
        path=Path(times=np.linspace(1000, 1010, m), frames=np.arange(m, dtype=np.int32),
                  boxes=random.random((m, 4)).astype(np.float32))))
    fields = msgpack.unpackb(packed) | changes
    whole: bytes = msgpack.packb({name: value for name, value in fields.items() if value is not None})
    return whole


def slowly(one: bytes) -> Opened:
    try:
        content = open_upload(one, KNOWN, LATEST)
    except WireError as error:
        return error
    return PackedTracklet.of(content) if isinstance(content, Tracklet) else content


def assert_same(found: Opened, expected: Opened) -> None:
    if isinstance(found, WireError) and isinstance(expected, WireError):
        assert (found.code, found.message) == (expected.code, expected.message)
    else:
        assert type(found) is type(expected)
        assert found == expected


NAN = np.array([np.nan])
ODD: dict[str, bytes] = {
    "as it should be": body(1), "another": body(2, k=0), "no way through the view": body(3, m=0),
    "nothing embedded": body(4, d=0, k=0), "a network nobody announced": body(5, d=4),
    "other numbers than announced": body(6, d=4, model="0011"), "events": pack_events([
        Event(camera="hall", run="r", kind="k", time=5.0)]),
    "attributes": body(7, attributes={"colour": "red", "speed": 1.5}), "counts": body(8, counts={"door": 2}),
    "attributes that cannot be kept": body(40, attributes={"a": [1], "b": float("nan"), "c": "x"}),
    "counts that are none": body(41, counts={"a": "x", "b": 2, "c": True}), "a huge number": body(
        42, attributes={"n": 2**63}),
    "no name": body(9, camera=""), "a long name": body(10, label="x" * 201), "a number for a name": body(11, run=5),
    "true for a number": body(12, track=True), "a whole number for a time": body(13, start=1000, end=1010),
    "a negative number": body(14, frames=-1), "too large a number": body(15, track=2**60),
    "the end before the start": body(16, end=999.0), "before 1970": body(17, start=-1.0),
    "in the future": body(18, end=LATEST + 1), "a path in the future": body(19, m=1, path_times=np.array(
        [LATEST + 1]).tobytes()), "an embedding from the future": body(20, k=1, embedding_times=np.array(
            [LATEST + 1]).tobytes()), "no time": body(21, start=float("nan")), "endless": body(22, end=float("inf")),
    "not a length of one": body(23, mean=np.full(8, 0.5, "<f2").tobytes()),
    "hardly a length of one": body(24, mean=np.full(8, 0.36, "<f2").tobytes()),
    "an exemplar of no length": body(25, k=1, embeddings=np.zeros(8, "<f2").tobytes()),
    "nan in the mean": body(26, mean=NAN.astype("<f2").tobytes() * 8),
    "nan in the quality": body(27, k=1, quality=NAN.astype("<f4").tobytes()),
    "nan in the path": body(28, m=1, path_boxes=NAN.astype("<f4").tobytes() * 4),
    "nan in the path's times": body(29, m=1, path_times=NAN.tobytes()),
    "half a number": body(30, mean=b"123"), "more exemplars than numbers": body(31, quality=bytes(12)),
    "a path without boxes": body(32, path_boxes=b""), "an embedding without its network": body(33, model=""),
    "a field that lacks": body(34, label=None), "no words on the end": body(35, final=None),
    "text for bytes": body(36, mean="x"), "endless confidence": body(37, confidence=float("inf")),
    "not msgpack": b"\xc1", "empty": b"", "a list": msgpack.packb([1]), "unknown": msgpack.packb({"kind": "z"}),
    "too large": b"x" * (1 << 23), "a face that is nil": msgpack.packb(msgpack.unpackb(body(43)) | {"face": None}),
}


@pytest.mark.parametrize("what", ODD)
def test_alone_and_among_others_it_is_what_opening_it_by_itself_finds(what: str) -> None:
    among = [body(100), ODD[what], body(101, d=4), body(102)]
    for bodies in ([ODD[what]], among):
        for one, found in zip(bodies, open_uploads(bodies, KNOWN, LATEST), strict=True):
            assert_same(found, slowly(one))


def test_a_face_that_is_nil_is_refused() -> None:
    (found,) = open_uploads([ODD["a face that is nil"]], KNOWN, LATEST)
    assert isinstance(found, WireError)
    assert found.code == "bad_field"


def test_nothing_is_found_in_nothing() -> None:
    assert open_uploads([], KNOWN, LATEST) == []


@settings(deadline=None)
@given(st.data())
def test_whatever_comes_all_that_is_wrong_is_found(data: st.DataObject) -> None:
    bodies = []
    for track in range(data.draw(st.integers(1, 5))):
        damaged = bytearray(body(track, d=data.draw(st.sampled_from([0, 4, 8])), k=data.draw(st.integers(0, 2))))
        for _ in range(data.draw(st.integers(0, 3))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        bodies.append(bytes(damaged[:data.draw(st.integers(0, 2 * len(damaged)))]))
    for one, found in zip(bodies, open_uploads(bodies, KNOWN, LATEST), strict=True):
        assert_same(found, slowly(one))
