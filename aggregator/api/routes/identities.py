"""Who was seen, where they went, and why we think so."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from aggregator.api import shapes, shaping
from aggregator.api.access import Audit, Role
from aggregator.api.binding import Parameters
from aggregator.api.errors import not_found
from aggregator.api.keys import CLOCK, ENGINE, READERS
from aggregator.api.parameters import Between, GlobalId, Paged
from aggregator.api.registry import Registry
from aggregator.api.routes.cameras import known_camera
from aggregator.api.tables import MEDIA, AsTable, table
from aggregator.api.why import reasons
from aggregator.store.reader import StoreReader
from aggregator.store.rows import IdentityRow
from aggregator.visit import global_id

routes = Registry()


class IdentitiesQuery(Between, Paged, AsTable):
    """Filters of the list."""

    camera: str | None = Field(default=None, max_length=200, description="only visits to this camera count")
    label: str | None = Field(default=None, max_length=200, description="class, such as person or car")
    min_visits: int = Field(default=1, ge=1, le=1_000_000, description="at least so many visits")


class OneIdentity(Parameters):
    """One identity."""

    id: GlobalId = Field(description="global id; one that was merged leads to the identity it is now")


class IdentityBetween(OneIdentity, Between):
    """One identity in a stretch of time."""


@routes.add("GET", "/api/identities", tag="identities", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=IdentitiesQuery, answer=shapes.Identities, media=MEDIA, errors=(404, 406))
async def list_identities(request: web.Request, query: IdentitiesQuery) -> Any:
    """Identities, latest seen first.

    With a stretch of time or a camera, only the visits within count: an identity is listed when it has enough of those.
    """
    def ask(reader: StoreReader) -> shapes.Identities:
        known_camera(reader, query.camera)
        page = reader.identities(since=query.since, until=query.until, camera=query.camera, label=query.label,
                                 min_visits=query.min_visits, limit=query.limit, cursor=query.cursor)
        return {"identities": [shaping.identity(row) for row in page.rows], "next": page.next}

    return table(request, query, "identities", await request.app[READERS].ask(ask), shapes.Identity, "identities")


@routes.add("GET", "/api/identities/{id}", tag="identities", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=OneIdentity, answer=shapes.IdentityDetail, errors=(404,))
async def get_identity(request: web.Request, query: OneIdentity) -> shapes.IdentityDetail:
    """One identity, by any id it ever had."""
    def ask(reader: StoreReader) -> shapes.IdentityDetail:
        row = found(reader, query.id)
        return {**shaping.identity(row), "asked": global_id(query.id), "merged_into": merged(query.id, row),
                "also": [global_id(number) for number in reader.aliases(row.identity)]}

    return await request.app[READERS].ask(ask)


@routes.add("GET", "/api/identities/{id}/trajectory", tag="identities", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=IdentityBetween, answer=shapes.Trajectory, errors=(404,))
async def get_trajectory(request: web.Request, query: IdentityBetween) -> shapes.Trajectory:
    """The way of one identity through the cameras.

    One entry a visit, in time order. Within it, frames, timestamps, boxes and feet run in step, about two a second.
    """
    def ask(reader: StoreReader) -> shapes.Trajectory:
        row = found(reader, query.id)
        legs = reader.trajectory(row.identity, query.since, query.until)
        return {"global_id": global_id(row.identity), "merged_into": merged(query.id, row),
                "trajectory": [shaping.leg(leg.visit, leg.path) for leg in legs]}

    return await request.app[READERS].ask(ask)


@routes.add("GET", "/api/identities/{id}/where", tag="identities", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=OneIdentity, answer=shapes.Where, errors=(404,))
async def get_where(request: web.Request, query: OneIdentity) -> shapes.Where:
    """Where one identity is now, or was seen last.

    It counts as being there as long as its track has not ended and the camera's agent speaks; when the agent is gone,
    for another half minute.
    """
    now = request.app[CLOCK].now()
    agents = request.app[ENGINE].stats().get("agents", {})

    def ask(reader: StoreReader) -> shapes.Where:
        row = found(reader, query.id)
        place = reader.where(row.identity, now)
        if place is None:
            raise not_found("id", f"{global_id(row.identity)} has no visit any more",
                            f"its history: /api/identities/{global_id(row.identity)}/why")
        answer = shaping.where(query.id, place)
        # A recording that is replayed has times of its own, so an agent's word counts for more than the clock.
        runs = {agent.agent: agent.run for agent in reader.agents()}
        visit = place.visit
        speaks = agents.get(visit.agent, {}).get("connected", False) and runs.get(visit.agent) == visit.run
        answer["here"] = place.here or (speaks and not visit.final)
        return answer

    return await request.app[READERS].ask(ask)


@routes.add("GET", "/api/identities/{id}/why", tag="identities", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=OneIdentity, answer=shapes.Why, errors=(404,))
async def get_identity_why(request: web.Request, query: OneIdentity) -> shapes.Why:
    """Why these visits are one identity.

    Every decision that led to it, oldest first, with its rivals and the reason in words.
    """
    def ask(reader: StoreReader) -> shapes.Why:
        row = found(reader, query.id)
        return {"global_id": global_id(row.identity), "merged_into": merged(query.id, row),
                "entries": reasons(reader, reader.log(identity=row.identity))}

    return await request.app[READERS].ask(ask)


def found(reader: StoreReader, identity: int, field: str = "id") -> IdentityRow:
    """The identity that the parameter `field` names.

    Raises:
        ApiError: 404, there never was such a number.
    """
    row = reader.identity(identity)
    if row is None:
        raise not_found(field, f"there is no identity {global_id(identity)}", "see /api/identities for those there are")
    return row


def merged(asked: int, row: IdentityRow) -> str | None:
    """The id that `asked` goes by now, null when it is still its own."""
    return global_id(row.identity) if row.identity != asked else None
