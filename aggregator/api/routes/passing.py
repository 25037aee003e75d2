"""Who passed one place and then another, and who was with somebody."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiohttp import web
from pydantic import Field

from aggregator.analytics.passing import company, passed
from aggregator.api import passing_shapes as shapes
from aggregator.api.access import Audit, Role
from aggregator.api.errors import not_found
from aggregator.api.keys import READERS
from aggregator.api.parameters import Between
from aggregator.api.registry import Registry
from aggregator.api.routes.identities import OneIdentity, found, merged
from aggregator.api.spans import Window
from aggregator.api.tables import MEDIA, AsTable, table
from aggregator.store.meetings import meetings
from aggregator.store.reader import StoreReader
from aggregator.store.stops import stops_at
from aggregator.visit import global_id
from common.clock import to_rfc3339

routes = Registry()


class PassedQuery(Window, AsTable):
    """From where to where, how quickly and when."""

    first: str = Field(max_length=400, description="camera, or CAMERA/ZONE, that was passed first")
    then: str = Field(max_length=400, description="camera, or CAMERA/ZONE, that was come to after that")
    within_s: float = Field(default=600.0, ge=0, le=1e7, allow_inf_nan=False, description=
                            "at most so many seconds from leaving the one to coming to the other")
    label: str | None = Field(default=None, max_length=200, description="only this class, such as person")
    limit: int = Field(default=200, ge=1, le=10_000, description="so many, the latest first")


class CompanyQuery(OneIdentity, Between, AsTable):
    """Whose company, and what counts as being with somebody."""

    slack_s: float = Field(default=3.0, ge=0, le=3600, description=
                           "who comes or goes so many seconds before or after counts as being there too")
    min_times: int = Field(default=1, ge=1, le=1000, description="at least at so many visits together")
    limit: int = Field(default=50, ge=1, le=1000, description="so many at most")


@routes.add("GET", "/api/passages", tag="identities", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=PassedQuery, answer=shapes.PassageTable, media=MEDIA, errors=(404, 406))
async def list_passages(request: web.Request, query: PassedQuery) -> Any:
    """Who passed one place, and then another within a time.

    Latest arrival first. What lies between does not matter. By global id; the time asked for is that of arriving.
    """
    since, until = query.span(request)

    def ask(reader: StoreReader) -> shapes.PassageTable:
        for field, place in (("first", query.first), ("then", query.then)):
            known_place(reader, field, place)
        stops = stops_at(reader, query.first, 0, since - query.within_s, until, query.label)
        if query.then != query.first:
            stops += stops_at(reader, query.then, 1, since - query.within_s, until, query.label)
        moves = passed(stops, 0, int(query.then != query.first), query.within_s)
        kept = np.flatnonzero((moves.arrived >= since) & (moves.arrived < until))[::-1][:query.limit]
        rows: list[shapes.PassageRow] = [{
            "global_id": global_id(int(moves.who[k])), "came": to_rfc3339(float(moves.came[k])),
            "left": to_rfc3339(float(moves.left[k])), "arrived": to_rfc3339(float(moves.arrived[k])),
            "transit_s": round(float(moves.arrived[k] - moves.left[k]), 3),
        } for k in kept.tolist()]
        return {"since": to_rfc3339(since), "until": to_rfc3339(until), "first": query.first, "then": query.then,
                "rows": rows}

    return table(request, query, "passages", await request.app[READERS].ask(ask), shapes.PassageRow)


@routes.add("GET", "/api/identities/{id}/company", tag="identities", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=CompanyQuery, answer=shapes.CompanyTable, media=MEDIA, errors=(404, 406))
async def get_company(request: web.Request, query: CompanyQuery) -> Any:
    """Who was with somebody.

    Those who were in view of the same camera at the same time; first who was so at most cameras, then for longest.
    People who share a bench are near the top too: being seen together at several cameras says more than for long.
    """
    def ask(reader: StoreReader) -> shapes.CompanyTable:
        row = found(reader, query.id)
        who, visit, place, start, end, names = meetings(reader, row.identity, query.slack_s, query.since, query.until)
        near = [one for one in company(who, visit, place, start, end) if one.times >= query.min_times]
        rows: list[shapes.CompanyRow] = [{
            "global_id": global_id(one.who), "times": one.times, "cameras": one.places,
            "where": ", ".join(sorted({names[k] for k in place[who == one.who].tolist()})),
            "seconds": round(one.seconds, 3), "first": to_rfc3339(one.first), "last": to_rfc3339(one.last),
        } for one in near[: query.limit]]
        return {"global_id": global_id(row.identity), "merged_into": merged(query.id, row), "rows": rows}

    return table(request, query, "company", await request.app[READERS].ask(ask), shapes.CompanyRow)


def known_place(reader: StoreReader, field: str, place: str) -> None:
    """Whether there is such a camera, or zone of a camera.

    Raises:
        ApiError: 404.
    """
    if place in {row.camera for row in reader.cameras()}:
        return
    camera, _, zone = place.partition("/")
    if not reader.rows("SELECT 1 FROM places WHERE camera = :camera AND name = :zone AND kind = 'zone'",
                       {"camera": camera, "zone": zone}):
        raise not_found(field, f"there is no place '{place}'", "a camera, or CAMERA/ZONE: see /api/cameras, /api/zones")
