"""What happened."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from aggregator.api import shapes, shaping
from aggregator.api.access import Audit, Role
from aggregator.api.keys import READERS
from aggregator.api.parameters import Between, GlobalId, Paged, VisitId
from aggregator.api.registry import Registry
from aggregator.api.routes.cameras import known_camera
from aggregator.api.routes.identities import found
from aggregator.api.tables import MEDIA, AsTable, table
from aggregator.store.reader import StoreReader

routes = Registry()


class EventsQuery(Between, Paged, AsTable):
    """Filters of the list."""

    camera: str | None = Field(default=None, max_length=200, description="only events of this camera")
    kind: str | None = Field(default=None, max_length=200, description="only events of this kind, e.g. track_started")
    identity: GlobalId | None = Field(default=None, description="only events of this identity's visits")
    visit: VisitId | None = Field(default=None, description="only events of this visit")


@routes.add("GET", "/api/events", tag="site", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=EventsQuery, answer=shapes.Events, media=MEDIA, errors=(404, 406))
async def list_events(request: web.Request, query: EventsQuery) -> Any:
    """Events, newest first."""
    def ask(reader: StoreReader) -> shapes.Events:
        known_camera(reader, query.camera)
        if query.identity is not None:
            found(reader, query.identity, "identity")
        page = reader.events(camera=query.camera, kind=query.kind, identity=query.identity, visit=query.visit,
                             since=query.since, until=query.until, limit=query.limit, cursor=query.cursor)
        return {"events": [shaping.event(row) for row in page.rows], "next": page.next}

    return table(request, query, "events", await request.app[READERS].ask(ask), shapes.Event, "events")
