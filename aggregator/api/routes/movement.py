"""How people move between places, where it is crowded, and how long queues are."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from aiohttp import web
from pydantic import Field

from aggregator.analytics.congestion import HOURS_A_WEEK, against_usual
from aggregator.analytics.flow import Stops, flows, transitions
from aggregator.analytics.flow import routes as often_travelled
from aggregator.analytics.tally import Tally, tally_stays
from aggregator.api import analytics_shapes as shapes
from aggregator.api.access import Audit, Role
from aggregator.api.inside import inside_now
from aggregator.api.keys import CLOCK, READERS
from aggregator.api.registry import Registry
from aggregator.api.routes.zones import Counted, longest_dwell, mean_dwell, mean_people, names
from aggregator.api.spans import Stepped, Window
from aggregator.api.tables import MEDIA, AsTable, table
from aggregator.store.count_writer import HOUR
from aggregator.store.counts import CountReader
from aggregator.store.raw_counts import Place
from aggregator.store.reader import StoreReader
from aggregator.store.stops import read_stops
from common.clock import to_rfc3339

routes = Registry()
WEEKS = 4


class FlowQuery(Window, AsTable):
    """Which places, and when."""

    of: Literal["cameras", "zones"] = Field(default="cameras", description="what counts as a place")
    within_s: float = Field(default=3600.0, gt=0, le=1e7, allow_inf_nan=False, description=
                            "somebody who is away for longer than so many seconds begins a new trip")
    label: str | None = Field(default=None, max_length=200, description="only this class, such as person")
    camera: str | None = Field(default=None, max_length=200, description="only what begins, ends or passes there")


class GoingsQuery(FlowQuery):
    """Which goings, and whether routes too."""

    routes: int = Field(default=0, ge=0, le=1000, description=
                        "also so many routes, the most travelled first: both at the cost of one; in JSON only")


class RoutesQuery(FlowQuery):
    """Which routes."""

    limit: int = Field(default=50, ge=1, le=1000, description="so many routes, the most travelled first")
    least: int = Field(default=2, ge=1, le=12, description="fewest places of a route")


class CongestionQuery(Counted, Window):
    """Which cameras, and when."""

    busy: float = Field(default=1.5, gt=1, le=100, description="so many times the usual density is busy")
    slow: float = Field(default=0.7, gt=0, le=1, description="busy and below so much of the usual speed is congested")


class QueueQuery(Counted, Stepped):
    """Which zones are queues, and when."""

    zone: str | None = Field(default=None, max_length=200, description="only zones of this name")
    after_s: float = Field(default=5.0, ge=0, le=1e5, allow_inf_nan=False, description=
                           "who is in the zone for so many seconds stands in the queue; who walks through does not")


@routes.add("GET", "/api/analytics/flow", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=GoingsQuery, answer=shapes.FlowTable, media=MEDIA,
            errors=(404, 406))
async def get_flow(request: web.Request, query: GoingsQuery) -> Any:
    """How many went from where to where, and how long it took.

    By global id: a place seen several times in a row is one stop, and from each stop to the next is one going, counted
    when it arrives. Repairs of past links change the past's flow too.
    """
    since, until = query.span(request)

    def ask(reader: StoreReader) -> shapes.FlowTable:
        stops, places = _stops(reader, query, since, until + query.within_s * bool(query.routes))
        return {"since": to_rfc3339(since), "until": to_rfc3339(until), "rows": [{
            "origin": places[flow.origin], "destination": places[flow.destination], "people": flow.people,
            "median_s": round(flow.median_s, 3), "mean_s": round(flow.mean_s, 3), "min_s": round(flow.least_s, 3),
            "max_s": round(flow.most_s, 3),
        } for flow in flows(transitions(stops, query.within_s), since, until)
            if _touches(query.camera, places[flow.origin], places[flow.destination])],
            "routes": _routes(stops, places, query, since, until, query.routes) if query.routes else []}

    return table(request, query, "flow", await request.app[READERS].ask(ask), shapes.FlowRow)


@routes.add("GET", "/api/analytics/routes", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=RoutesQuery, answer=shapes.RouteTable,
            media=MEDIA, errors=(404, 406))
async def get_routes(request: web.Request, query: RoutesQuery) -> Any:
    """The ways that are often travelled, from place to place.

    A route is a whole trip that began in this time; a trip through more than 12 places counts by its first 12.
    """
    since, until = query.span(request)

    def ask(reader: StoreReader) -> shapes.RouteTable:
        stops, places = _stops(reader, query, since, until + query.within_s)
        return {"since": to_rfc3339(since), "until": to_rfc3339(until),
                "rows": _routes(stops, places, query, since, until, query.limit, query.least)}

    return table(request, query, "routes", await request.app[READERS].ask(ask), shapes.RouteRow)


def _stops(reader: StoreReader, query: FlowQuery, since: float, until: float) -> tuple[Stops, list[str]]:
    """What happened until then, and before `since` what trips began with."""
    names(reader, query.camera)
    return read_stops(reader, since - query.within_s, until, zones=query.of == "zones", label=query.label)


def _routes(stops: Stops, places: list[str], query: FlowQuery, since: float, until: float, limit: int,
            least: int = 2) -> list[shapes.RouteRow]:
    """So many of them, the most travelled first."""
    found = often_travelled(stops, query.within_s, since, until, least=least,
                            most=limit if query.camera is None else 100_000)
    rows: list[shapes.RouteRow] = []
    for way in found:
        way_names = [places[place] for place in way.places]
        if _touches(query.camera, *way_names) and len(rows) < limit:
            rows.append({"route": " > ".join(way_names), "stops": len(way_names), "people": way.people,
                         "median_s": round(way.median_s, 3)})
    return rows


@routes.add("GET", "/api/analytics/congestion", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=CongestionQuery,
            answer=shapes.CongestionTable, media=MEDIA, errors=(404, 406))
async def get_congestion(request: web.Request, query: CongestionQuery) -> Any:
    """How full and how slow it was each hour, against the usual of that hour.

    Usual is the mean of the same hour of the week in the four weeks before; where there is too little of that, of the
    same hour of the day in the fortnight before. Speed is told in heights of the walker's own box a second, so that
    near and far count alike.
    """
    since, until = query.span(request)
    first, last = int(since // HOUR), int(np.ceil(until / HOUR))
    first = max(first, last - WEEKS * HOURS_A_WEEK, 0)
    begin = max(0, first - WEEKS * HOURS_A_WEEK)
    now = request.app[CLOCK].now()

    def ask(reader: StoreReader) -> shapes.CongestionTable:
        cameras = names(reader, query.camera)
        edges = np.arange(begin, last + 1, dtype=np.float64) * HOUR
        rows: list[shapes.CongestionRow] = []
        if last > first:
            tallies = CountReader(reader).tallies(edges, cameras=cameras, kind="camera", label=query.label or "",
                                                  ways=True)
            seconds = np.clip(now - edges[:-1], 1.0, HOUR) if now >= edges[-2] else np.full(len(edges) - 1, 1.0 * HOUR)
            for camera in cameras:
                tally = tallies.get(Place(camera, "camera"), Tally.empty(last - begin))
                found = against_usual(tally.person_s, tally.walked, tally.walked_s, seconds, last - first, weeks=WEEKS)
                rows += [{
                    "start": to_rfc3339(float((first + i) * HOUR)), "camera": camera,
                    "density": round(float(found.density[i]), 4), "usual_density": _number(found.usual_density[i]),
                    "speed": _number(found.speed[i]), "usual_speed": _number(found.usual_speed[i]),
                    "level": found.level(i, query.busy, query.slow),
                } for i in range(last - first)]
        return {"since": to_rfc3339(float(first * HOUR)), "until": to_rfc3339(until), "rows": rows}

    return table(request, query, "congestion", await request.app[READERS].ask(ask), shapes.CongestionRow)


@routes.add("GET", "/api/analytics/queue", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=QueueQuery, answer=shapes.QueueTable, media=MEDIA,
            errors=(404, 406))
async def get_queue(request: web.Request, query: QueueQuery) -> Any:
    """How long queues are and how long people wait in them.

    A queue is a zone, and in it stands who has been there for `after_s` seconds.
    """
    edges = query.edges(request)
    here = inside_now(request)

    def ask(reader: StoreReader) -> shapes.QueueTable:
        names(reader, query.camera)
        rows: list[shapes.QueueRow] = []
        now: dict[str, int] = {}
        people = here(reader, query.camera, query.zone)
        times = [to_rfc3339(float(edge)) for edge in edges]
        for row in CountReader(reader).places(query.camera):
            place = row.place
            if place.kind != "zone" or query.zone not in (None, place.name):
                continue
            stays = CountReader(reader).stays(place, float(edges[0]), float(edges[-1]), query.label)
            queue, whole = tally_stays(stays.later(query.after_s), edges), tally_stays(
                stays[stays.left - stays.entered > query.after_s], edges)
            now[f"{place.camera}/{place.name}"] = sum(
                who.seen - who.entered >= query.after_s for who in people.get(place, []))
            rows += [{
                "start": times[i], "end": times[i + 1], "camera": place.camera, "zone": place.name,
                "mean_length": mean_people(queue, i, float(edges[i + 1] - edges[i])),
                "max_length": int(queue.peak[i]), "served": int(queue.exits[i]),
                "mean_wait_s": mean_dwell(whole, i), "max_wait_s": longest_dwell(whole, i),
            } for i in range(len(queue))]
        return {"since": times[0], "until": times[-1], "rows": rows, "now": now}

    return table(request, query, "queue", await request.app[READERS].ask(ask), shapes.QueueRow)


def _touches(camera: str | None, *places: str) -> bool:
    return camera is None or any(place == camera or place.startswith(f"{camera}/") for place in places)


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
