"""The shapes of answers about places: zones, lines, footfall, flow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from aggregator.api.shapes import Point, Time

Seconds = Annotated[float, Field(description="seconds")]
Perhaps = Annotated[float | None, Field(description="null when nobody was there to measure")]


class ZoneNow(TypedDict):
    """A zone as it was set, and how many are in it."""

    camera: str
    zone: str
    polygon: list[Point]
    dwell_s: Annotated[float | None, Field(description="who stays so long causes an event")]
    now: Annotated[int, Field(description="people inside")]
    longest_s: Annotated[float | None, Field(description="how long the one who is there longest has been there")]


class LineSet(TypedDict):
    """A line as it was set."""

    camera: str
    line: str
    points: list[Point]
    forward: Annotated[str, Field(description="name of crossing from its left to its right")]
    backward: str


class Zones(TypedDict):
    """Zones and lines of all cameras, as their agents announced them."""

    zones: list[ZoneNow]
    lines: list[LineSet]


class Drawn(TypedDict):
    """What was drawn for a camera, and whom it was sent to."""

    camera: str
    agent: str
    connected: Annotated[bool, Field(description="whether the agent is there; otherwise it gets it when it is back")]
    zones: int
    lines: int


class Span(TypedDict):
    """The stretch of time that was counted."""

    since: Time
    until: Time


class ZoneRow(TypedDict):
    """A zone's numbers over the whole time."""

    camera: str
    zone: str
    now: Annotated[int, Field(description="people inside at this moment, whatever the time asked for")]
    entries: int
    exits: int
    appeared: Annotated[int, Field(description="of the entries: first seen inside")]
    vanished: Annotated[int, Field(description="of the exits: last seen inside")]
    mean_dwell_s: Annotated[float | None, Field(description="of the stays that ended in this time")]
    max_dwell_s: Perhaps
    peak: Annotated[int, Field(description="most people at one moment")]
    mean_people: Annotated[float, Field(description="people inside, averaged over the time")]


class ZoneTable(Span):
    """Zones."""

    rows: list[ZoneRow]


class LineRow(TypedDict):
    """A line's numbers over the whole time."""

    camera: str
    line: str
    forward: int
    backward: int
    net: Annotated[int, Field(description="forward less backward")]
    forward_name: str
    backward_name: str


class LineTable(Span):
    """Lines."""

    rows: list[LineRow]


class FootfallRow(TypedDict):
    """A place's numbers in one stretch of time."""

    start: Time
    end: Time
    camera: str
    kind: Annotated[Literal["camera", "zone", "line"], Field(description="what kind of place")]
    name: Annotated[str, Field(description="of the zone or line; empty for the camera")]
    entries: Annotated[int, Field(description="who came; of a line: forward")]
    exits: Annotated[int, Field(description="who went; of a line: backward")]
    peak: Annotated[int, Field(description="most people at one moment; 0 for a line")]
    mean_people: float
    mean_dwell_s: Perhaps
    max_dwell_s: Perhaps


class FootfallTable(Span):
    """Footfall, by place and then by time."""

    step: Literal["minute", "hour", "day"]
    rows: list[FootfallRow]


class FlowRow(TypedDict):
    """How many went from one place to another."""

    origin: Annotated[str, Field(description="camera, or camera/zone")]
    destination: str
    people: Annotated[int, Field(description="goings; one person may go several times")]
    median_s: Annotated[float, Field(description="transit time: start of the later stay less end of the earlier, "
                                                 "below 0 where views overlap")]
    mean_s: float
    min_s: float
    max_s: float


class RouteRow(TypedDict):
    """A sequence of places that is often travelled."""

    route: Annotated[str, Field(description="places joined by ' > '")]
    stops: int
    people: int
    median_s: Annotated[float, Field(description="from first sight to last")]


class FlowTable(Span):
    """Origins and destinations, the most travelled first."""

    rows: list[FlowRow]
    routes: Annotated[list[RouteRow], Field(description="as many as were asked for")]


class RouteTable(Span):
    """Routes, the most travelled first."""

    rows: list[RouteRow]


class CongestionRow(TypedDict):
    """A camera in one hour, against what is usual then."""

    start: Time
    camera: str
    density: Annotated[float, Field(description="people in view, averaged over the hour")]
    usual_density: Perhaps
    speed: Annotated[float | None, Field(description="heights of the walker's own box a second; 0.8 is a stroll")]
    usual_speed: Perhaps
    level: Literal["unknown", "quiet", "usual", "busy", "congested"]


class CongestionTable(Span):
    """Hour by hour, by camera."""

    rows: list[CongestionRow]


class QueueRow(TypedDict):
    """A queue in one stretch of time."""

    start: Time
    end: Time
    camera: str
    zone: str
    mean_length: float
    max_length: int
    served: Annotated[int, Field(description="people who left the queue")]
    mean_wait_s: Annotated[float | None, Field(description="of those who left it in this time, their whole stay")]
    max_wait_s: Perhaps


class QueueTable(Span):
    """Queues, by zone and then by time."""

    rows: list[QueueRow]
    now: Annotated[dict[str, int], Field(description="length at this moment, by camera/zone")]
