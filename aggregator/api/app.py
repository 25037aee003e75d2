"""The web application: the routes, what guards them, and what they ask."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from aiohttp import web

from aggregator.api.embedders import Embedders
from aggregator.api.errors import one_error_shape
from aggregator.api.faces import FaceNetworks
from aggregator.api.guard import Guard
from aggregator.api.keys import (
    BUS,
    CLOCK,
    DRAW,
    EMBEDDERS,
    ENGINE,
    FACES,
    GUARD,
    MORE_METRICS,
    PREVIEWS,
    READERS,
    REQUESTS,
    SETTINGS,
    STREAMS,
)
from aggregator.api.openapi import document
from aggregator.api.ports import Bus, Engine, ReaderFactory
from aggregator.api.readers import Readers
from aggregator.api.registry import Registry
from aggregator.api.requests import Requests
from aggregator.api.routes import (
    cameras,
    corrections,
    dashboard,
    documents,
    events,
    heatmap,
    identities,
    movement,
    passing,
    previews,
    privacy,
    search,
    session,
    site,
    streams,
    topology,
    visits,
    zones,
)
from aggregator.api.security import add_headers, refuse_strangers
from aggregator.api.seen import SeenEngine
from aggregator.api.settings import ApiSettings
from aggregator.api.streams import Streams
from aggregator.previews import Previews
from common.clock import Clock, SystemClock
from common.errors import StoreError
from common.metrics import Samples
from common.places import Places


@functools.cache
def registry() -> Registry:
    """Every route of the server."""
    routes = Registry()
    for part in (site, session, previews, cameras, events, identities, visits, corrections, privacy, search, heatmap,
                 zones, movement, passing, topology, streams, documents, dashboard):
        routes.include(part.routes)
    return routes


@functools.cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of every route."""
    return document(registry().routes)


def create_app(reader_factory: ReaderFactory, engine: Engine, bus: Bus,
               settings: ApiSettings | None = None, *, guard: Guard,
               more_metrics: Callable[[Samples], None] | None = None, clock: Clock | None = None,
               embedders: Embedders | None = None, pictures: Previews | None = None,
               draw: Callable[[str, str, Places], None] | None = None, faces: FaceNetworks | None = None,
               ) -> web.Application:
    """The application, to be run by `aiohttp.web.AppRunner` or aiohttp's test server.

    Args:
        reader_factory: opens a read-only connection to the store; called once in each reading thread.
        engine: the running engine, for stats and search.
        bus: where the engine publishes what it has committed.
        settings: limits.
        guard: who may ask.
        more_metrics: adds what the API does not know: the inbox's and the disk's.
        clock: what time it is; the computer's by default.
        pictures: live pictures from the agents; none without it.
        draw: keeps zones and lines of a camera (camera, its agent, places) and sends them; refused without it.
        embedders, faces: networks for search by picture; those of this machine's model store by default.
    """
    settings = settings or ApiSettings()
    app = web.Application(middlewares=[one_error_shape, refuse_strangers], client_max_size=settings.max_upload_bytes)
    app[SETTINGS] = settings
    app[REQUESTS] = Requests()
    app[MORE_METRICS] = more_metrics or (lambda _samples: None)
    app[ENGINE] = SeenEngine(engine)
    app[GUARD] = guard
    app[BUS] = bus
    app[READERS] = Readers(reader_factory, settings.readers)
    app[EMBEDDERS] = embedders or Embedders()
    app[FACES] = faces or FaceNetworks()
    app[CLOCK] = clock or SystemClock()
    app[STREAMS] = Streams(settings.max_sockets)
    app[PREVIEWS] = pictures or Previews(lambda _agent, _message: None, settings.max_viewers)
    app[DRAW] = draw or _nowhere
    registry().mount(app)
    documents.publish(app, openapi_document())
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(streams.follow_bus)
    app.cleanup_ctx.append(guard.watch)
    app.on_shutdown.append(_end_streams)
    app.on_cleanup.append(_close)
    return app


def _nowhere(camera: str, _agent: str, _places: Places) -> None:
    raise StoreError(f"zones and lines of '{camera}' cannot be kept here")


async def _end_streams(app: web.Application) -> None:
    """WebSockets would keep the server from ending."""
    await app[STREAMS].close()
    await app[PREVIEWS].close()


async def _close(app: web.Application) -> None:
    app[READERS].close()
