"""Single passages through one camera."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import BeforeValidator, Field, WithJsonSchema

from aggregator.api import shapes, shaping
from aggregator.api.access import Audit, Role
from aggregator.api.binding import Parameters
from aggregator.api.errors import not_found
from aggregator.api.keys import READERS
from aggregator.api.parameters import Between, GlobalId, Paged, VisitId
from aggregator.api.registry import Registry
from aggregator.api.routes.cameras import known_camera
from aggregator.api.routes.identities import found
from aggregator.api.tables import MEDIA, AsTable, table
from aggregator.api.why import reasons
from aggregator.store.reader import StoreReader
from aggregator.store.rows import VisitRow
from common.clock import to_rfc3339

routes = Registry()


def _attribute(value: Any) -> tuple[str, str]:
    name, colon, wanted = str(value).partition(":")
    if not colon or not name:
        raise ValueError("expected NAME:VALUE, such as colour:red")
    return name, wanted


Attribute = Annotated[tuple[str, str], BeforeValidator(_attribute),
                      WithJsonSchema({"type": "string", "pattern": "^[^:]+:", "examples": ["colour:red"]})]


class VisitsQuery(Between, Paged, AsTable):
    """Filters of the list."""

    camera: str | None = Field(default=None, max_length=200, description="only visits to this camera")
    label: str | None = Field(default=None, max_length=200, description="class, such as person or car")
    identity: GlobalId | None = Field(default=None, description="only visits of this identity")
    zone: str | None = Field(default=None, max_length=200, description="only visits that came into a zone of this name")
    longer_s: float | None = Field(default=None, ge=0, le=1e9, allow_inf_nan=False, description=
                                   "only visits that lasted at least so many seconds")
    shorter_s: float | None = Field(default=None, ge=0, le=1e9, allow_inf_nan=False, description=
                                    "only visits that lasted at most so many seconds")
    attribute: Attribute | None = Field(default=None, description="only visits with this attribute, as NAME:VALUE")


class OneVisit(Parameters):
    """One visit."""

    visit: VisitId = Field(description="the visit's number")


@routes.add("GET", "/api/visits", tag="visits", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=VisitsQuery, answer=shapes.Visits, media=MEDIA, errors=(404, 406))
async def list_visits(request: web.Request, query: VisitsQuery) -> Any:
    """Visits, latest first."""
    def ask(reader: StoreReader) -> shapes.Visits:
        known_camera(reader, query.camera)
        if query.identity is not None:
            found(reader, query.identity, "identity")
        page = reader.visits(camera=query.camera, identity=query.identity, label=query.label, since=query.since,
                             until=query.until, limit=query.limit, cursor=query.cursor, zone=query.zone,
                             longer_s=query.longer_s, shorter_s=query.shorter_s, attribute=query.attribute)
        return {"visits": [shaping.visit(row) for row in page.rows], "next": page.next}

    return table(request, query, "visits", await request.app[READERS].ask(ask), shapes.Visit, "visits")


@routes.add("GET", "/api/visits/{visit}", tag="visits", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=OneVisit, answer=shapes.VisitDetail, errors=(404,))
async def get_visit(request: web.Request, query: OneVisit) -> shapes.VisitDetail:
    """One visit with its path."""
    def ask(reader: StoreReader) -> shapes.VisitDetail:
        row = the_visit(reader, query.visit)
        looks = reader.embeddings(row.visit)
        exemplars: list[shapes.Exemplar] = [] if looks is None else [
            {"time": to_rfc3339(time), "quality": round(quality, 4)}
            for time, quality in zip(looks.times.tolist(), looks.quality.tolist(), strict=True)]
        return {**shaping.visit(row), "model": row.model, "exemplars": exemplars,
                "path": shaping.leg(row, reader.visit_path(row.visit))}

    return await request.app[READERS].ask(ask)


@routes.add("GET", "/api/visits/{visit}/why", tag="visits", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=OneVisit, answer=shapes.Why, errors=(404,))
async def get_visit_why(request: web.Request, query: OneVisit) -> shapes.Why:
    """Why this visit is whose it is.

    Every decision about it, oldest first, with its rivals and the reason in words.
    """
    def ask(reader: StoreReader) -> shapes.Why:
        row = the_visit(reader, query.visit)
        return {"global_id": shaping.name(row.identity), "merged_into": None,
                "entries": reasons(reader, reader.log(visit=row.visit))}

    return await request.app[READERS].ask(ask)


def the_visit(reader: StoreReader, visit: int) -> VisitRow:
    """The visit.

    Raises:
        ApiError: 404.
    """
    row = reader.visit(visit)
    if row is None:
        raise not_found("visit", f"there is no visit {visit}", "see /api/visits for those there are")
    return row
