"""Zones and lines: as they are set, who is in them, and what they have counted."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field, field_validator

from aggregator.analytics.tally import Tally, edges_of
from aggregator.api import analytics_shapes as shapes
from aggregator.api.access import Audit, Role
from aggregator.api.binding import Parameters, bind_body
from aggregator.api.inside import inside_now
from aggregator.api.keys import DRAW, ENGINE, READERS
from aggregator.api.registry import Registry
from aggregator.api.routes.cameras import OneCamera, known_camera, the_camera
from aggregator.api.spans import Stepped, Window
from aggregator.api.tables import MEDIA, AsTable, table
from aggregator.store.counts import CountReader
from aggregator.store.raw_counts import Kind, Place
from aggregator.store.reader import StoreReader
from common.clock import to_rfc3339
from common.messages import MAX_PLACES
from common.places import Line, Zone
from common.places.shapes import one_name_each

routes = Registry()


class CameraFilter(Parameters):
    """One camera, or all."""

    camera: str | None = Field(default=None, max_length=200, description="only this camera")


class Counted(CameraFilter, AsTable):
    """What every table of counts can be asked for."""

    label: str | None = Field(default=None, max_length=200, description="only this class, such as person")


class PlacesBody(Parameters):
    """All zones and lines of a camera."""

    zones: tuple[Zone, ...] = Field(default=(), max_length=MAX_PLACES, description="zones; names differ")
    lines: tuple[Line, ...] = Field(default=(), max_length=MAX_PLACES, description="lines; names differ")

    @field_validator("zones", "lines")
    @classmethod
    def _named_once(cls, places: Any) -> Any:
        one_name_each(places)
        return places


class ZonesQuery(Counted, Window):
    """Which zones, and when."""

    zone: str | None = Field(default=None, max_length=200, description="only zones of this name")


class LinesQuery(Counted, Window):
    """Which lines, and when."""

    line: str | None = Field(default=None, max_length=200, description="only lines of this name")


class FootfallQuery(Counted, Stepped):
    """Which places, when, and in which steps."""

    kind: Kind = Field(default="camera", description="whole cameras, zones or lines")
    name: str | None = Field(default=None, max_length=200, description="only the zone or line of this name")


@routes.add("GET", "/api/zones", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=CameraFilter, answer=shapes.Zones, errors=(404,))
async def list_zones(request: web.Request, query: CameraFilter) -> shapes.Zones:
    """Zones and lines, and how many are in the zones now.

    As the agents announced them. Somebody is in a zone as long as their track has not ended and their agent speaks;
    when the agent is gone, for another half minute.
    """
    here = inside_now(request)

    def ask(reader: StoreReader) -> shapes.Zones:
        known_camera(reader, query.camera)
        counts = CountReader(reader)
        people = here(reader, query.camera, None)
        zones: list[shapes.ZoneNow] = []
        lines: list[shapes.LineSet] = []
        for row in counts.places(query.camera):
            place, shape = row.place, row.shape
            if place.kind == "line":
                lines.append({"camera": place.camera, "line": place.name, "points": shape["points"],
                              "forward": shape["forward"], "backward": shape["backward"]})
                continue
            inside = people.get(place, [])
            zones.append({
                "camera": place.camera, "zone": place.name, "polygon": shape["polygon"],
                "dwell_s": shape.get("dwell_s"), "now": len(inside),
                "longest_s": max((round(max(0.0, who.seen - who.entered), 3) for who in inside), default=None)})
        return {"zones": zones, "lines": lines}

    return await request.app[READERS].ask(ask)


@routes.add("PUT", "/api/cameras/{camera}/places", tag="places", role=Role.OPERATOR, audit=Audit.ALWAYS,
            parameters=OneCamera, body=PlacesBody, answer=shapes.Drawn, errors=(404,))
async def put_places(request: web.Request, query: OneCamera) -> shapes.Drawn:
    """Draw a camera's zones and lines.

    They take the place of all that it has, also of those in its agent's file, and are sent to the agent, which counts
    with them from then on and keeps them. Who is in a zone that goes leaves it; one that stays as it was counts on.
    What was counted in zones that are gone stays. An agent that is set to take none (`counting.drawn`) goes on as it
    is: /api/zones tells what is in force.
    """
    body: PlacesBody = await bind_body(PlacesBody, request)
    row = await request.app[READERS].ask(the_camera, query.camera)
    await request.app[READERS].work(lambda: request.app[DRAW](row.camera, row.agent, (body.zones, body.lines)))
    agents = request.app[ENGINE].stats().get("agents", {})
    return {"camera": row.camera, "agent": row.agent, "zones": len(body.zones), "lines": len(body.lines),
            "connected": bool(agents.get(row.agent, {}).get("connected", False))}


@routes.add("GET", "/api/analytics/zones", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=ZonesQuery, answer=shapes.ZoneTable, media=MEDIA,
            errors=(404, 406))
async def get_zones(request: web.Request, query: ZonesQuery) -> Any:
    """Each zone's entries, exits, dwell and peak.

    Entries less exits are those inside: who is first seen inside has entered (`appeared`), who is last seen inside has
    left (`vanished`). Zones that were set once and are not any more are there as long as their counts are.
    """
    since, until = query.span(request)
    here = inside_now(request)

    def ask(reader: StoreReader) -> shapes.ZoneTable:
        counts, cameras = CountReader(reader), names(reader, query.camera)
        tallies = _tallies(reader, query, cameras, "zone", query.zone, since, until)
        people = here(reader, query.camera, query.zone)
        for row in counts.places(query.camera):
            if row.place.kind == "zone" and query.zone in (None, row.place.name):
                tallies.setdefault(row.place, Tally.empty(1))
        return {**_span(since, until), "rows": [{
            "camera": place.camera, "zone": place.name, "now": len(people.get(place, [])),
            "entries": int(tally.entries[0]), "exits": int(tally.exits[0]), "appeared": int(tally.appeared[0]),
            "vanished": int(tally.vanished[0]), "mean_dwell_s": mean_dwell(tally, 0),
            "max_dwell_s": longest_dwell(tally, 0), "peak": int(tally.peak[0]),
            "mean_people": mean_people(tally, 0, until - since),
        } for place, tally in sorted(tallies.items())]}

    return table(request, query, "zones", await request.app[READERS].ask(ask), shapes.ZoneRow)


@routes.add("GET", "/api/analytics/lines", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=LinesQuery, answer=shapes.LineTable, media=MEDIA,
            errors=(404, 406))
async def get_lines(request: web.Request, query: LinesQuery) -> Any:
    """How often each line was crossed, either way."""
    since, until = query.span(request)

    def ask(reader: StoreReader) -> shapes.LineTable:
        counts, cameras = CountReader(reader), names(reader, query.camera)
        tallies = _tallies(reader, query, cameras, "line", query.line, since, until)
        words = {}
        for row in counts.places(query.camera):
            if row.place.kind == "line" and query.line in (None, row.place.name):
                tallies.setdefault(row.place, Tally.empty(1))
                words[row.place] = row.shape
        return {**_span(since, until), "rows": [{
            "camera": place.camera, "line": place.name, "forward": int(tally.entries[0]),
            "backward": int(tally.exits[0]), "net": int(tally.entries[0] - tally.exits[0]),
            "forward_name": words.get(place, {}).get("forward", "in"),
            "backward_name": words.get(place, {}).get("backward", "out"),
        } for place, tally in sorted(tallies.items())]}

    return table(request, query, "lines", await request.app[READERS].ask(ask), shapes.LineRow)


@routes.add("GET", "/api/analytics/footfall", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=FootfallQuery, answer=shapes.FootfallTable,
            media=MEDIA, errors=(404, 406))
async def get_footfall(request: web.Request, query: FootfallQuery) -> Any:
    """Who came and went, minute by minute, hour by hour or day by day.

    Of a camera: the visits that began and ended, and how many people were in view. Every step of the time is there,
    also those in which nothing happened; the first and the last may be cut by `since` and `until`.
    """
    edges = query.edges(request)

    def ask(reader: StoreReader) -> shapes.FootfallTable:
        cameras = names(reader, query.camera)
        tallies = CountReader(reader).tallies(edges, cameras=cameras, kind=query.kind, name=query.name,
                                              label=query.label or "")
        known = [Place(camera, "camera") for camera in cameras] if query.kind == "camera" else [
            row.place for row in CountReader(reader).places(query.camera)
            if row.place.kind == query.kind and query.name in (None, row.place.name)]
        for place in known:
            tallies.setdefault(place, Tally.empty(len(edges) - 1))
        times = [to_rfc3339(float(edge)) for edge in edges]
        return {**_span(float(edges[0]), float(edges[-1])), "step": query.step, "rows": [{
            "start": times[i], "end": times[i + 1], "camera": place.camera, "kind": place.kind, "name": place.name,
            "entries": int(tally.entries[i]), "exits": int(tally.exits[i]), "peak": int(tally.peak[i]),
            "mean_people": mean_people(tally, i, float(edges[i + 1] - edges[i])),
            "mean_dwell_s": mean_dwell(tally, i), "max_dwell_s": longest_dwell(tally, i),
        } for place, tally in sorted(tallies.items()) for i in range(len(tally))]}

    return table(request, query, "footfall", await request.app[READERS].ask(ask), shapes.FootfallRow)


def names(reader: StoreReader, camera: str | None) -> list[str]:
    """The cameras asked for.

    Raises:
        ApiError: 404, there is none of that name.
    """
    known_camera(reader, camera)
    return [camera] if camera is not None else [row.camera for row in reader.cameras()]


def _tallies(reader: StoreReader, query: Counted, cameras: list[str], kind: Kind, name: str | None, since: float,
             until: float) -> dict[Place, Tally]:
    return CountReader(reader).tallies(edges_of(since, until, None), cameras=cameras, kind=kind, name=name,
                                       label=query.label or "")


def _span(since: float, until: float) -> shapes.Span:
    return {"since": to_rfc3339(since), "until": to_rfc3339(until)}


def mean_dwell(tally: Tally, i: int) -> float | None:
    """Mean of the stays that ended in bucket `i`, seconds; None when there were none."""
    many = int(tally.dwells[i])
    return round(float(tally.dwell_s[i]) / many, 3) if many else None


def longest_dwell(tally: Tally, i: int) -> float | None:
    """The longest of them."""
    return round(float(tally.dwell_most[i]), 3) if tally.dwells[i] else None


def mean_people(tally: Tally, i: int, seconds: float) -> float:
    """People there, averaged over bucket `i`, which is so long."""
    return round(float(tally.person_s[i]) / seconds, 4) if seconds > 0 else 0.0
