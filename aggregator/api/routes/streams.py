"""What happens, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from aggregator.api import shapes
from aggregator.api.access import Audit, Role
from aggregator.api.binding import NoParameters, Parameters
from aggregator.api.keys import BUS, READERS, SETTINGS, STREAMS
from aggregator.api.ports import Message
from aggregator.api.registry import Registry
from aggregator.api.routes.cameras import known_camera
from aggregator.api.site_stats import site_stats
from aggregator.api.streams import Reader

routes = Registry()


class EventsFilter(Parameters):
    """What to send."""

    camera: str | None = Field(default=None, max_length=200, description="only what happens in this camera")
    type: tuple[Literal["event", "link", "agent", "correction", "zone"], ...] = Field(
        default=(), description="only messages of these types; all when not given")
    kind: str | None = Field(default=None, max_length=200, description="of events, only this kind")


@routes.add("GET", "/api/ws/events", tag="stream", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=EventsFilter, messages=shapes.StreamMessage, errors=(404, 426))
async def stream_events(request: web.Request, query: EventsFilter) -> web.WebSocketResponse:
    """Events, links, corrections and agents, as they happen.

    Each is sent when it is on the disk. A reader that is slower than what happens loses the oldest messages;
    `dropped` says how many so far.
    """
    app = request.app
    await app[READERS].ask(known_camera, query.camera)

    def wants(message: Message) -> bool:
        if query.type and message.get("type") not in query.type:
            return False
        if query.camera is not None and message.get("camera") != query.camera:
            return False
        return query.kind is None or message.get("type") != "event" or message.get("kind") == query.kind

    settings = app[SETTINGS]
    return await app[STREAMS].serve(request, Reader(wants, settings.socket_queue), settings.socket_ping_s)


@routes.add("GET", "/api/ws/stats", tag="stream", role=Role.VIEWER, audit=Audit.PART,
            parameters=NoParameters, messages=shapes.StatsMessage, errors=(426,))
async def stream_stats(request: web.Request, _query: NoParameters) -> web.WebSocketResponse:
    """The site's numbers, again and again.

    Each message holds what /api/stats answers. A slow reader gets fewer: only the newest is kept for it.
    """
    app = request.app
    reader = Reader(lambda _: False, 1)
    feeding = asyncio.create_task(_feed(app, reader))
    try:
        return await app[STREAMS].serve(request, reader, app[SETTINGS].socket_ping_s)
    finally:
        feeding.cancel()


@routes.add("GET", "/ws/stats", tag="stream", role=Role.VIEWER, audit=Audit.PART,
            parameters=NoParameters, messages=shapes.StatsMessage, errors=(426,))
async def stream_stats_too(request: web.Request, query: NoParameters) -> Any:
    """The same as /api/ws/stats, beside the cameras.

    A camera that is called `stats` is shown by /api/ws/pictures only.
    """
    return await stream_stats(request, query)


async def _feed(app: web.Application, reader: Reader) -> None:
    while True:
        reader.put({"type": "stats", **await site_stats(app)})
        await asyncio.sleep(app[SETTINGS].stats_interval_s)


async def follow_bus(app: web.Application) -> AsyncIterator[None]:
    """Pass on what the engine publishes while the server runs."""
    leave = app[STREAMS].attach(app[BUS])
    yield
    leave()
