"""What goes over the wire: msgpack maps, `v` and `type` first. Nothing here trusts its input.

Agent → aggregator: `Hello`, `Upload` (tracklets and events, numbered by the spool), `Stats`, `Picture`.
Aggregator → agent: `Ack`, `Assign`, `Preview`, `Drawn`, `Taken`, `Refusal`.
Numbers travel as msgpack's own; arrays as little-endian bytes: embeddings float16, path boxes float32, times float64.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import msgpack
import msgspec
import numpy as np
from pydantic import ValidationError

from common.errors import WireError
from common.fields import F2, F4, F8, I4, MAX_TEXT, MAX_WHOLE, Fields, is_number, mapping, plain, shown
from common.places.shapes import Line, Zone
from common.settings import Settings, T
from common.tracklet import Face, PackedTracklet, Path, Tracklet

VERSION = 1
MAX_MESSAGE_BYTES = 4 << 20
MAX_DIMENSIONS = 4096
MAX_PLACES = 100
MAX_CAMERAS = 1000
MAX_MODELS = 20
MAX_NUMBERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInfo:
    """What a camera's pictures are like.

    Attributes:
        width, height: pixels of the view that paths are relative to.
        fps: nominal frames a second, 0 when unknown.
        view: left and top of that view in the source's own frame, pixels.
        zones, lines: what is counted there; an agent of an earlier release sends none.
    """

    camera: str
    width: int
    height: int
    fps: float = 0.0
    view: tuple[float, float] = (0.0, 0.0)
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A network in use: its task, name, fingerprint (16 hexadecimal digits) and, for embedders, its dimensions."""

    task: str
    name: str
    fingerprint: str
    dimensions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First message on a connection, and again whenever a camera becomes known. `clock` is the sender's UTC."""

    type: ClassVar[str] = "hello"
    agent: str
    run: str
    spool: str
    software: str
    clock: float
    cameras: tuple[CameraInfo, ...] = ()
    models: tuple[ModelInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in one camera: `kind` such as `track_started`; `time` in UTC seconds."""

    camera: str
    run: str
    kind: str
    time: float
    track: int = -1
    data: dict[str, Any] = field(default_factory=dict)


class Upload(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One numbered entry of an agent's spool: a tracklet part or a batch of events.

    `spool` names one opening of the spool's file (`common.spool_id`), `seq` counts from 1 in it; numbers are left out
    where the spool had to drop entries. The body stays packed: the spool stores and the uplink sends it without looking
    inside.

    `after` is the number that was sent before this one over the same connection, 0 when this is the first that waits:
    an aggregator that has not taken that one has missed something, which must not be taken for dropped.
    """

    type: ClassVar[str] = "upload"
    spool: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
    seq: Annotated[int, msgspec.Meta(ge=1, le=MAX_WHOLE)]
    body: bytes
    after: Annotated[int, msgspec.Meta(ge=0, le=MAX_WHOLE)] = 0


class _SentUpload(Upload, frozen=True, kw_only=True, eq=False, gc=False, tag_field="type", tag="upload"):
    v: Literal[1]


class _Other(msgspec.Struct, tag_field="type", tag=""):
    """With one more kind to choose from, `type` has to be there."""


_read_upload = msgspec.msgpack.Decoder(_SentUpload | _Other).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Heartbeat. `cameras` maps a camera to numbers such as fps, latency_s, people, dropped; `spool` likewise."""

    type: ClassVar[str] = "stats"
    clock: float
    cameras: dict[str, dict[str, float]] = field(default_factory=dict)
    spool: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Everything of `spool` up to and with `through` is on the aggregator's disk."""

    type: ClassVar[str] = "ack"
    spool: str
    through: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Global ids of local tracks, for overlays: (camera, run, track, global id such as `G17`)."""

    type: ClassVar[str] = "assign"
    tracks: tuple[tuple[str, str, int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Somebody looks at a camera (`on`), or nobody does any more. Said again while somebody looks.

    `width` in pixels and `fps` are the most that anybody looking can use; 0 leaves it to the agent.
    """

    type: ClassVar[str] = "preview"
    camera: str
    on: bool
    width: int = 0
    fps: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Zones and lines that somebody has drawn for a camera; they take the place of those it has."""

    type: ClassVar[str] = "drawn"
    camera: str
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Somebody drawn on a picture: local track, global id (empty while unknown) and box, shares of the view."""

    track: int
    name: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A camera's view as a JPEG, for people to look at. Never kept and never sent twice.

    `number` rises with every picture of a connection; `time` is the frame's, UTC seconds.
    """

    type: ClassVar[str] = "picture"
    camera: str
    number: int
    time: float
    width: int
    height: int
    jpeg: bytes
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Pictures up to and with `number` have arrived: the next may be sent."""

    type: ClassVar[str] = "taken"
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was sent cannot be taken: `code` for machines, `message` for people.

    `seq` is the spool entry it speaks of, 0 for none. A refused entry counts as received: it is skipped, not resent.
    """

    type: ClassVar[str] = "error"
    code: str
    message: str
    seq: int = 0


Message = Hello | Upload | Stats | Picture | Ack | Assign | Preview | Drawn | Taken | Refusal


def encode(message: Message) -> bytes:
    """One message as bytes."""
    body: dict[str, Any] = {"v": VERSION, "type": message.type}
    for name in message.__struct_fields__ if isinstance(message, Upload) else message.__dataclass_fields__:
        value = getattr(message, name)
        if name in ("cameras", "models") and isinstance(value, tuple):
            value = [{key: _sendable(getattr(item, key)) for key in item.__dataclass_fields__} for item in value]
        elif name in ("zones", "lines"):
            value = _sendable(value)
        elif name == "marks":
            value = [(mark.track, mark.name, *mark.box) for mark in value]
        body[name] = value
    packed: bytes = msgpack.packb(body)
    return packed


def _sendable(value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], Settings):
        return [item.model_dump() for item in value]
    return value


def decode(data: bytes | memoryview) -> Message:
    """Bytes → message.

    Raises:
        WireError: `not_msgpack`, `wrong_version`, `unknown_type`, `bad_field` or `too_large`; it says what was found.
    """
    if len(data) <= MAX_MESSAGE_BYTES:
        try:
            upload: Upload = _read_upload(data)
            return upload
        except (msgspec.DecodeError, UnicodeError):  # nearly all are uploads; of others, and of wrong ones, below
            pass
    body = _unpack(data)
    if body.get("v") != VERSION:
        raise WireError("wrong_version", f"message version {shown(body.get('v'))}, this side speaks {VERSION}",
                        "install the same release on agent and aggregator")
    read = Fields(body)
    kind = body.get("type")
    if kind == "upload":
        return Upload(spool=read.text("spool"), seq=read.integer("seq", 1), body=read.raw("body"),
                      after=read.integer("after") if "after" in body else 0)
    if kind == "stats":
        return Stats(clock=read.number("clock"), cameras=read.table("cameras", MAX_CAMERAS),
                     spool=read.numbers("spool", MAX_NUMBERS))
    if kind == "ack":
        return Ack(spool=read.text("spool"), through=read.integer("through"))
    if kind == "assign":
        return Assign(tracks=tuple(_assignment(row) for row in read.items("tracks")))
    if kind == "preview":
        return Preview(camera=read.text("camera"), on=bool(body.get("on")), width=read.integer("width", 0, 1 << 16),
                       fps=read.number("fps"))
    if kind == "drawn":
        return Drawn(camera=read.name("camera"), zones=_places(read, "zones", Zone), lines=_places(read, "lines", Line))
    if kind == "picture":
        return _picture(read)
    if kind == "taken":
        return Taken(number=read.integer("number"))
    if kind == "error":
        return Refusal(code=read.text("code"), message=read.text("message", limit=4000), seq=read.integer("seq"))
    if kind == "hello":
        return _hello(read)
    raise WireError("unknown_type", f"message type {shown(kind)} is not known")


def pack_tracklet(tracklet: Tracklet) -> bytes:
    """The body of an `Upload`."""
    fields = {"kind": "tracklet", **msgspec.structs.asdict(PackedTracklet.of(tracklet))}
    del fields["face"]
    if tracklet.face is not None:
        fields["face"] = _pack_face(tracklet.face)
    packed: bytes = msgpack.packb(fields)
    return packed


def _pack_face(face: Face) -> dict[str, Any]:
    return {"model": face.model, "mean": face.mean.astype("<f2").tobytes(), "quality": face.quality, "seen": face.seen}


def pack_events(events: list[Event]) -> bytes:
    """The body of an `Upload`."""
    packed: bytes = msgpack.packb({"kind": "events", "events": [
        {"camera": e.camera, "run": e.run, "kind": e.kind, "time": e.time, "track": e.track, "data": e.data}
        for e in events]})
    return packed


def unpack_body(body: bytes) -> Tracklet | list[Event]:
    """The body of an `Upload` → what it carries.

    Raises:
        WireError: as `decode`.
    """
    fields = _unpack(body)
    read = Fields(fields)
    if fields.get("kind") == "tracklet":
        with np.errstate(over="ignore", invalid="ignore"):  # see all_finite
            return _tracklet(read)
    if fields.get("kind") == "events":
        return [_event(Fields(mapping(row, "events"))) for row in read.items("events")]
    raise WireError("unknown_type", f"an upload of kind {shown(fields.get('kind'))} is not known")


def _unpack(data: bytes | memoryview) -> dict[str, Any]:
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError("too_large", f"a message of {len(data)} bytes, at most {MAX_MESSAGE_BYTES} are taken")
    try:
        # unpackb takes no container longer than the data, so a small message cannot ask for a large allocation.
        body = msgpack.unpackb(data, strict_map_key=True)
    except Exception as error:  # msgpack raises many kinds, all of them mean the same here
        raise WireError("not_msgpack", f"{len(data)} bytes that are not msgpack ({type(error).__name__})") from error
    return mapping(body, "message")


def _hello(read: Fields) -> Hello:
    cameras = []
    for row in read.items("cameras", MAX_CAMERAS):
        camera = Fields(mapping(row, "cameras"))
        view = camera.items("view")
        if len(view) != 2 or not all(is_number(v) for v in view):
            raise WireError("bad_field", "field 'view': expected two finite numbers")
        cameras.append(CameraInfo(camera=camera.name("camera"), width=camera.integer("width", 1, 1 << 16),
                                  height=camera.integer("height", 1, 1 << 16), fps=camera.number("fps"),
                                  view=(float(view[0]), float(view[1])), zones=_places(camera, "zones", Zone),
                                  lines=_places(camera, "lines", Line)))
    models = []
    for row in read.items("models", MAX_MODELS):
        model = Fields(mapping(row, "models"))
        models.append(ModelInfo(task=model.text("task"), name=model.text("name"),
                                fingerprint=model.text("fingerprint"),
                                dimensions=model.integer("dimensions", 0, MAX_DIMENSIONS)))
    return Hello(agent=read.name("agent"), run=read.name("run"), spool=read.name("spool"),
                 software=read.text("software"), clock=read.number("clock"),
                 cameras=tuple(cameras), models=tuple(models))


def _places(read: Fields, name: str, kind: type[T]) -> tuple[T, ...]:
    rows = read.items(name) if name in read.fields else []
    if len(rows) > MAX_PLACES:
        raise WireError("bad_field", f"field '{name}': {len(rows)} of them, at most {MAX_PLACES} a camera are taken")
    try:
        # What a later release adds is left out rather than refused.
        return tuple(kind.model_validate({key: value for key, value in mapping(row, name).items()
                                          if key in kind.model_fields}) for row in rows)
    except ValidationError as error:
        raise WireError("bad_field", f"field '{name}': {error.errors()[0]['msg'][:200]}") from error


def _assignment(row: Any) -> tuple[str, str, int, str]:
    if (not isinstance(row, list) or len(row) != 4
            or not all(isinstance(row[i], kind) for i, kind in enumerate((str, str, int, str)))):
        raise WireError("bad_field", "field 'tracks': expected rows of camera, run, track, global id")
    return row[0], row[1], row[2], row[3]


def _picture(read: Fields) -> Picture:
    marks = []
    for row in read.items("marks"):
        if (not isinstance(row, list) or len(row) != 6 or type(row[0]) is not int or not isinstance(row[1], str)
                or not all(is_number(value) for value in row[2:])):
            raise WireError("bad_field", "field 'marks': expected rows of track, global id, left, top, right, bottom")
        marks.append(Mark(track=row[0], name=row[1][:200], box=(row[2], row[3], row[4], row[5])))
    jpeg = read.raw("jpeg")
    if jpeg[:2] != b"\xff\xd8":
        raise WireError("bad_field", "field 'jpeg': is no JPEG")
    return Picture(camera=read.name("camera"), number=read.integer("number", 1), time=read.number("time"),
                   width=read.integer("width", 1, 1 << 16), height=read.integer("height", 1, 1 << 16), jpeg=jpeg,
                   marks=tuple(marks))


def _event(read: Fields) -> Event:
    return Event(camera=read.name("camera"), run=read.name("run"), kind=read.name("kind"), time=read.number("time"),
                 track=read.integer("track", -1), data=plain(mapping(read.fields.get("data", {}), "data"), "data"))


def _tracklet(read: Fields) -> Tracklet:
    mean = read.array("mean", F2)
    quality = read.array("quality", F4)
    flat = read.array("embeddings", F2)
    times = read.array("embedding_times", F8)
    if len(mean) > MAX_DIMENSIONS or len(flat) != len(quality) * len(mean) or len(times) != len(quality):
        raise WireError("bad_field", f"field 'embeddings': {len(flat)} values, expected {len(quality)} × {len(mean)}")
    start, end = read.number("start"), read.number("end")
    if end < start:
        raise WireError("bad_field", f"field 'end': {end} is before start {start}")
    path_times, path_frames = read.array("path_times", F8), read.array("path_frames", I4)
    boxes = read.array("path_boxes", F4)
    if not len(path_times) == len(path_frames) == len(boxes) / 4:
        raise WireError("bad_field", f"field 'path_boxes': {len(boxes)} values, expected {len(path_times)} × 4")
    attributes = mapping(read.fields.get("attributes", {}), "attributes")
    counts = mapping(read.fields.get("counts", {}), "counts")
    return Tracklet(
        camera=read.name("camera"), run=read.name("run"), track=read.integer("track"), part=read.integer("part"),
        final=bool(read.fields.get("final")), start=start, end=end, label=read.name("label"),
        frames=read.integer("frames"), confidence=read.number("confidence"), model=read.text("model"), mean=mean,
        embeddings=flat.reshape(len(quality), len(mean)), quality=quality, embedding_times=times,
        path=Path(times=path_times, frames=path_frames, boxes=boxes.reshape(-1, 4)),
        attributes=plain_attributes(attributes), counts=plain_counts(counts),
        face=_face(Fields(mapping(read.fields["face"], "face"))) if "face" in read.fields else None,
    )


def _face(read: Fields) -> Face:
    mean, model = read.array("mean", F2), read.text("model")
    if not 0 < len(mean) <= MAX_DIMENSIONS or not model:
        raise WireError("bad_field", f"field 'face': {len(mean)} values of model {shown(model)}")
    return Face(model=model, mean=mean, quality=read.number("quality"), seen=read.integer("seen", 1))


def plain_attributes(attributes: dict[Any, Any]) -> dict[str, str | float]:
    """Those that are text or finite numbers."""
    return {str(k): v for k, v in attributes.items() if isinstance(v, str) or is_number(v)}


def plain_counts(counts: dict[Any, Any]) -> dict[str, int]:
    """Those that are whole numbers."""
    return {str(k): v for k, v in counts.items() if isinstance(v, int)}
