"""Live pictures, from cameras that allow it, while somebody looks. Nothing is kept."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence

import orjson
from aiohttp import web
from pydantic import Field

from aggregator.api import shapes
from aggregator.api.access import Audit, Role
from aggregator.api.binding import Parameters
from aggregator.api.errors import ApiError, bad_parameter
from aggregator.api.keys import ENGINE, PREVIEWS, READERS, SETTINGS, STREAMS
from aggregator.api.registry import Media, Registry
from aggregator.api.routes.cameras import OneCamera, the_camera
from aggregator.api.site_stats import camera_numbers
from aggregator.previews import TooManyViewers
from aggregator.store.reader import StoreReader
from common.clock import to_rfc3339
from common.messages import Picture
from common.pictures import Viewer

JPEG, MJPEG = "image/jpeg", "multipart/x-mixed-replace"
BOUNDARY = "picture"
FIRST_S = 8.0
SENT_AHEAD_BYTES = 256 << 10  # what the kernel may hold for a slow viewer: older pictures are of no use

routes = Registry()


class Wish(Parameters):
    """What of a camera's pictures is of use."""

    width: int = Field(default=0, ge=0, le=4096,
                       description="pixels across that are of use; 0 for all that the camera gives")
    fps: float = Field(default=0, ge=0, le=60, allow_inf_nan=False,
                       description="most pictures a second; 0 for all that the camera gives")


class LookAtOne(OneCamera, Wish):
    """One camera."""


class LookAtSome(Wish):
    """Several cameras over one connection."""

    camera: tuple[str, ...] = Field(default=(), max_length=256,
                                    description="which cameras; all that allow it when not given")


@routes.add("GET", "/api/cameras/{camera}/frame", tag="video", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=LookAtOne, media=(JPEG,), errors=(404, 409))
async def get_frame(request: web.Request, query: LookAtOne) -> Media:
    """What a camera sees now.

    One JPEG, if its box allows it. Faces are blurred there unless its settings say otherwise.
    """
    async with _watching(request, (query.camera,), query) as viewer:
        try:
            picture = await asyncio.wait_for(viewer.next(), FIRST_S)
        except asyncio.TimeoutError:
            raise ApiError(503, "no_picture", f"camera '{query.camera}' gave no picture within {FIRST_S:.0f} s",
                           cure="see /api/stats: is its agent connected?") from None
    return Media(body=picture.jpeg, type=JPEG, headers={
        "X-Picture-Time": to_rfc3339(picture.time), "Cache-Control": "no-store"})


@routes.add("GET", "/api/cameras/{camera}.mjpg", tag="video", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=LookAtOne, media=(MJPEG,), errors=(404, 409))
async def stream_mjpeg(request: web.Request, query: LookAtOne) -> web.StreamResponse:
    """What a camera sees, as motion JPEG.

    For an <img>, VLC or ffmpeg. A slow reader gets fewer pictures.
    """
    async with _watching(request, (query.camera,), query) as viewer:
        response = web.StreamResponse(headers={"Content-Type": f"{MJPEG}; boundary={BOUNDARY}"})
        await response.prepare(request)
        _hold_little(request)
        with contextlib.suppress(ConnectionError):
            while True:
                try:
                    picture = await asyncio.wait_for(viewer.next(), FIRST_S)
                except asyncio.TimeoutError:
                    if request.transport is None or request.transport.is_closing():
                        break  # nobody tells a handler that its reader has gone
                    continue
                head = (f"--{BOUNDARY}\r\nContent-Type: {JPEG}\r\nContent-Length: {len(picture.jpeg)}\r\n"
                        f"X-Picture-Time: {to_rfc3339(picture.time)}\r\n\r\n")
                await response.write(head.encode() + picture.jpeg + b"\r\n")
        return response


@routes.add("GET", "/ws/{camera}", tag="video", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=LookAtOne, messages=shapes.PictureMessage, errors=(404, 409, 426))
async def stream_jpeg(request: web.Request, query: LookAtOne) -> web.WebSocketResponse:
    """What a camera sees, one JPEG a message.

    A WebSocket of binary messages. A slow reader gets fewer pictures.
    """
    return await _serve(request, (query.camera,), query, bare=True)


@routes.add("GET", "/api/ws/pictures", tag="video", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=LookAtSome, messages=shapes.PictureMessage, errors=(404, 409, 426))
async def stream_pictures(request: web.Request, query: LookAtSome) -> web.WebSocketResponse:
    """What several cameras see, and who is where in it.

    A WebSocket of binary messages: four bytes, the length of the JSON that follows (little-endian), that JSON as
    described here, then the JPEG. A slow reader gets fewer pictures.
    """
    if query.camera:
        return await _serve(request, query.camera, query, bare=False)
    live = camera_numbers(request.app[ENGINE].stats())
    return await _serve(request, [name for name, numbers in live.items() if numbers.get("preview")], query, bare=False)


@contextlib.asynccontextmanager
async def _watching(request: web.Request, cameras: Sequence[str], wish: Wish) -> AsyncIterator[Viewer]:
    """A viewer of cameras that allow it.

    Raises:
        ApiError: 404, 409 a camera's box shows no pictures, 503 too many look.
    """
    def find(reader: StoreReader) -> dict[str, str]:
        return {name: the_camera(reader, name).agent for name in cameras}

    agents = await request.app[READERS].ask(find)
    live = camera_numbers(request.app[ENGINE].stats())
    for name in cameras:
        if name in live and not live[name].get("preview"):
            raise ApiError(409, "preview_off", f"camera '{name}' is not shown: its box keeps pictures to itself",
                           field="camera", cure="set 'preview: {allow: true}' for it in the box's agent.yaml")
    try:
        async with request.app[PREVIEWS].watch(agents, wish.width, wish.fps) as viewer:
            yield viewer
    except TooManyViewers as error:
        raise ApiError(503, "too_many_viewers", error.message, cure=error.cure) from error


async def _serve(request: web.Request, cameras: Sequence[str], wish: Wish, *, bare: bool) -> web.WebSocketResponse:
    if len(set(cameras)) > 256:
        raise bad_parameter("camera", f"{len(cameras)} cameras are more than 256")
    streams = request.app[STREAMS]
    streams.check(request)
    async with _watching(request, cameras, wish) as viewer:
        async def send(socket: web.WebSocketResponse) -> None:
            _hold_little(request)
            while True:
                picture = await viewer.next()
                await socket.send_bytes(picture.jpeg if bare else framed(picture, viewer.skipped))

        return await streams.run(request, send, request.app[SETTINGS].socket_ping_s)


def framed(picture: Picture, skipped: int) -> bytes:
    """A picture with what is known of it; see `stream_pictures`."""
    about: shapes.PictureMessage = {
        "camera": picture.camera, "time": to_rfc3339(picture.time), "width": picture.width, "height": picture.height,
        "skipped": skipped,
        "marks": [{"track": mark.track, "global_id": mark.name or None, "box": list(mark.box)}
                  for mark in picture.marks]}
    head = orjson.dumps(about)
    return struct.pack("<I", len(head)) + head + picture.jpeg


def _hold_little(request: web.Request) -> None:
    """Let the kernel hold little for this viewer, so that what a slow one sees is late by few pictures."""
    transport = request.transport
    if transport is not None:
        transport.set_write_buffer_limits(high=1)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AHEAD_BYTES)
