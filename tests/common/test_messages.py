from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from common.errors import WireError
from common.messages import (
    MAX_MESSAGE_BYTES,
    VERSION,
    Ack,
    Assign,
    CameraInfo,
    Drawn,
    Event,
    Hello,
    Mark,
    Message,
    ModelInfo,
    Picture,
    Preview,
    Refusal,
    Stats,
    Taken,
    Upload,
    decode,
    encode,
    pack_events,
    pack_tracklet,
    unpack_body,
)
from common.places import Line, Zone
from common.tracklet import Face, Path, Tracklet

HELLO = Hello(
    agent="gate", run="a1", spool="f-1", software="0.1.0", clock=1.7e9,
    cameras=(CameraInfo(camera="yard", width=640, height=480, fps=25.0, view=(8.0, 0.0),
                        zones=(Zone(name="till", polygon=((0, 0), (1, 0), (1, 1)), dwell_s=60),),
                        lines=(Line(name="door", points=((0, 0.5), (1, 0.5))),)),),
    models=(ModelInfo(task="embedding", name="osnet", fingerprint="0123456789abcdef", dimensions=4),),
)
MESSAGES: list[Message] = [
    HELLO,
    Stats(clock=5.0, cameras={"yard": {"fps": 24.5}}, spool={"depth": 3.0}),
    Ack(spool="f-1", through=7),
    Assign(tracks=(("yard", "a1", 3, "G17"),)),
    Drawn(camera="yard", zones=(Zone(name="till", polygon=((0, 0), (1, 0), (1, 1))),)),
    Preview(camera="yard", on=True, width=640, fps=5.0),
    Taken(number=4),
    Refusal(code="bad_field", message="no", seq=4),
]


def tracklet(**changes: Any) -> Tracklet:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(3, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    made = Tracklet(
        camera="yard", run="a1", track=9, part=1, final=True, start=100.0, end=104.5, label="person", frames=90,
        confidence=0.8, model="0123456789abcdef", mean=rows[0], embeddings=rows,
        quality=np.array([0.9, 0.8, 0.7], np.float32), embedding_times=np.array([100.0, 101.0, 102.0]),
        path=Path(times=np.array([100.0, 100.5]), frames=np.array([0, 12], np.int32),
                  boxes=np.array([[0, 0, 0.5, 1], [0.1, 0, 0.6, 1]], np.float32)),
        attributes={"colour": "red", "speed": 1.5}, counts={"door": 2},
    )
    return replace(made, **changes)


def fields(message: Message | bytes) -> dict[str, Any]:
    unpacked: dict[str, Any] = msgpack.unpackb(message if isinstance(message, bytes) else encode(message))
    return unpacked


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.type)
def test_what_is_sent_arrives(message: Message) -> None:
    assert decode(encode(message)) == message


def test_an_upload_arrives_with_its_body_untouched() -> None:
    got = decode(encode(Upload(spool="f-1", seq=12, body=b"\x00anything")))
    assert isinstance(got, Upload)
    assert (got.spool, got.seq, got.body) == ("f-1", 12, b"\x00anything")


@pytest.mark.parametrize(("changes", "code"), [
    ({"v": None}, "wrong_version"), ({"v": 2}, "wrong_version"), ({"v": 1.5}, "wrong_version"),
    ({"type": None}, "unknown_type"), ({"type": "uploads"}, "unknown_type"), ({"spool": "x" * 201}, "bad_field"),
    ({"spool": b"s"}, "bad_field"), ({"seq": 0}, "bad_field"), ({"seq": True}, "bad_field"),
    ({"seq": 2**53 + 1}, "bad_field"), ({"seq": "1"}, "bad_field"), ({"body": "text"}, "bad_field"),
    ({"body": None}, "bad_field"), ({"after": -1}, "bad_field")], ids=str)
def test_an_upload_that_is_none_is_refused_and_it_is_said_what_lacks(changes: dict[str, Any], code: str) -> None:
    sound = fields(Upload(spool="s", seq=1, body=b"b", after=0))
    assert isinstance(decode(msgpack.packb(sound | {"spool": "ü" * 200, "more": [1]})), Upload)
    wrong = {name: value for name, value in (sound | changes).items() if value is not None}
    with pytest.raises(WireError) as error:
        decode(msgpack.packb(wrong))
    assert error.value.code == code


def test_a_picture_arrives_with_who_is_in_it() -> None:
    marks = (Mark(track=3, name="G17", box=(0.1, 0.2, 0.3, 0.9)), Mark(track=4, name="", box=(0.0, 0.0, 1.0, 1.0)))
    got = decode(encode(Picture(camera="yard", number=3, time=1.7e9, width=640, height=480, jpeg=b"\xff\xd8\x00",
                                marks=marks)))
    assert isinstance(got, Picture)
    assert (got.camera, got.number, got.time, got.width, got.height) == ("yard", 3, 1.7e9, 640, 480)
    assert (got.jpeg, got.marks) == (b"\xff\xd8\x00", marks)


@pytest.mark.parametrize("changes", [
    {"jpeg": b"GIF89a"}, {"jpeg": "text"}, {"marks": [[1, "G1", 0.0, 0.0, 1.0]]}, {"number": 0}, {"width": 0},
    {"marks": [[1, "G1", 0.0, 0.0, 1.0, float("nan")]]}, {"marks": [["1", "G1", 0, 0, 1, 1]]}, {"camera": ""}],
    ids=lambda c: "-".join(c))
def test_a_picture_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    sound = fields(Picture(camera="yard", number=3, time=1.7e9, width=640, height=480, jpeg=b"\xff\xd8\x00"))
    with pytest.raises(WireError):
        decode(msgpack.packb(sound | changes))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.type)
def test_version_and_type_come_first(message: Message) -> None:
    assert list(fields(message))[:2] == ["v", "type"]


def test_a_tracklet_arrives_as_it_was() -> None:
    sent = tracklet()
    got = unpack_body(pack_tracklet(sent))
    assert isinstance(got, Tracklet)
    for name in ("camera", "run", "track", "part", "final", "start", "end", "label", "frames", "model"):
        assert getattr(got, name) == getattr(sent, name), name
    assert got.confidence == pytest.approx(sent.confidence)
    assert got.attributes == sent.attributes
    assert got.counts == sent.counts
    assert_allclose(got.embeddings, sent.embeddings, atol=1e-3)  # float16 on the wire
    assert_allclose(got.mean, sent.mean, atol=1e-3)
    assert_array_equal(got.embedding_times, sent.embedding_times)
    assert_array_equal(got.path.boxes, sent.path.boxes)
    assert_array_equal(got.path.times, sent.path.times)
    assert got.mean.dtype == got.embeddings.dtype == np.float32


def test_a_tracklet_without_embeddings_or_path_arrives() -> None:
    none = np.zeros(0, np.float32)
    got = unpack_body(pack_tracklet(tracklet(
        mean=none, embeddings=np.zeros((0, 0), np.float32), quality=none, embedding_times=np.zeros(0), model="",
        path=Path.empty())))
    assert isinstance(got, Tracklet)
    assert len(got.mean) == len(got.path) == 0


def test_very_large_numbers_are_finite_still() -> None:
    far = np.array([-1e308, 1e308])
    path = Path(times=far, frames=np.zeros(2, np.int32), boxes=np.full((2, 4), 3e38, np.float32))
    got = unpack_body(pack_tracklet(tracklet(path=path)))
    assert isinstance(got, Tracklet)
    assert_array_equal(got.path.times, far)


def test_events_arrive() -> None:
    sent = [Event(camera="yard", run="a1", kind="track_started", time=3.5, track=2, data={"zones": ["door", {"n": 1}]})]
    assert unpack_body(pack_events(sent)) == sent


@pytest.mark.parametrize(("data", "code"), [
    (b"", "not_msgpack"),
    (b"GET / HTTP/1.1\r\n\r\n", "not_msgpack"),
    (b"\x80\x04\x95pickle", "not_msgpack"),
    (msgpack.packb([1, 2]), "bad_field"),
    (msgpack.packb({"v": VERSION + 1, "type": "ack"}), "wrong_version"),
    (msgpack.packb({"type": "ack"}), "wrong_version"),
    (msgpack.packb({"v": VERSION, "type": "launch"}), "unknown_type"),
    (msgpack.packb({"v": VERSION, "type": "ack", "spool": 3, "through": 1}), "bad_field"),
    (msgpack.packb({"v": VERSION, "type": "ack", "spool": "s", "through": -1}), "bad_field"),
    (msgpack.packb({"v": VERSION, "type": "upload", "spool": "s", "seq": 0, "body": b""}), "bad_field"),
    (msgpack.packb({"v": VERSION, "type": "stats", "clock": math.nan}), "bad_field"),
    (msgpack.packb({"v": VERSION, "type": "stats", "clock": True}), "bad_field"),
    (bytes(MAX_MESSAGE_BYTES + 1), "too_large"),
])
def test_what_is_no_message_is_refused_with_its_code(data: bytes, code: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(data)
    assert caught.value.code == code


def test_a_wrong_version_says_what_to_do() -> None:
    with pytest.raises(WireError, match=r"version 99, this side speaks 1[\s\S]*same release"):
        decode(msgpack.packb({"v": 99, "type": "hello"}))


@pytest.mark.parametrize(("field", "value"), [
    ("mean", np.zeros(5, "<f2").tobytes()),                                     # another length than the exemplars
    ("mean", np.array([np.nan, 0, 0, 1], "<f2").tobytes()),
    ("embeddings", np.full(12, np.inf, "<f2").tobytes()),
    ("embeddings", b"\x00" * 23),                                               # no whole number of values
    ("quality", np.zeros(2, "<f4").tobytes()),
    ("embedding_times", np.zeros(1, "<f8").tobytes()),
    ("path_times", np.array([1.0, np.nan], "<f8").tobytes()),
    ("path_times", np.array([np.inf, -np.inf], "<f8").tobytes()),
    ("path_boxes", np.zeros(6, "<f4").tobytes()),
    ("path_frames", b""),
    ("start", math.nan), ("end", math.inf), ("end", 99.0),                      # the last is before the start
    ("camera", ""), ("camera", 3), ("camera", "x" * 201), ("track", -1), ("part", 1.5), ("frames", True),
    ("confidence", "high"), ("attributes", []), ("counts", None),
])
def test_a_tracklet_with_a_bad_field_is_refused_and_the_field_named(field: str, value: Any) -> None:
    body = fields(pack_tracklet(tracklet()))
    assert isinstance(unpack_body(msgpack.packb(body)), Tracklet)
    with pytest.raises(WireError) as caught:
        unpack_body(msgpack.packb(body | {field: value}))
    assert caught.value.code == "bad_field"
    named = {"mean": "embeddings", "quality": "embeddings", "embedding_times": "embeddings",
             "path_times": "path_boxes", "path_frames": "path_boxes"}
    says = str(caught.value)
    assert any(f"'{name}'" in says or f"{name}:" in says for name in (field, named.get(field)))


@pytest.mark.parametrize("data", [
    {"x": math.nan}, {"x": b"raw"}, {"x": [[[[[[[[[[1]]]]]]]]]]}, {b"key": 1}, {"x": msgpack.Timestamp(5)},
])
def test_an_event_carries_only_what_json_can_hold(data: dict[Any, Any]) -> None:
    event = {"camera": "yard", "run": "a1", "kind": "k", "time": 1.0, "track": -1, "data": data}
    with pytest.raises(WireError, match="data"):
        unpack_body(msgpack.packb({"kind": "events", "events": [event]}))


def test_attributes_that_are_no_text_or_number_are_left_out() -> None:
    got = unpack_body(pack_tracklet(tracklet(attributes={"plate": "AB 12", "speed": math.nan, "raw": b"x"})))
    assert isinstance(got, Tracklet)
    assert got.attributes == {"plate": "AB 12"}


@pytest.mark.parametrize("view", [[0.0], [math.nan, 0.0], ["a", 0], None, [True, 0]])
def test_a_hello_with_a_bad_view_is_refused(view: Any) -> None:
    body = fields(HELLO)
    body["cameras"][0]["view"] = view
    with pytest.raises(WireError, match="view"):
        decode(msgpack.packb(body))


@pytest.mark.parametrize("depth", [500, 1000, 1020, 5000])
def test_a_nest_of_lists_is_refused_like_anything_else(depth: int) -> None:
    head = b"\x84\xa1v\x01\xa4type\xa6upload\xa3seq\x01\xa5spool"
    with pytest.raises(WireError):
        decode(head + b"\x91" * depth + b"\x90")


def test_a_refusal_is_short_however_large_the_fault() -> None:
    with pytest.raises(WireError) as caught:
        decode(msgpack.packb({"v": VERSION, "type": "ack", "spool": list(range(100_000)), "through": 1}))
    assert len(str(caught.value)) < 200


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8)
    | st.binary(max_size=16),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def outcome(read: Callable[[bytes], object], data: bytes) -> str:
    try:
        read(data)
    except WireError as error:
        return error.code
    return "read"


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    for read in (decode, unpack_body):
        assert outcome(read, data) in {"read", "not_msgpack", "wrong_version", "unknown_type", "bad_field"}


@given(st.sampled_from([*MESSAGES, Upload(spool="s", seq=1, body=b"b")]), st.data())
@settings(max_examples=150, deadline=None)
def test_a_message_with_anything_in_a_field_is_a_message_or_a_wire_error(message: Message, data: st.DataObject) -> None:
    body = fields(message)
    body[data.draw(st.sampled_from(sorted(body)))] = data.draw(plain)
    try:
        got = decode(msgpack.packb(body))
    except WireError:
        return
    encode(got)  # what was taken can be sent on


@given(st.sampled_from([pack_tracklet(tracklet()), pack_events([Event(camera="c", run="r", kind="k", time=1.0)])]),
       st.data())
@settings(max_examples=150, deadline=None)
def test_a_body_with_anything_in_a_field_is_read_or_a_wire_error(packed: bytes, data: st.DataObject) -> None:
    body = fields(packed)
    place = body
    if body["kind"] == "events" and data.draw(st.booleans()):
        place = body["events"][0]
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(plain)
    try:
        got = unpack_body(msgpack.packb(body))
    except WireError:
        return
    for part in got if isinstance(got, list) else [got]:
        assert math.isfinite(part.time if isinstance(part, Event) else part.start)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_flipped_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    packed = bytearray(data.draw(st.sampled_from([encode(HELLO), pack_tracklet(tracklet())])))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    for read in (decode, unpack_body):
        outcome(read, bytes(packed))


def test_an_agent_of_an_earlier_or_a_later_release_is_understood() -> None:
    sent = fields(HELLO)
    (camera,) = sent["cameras"]
    camera["zones"][0]["colour"] = "red"
    got = decode(msgpack.packb(sent))
    assert got == HELLO
    del camera["zones"], camera["lines"]
    got = decode(msgpack.packb(sent))
    assert isinstance(got, Hello)
    assert got.cameras[0].zones == got.cameras[0].lines == ()


@pytest.mark.parametrize("zone", [
    {"name": "till", "polygon": [[0, 0], [1, 1]]}, {"name": "till", "polygon": [[0, 0], [1, 1], [2, 0]]}, 7,
    {"name": "", "polygon": [[0, 0], [1, 1], [1, 0]]}, {"name": "a/b", "polygon": [[0, 0], [1, 1], [1, 0]]},
    {"name": "till", "polygon": [[0, 0], [1, 1], [math.nan, 0]]}])
def test_a_zone_that_is_none_is_refused(zone: Any) -> None:
    sent = fields(HELLO)
    sent["cameras"][0]["zones"] = [zone]
    with pytest.raises(WireError) as raised:
        decode(msgpack.packb(sent))
    assert raised.value.code == "bad_field"


def test_a_face_travels_with_its_tracklet_and_only_where_there_is_one() -> None:
    mean = np.array([0.6, 0.0, 0.8], np.float32)
    sent = unpack_body(pack_tracklet(tracklet(face=Face(model="f" * 16, mean=mean, quality=0.75, seen=3))))
    assert isinstance(sent, Tracklet)
    assert sent.face is not None
    assert_allclose(sent.face.mean, mean, atol=1e-3)
    assert (sent.face.model, sent.face.quality, sent.face.seen) == ("f" * 16, 0.75, 3)
    assert "face" not in fields(pack_tracklet(tracklet()))


@pytest.mark.parametrize("wrong", [{"mean": b""}, {"model": ""}, {"mean": b"\x00\x7c\x00\x3c"}, {"seen": 0},
                                   {"quality": float("nan")}, {"quality": "good"}], ids=lambda c: "-".join(c))
def test_a_face_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    sound = fields(pack_tracklet(tracklet(face=Face(model="f" * 16, mean=np.ones(2, np.float32), quality=1, seen=1))))
    with pytest.raises(WireError):
        unpack_body(msgpack.packb(sound | {"face": sound["face"] | wrong}))
