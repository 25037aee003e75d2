"""The answers' shapes. They are plain dictionaries at run time; OpenAPI is written from these types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from aggregator.store.records import CorrectionOperation
from aggregator.visit import Operation

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Point = Annotated[list[float], Field(min_length=2, max_length=2, description="x, y; shares of the view, 0 to 1")]
Box = Annotated[list[float], Field(min_length=4, max_length=4,
                                   description="left, top, right, bottom; shares of the view, 0 to 1")]
Numbers = Annotated[dict[str, float], Field(description="numbers by name, as the agent reports them")]
Next = Annotated[str | None, Field(description="cursor of the next page; null on the last")]
GlobalId = Annotated[str, Field(description="such as G17")]


class Health(TypedDict):
    """The aggregator answers, and so does its store."""

    status: Literal["ok"]
    version: str
    time: Time
    notes: Annotated[list[str], Field(description="what works, but not as well as it should")]


class Ready(TypedDict):
    """Questions can be answered in full."""

    ready: Literal[True]


class Session(TypedDict):
    """Who asks: the token's name and role, and the only cameras it may see (null: all)."""

    name: str
    role: Literal["viewer", "operator", "admin"]
    cameras: list[str] | None


class Done(TypedDict):
    """It was done."""

    done: bool


class Forgotten(TypedDict):
    """What forgetting somebody took away.

    `going_on` counts tracks that had not ended: what cameras see of them from now on is somebody new. `entry` is the
    audit log's, with its hash.
    """

    global_id: GlobalId
    also: list[GlobalId]
    time: Time
    by: str
    removed: dict[str, int]
    going_on: int
    scrubbed: bool
    entry: int


class Camera(TypedDict):
    """A camera and what its agent says of it now."""

    camera: str
    agent: str
    width: Annotated[int, Field(description="pixels of the view; 0 while unknown")]
    height: int
    fps: Annotated[float, Field(description="nominal frames a second; 0 when unknown")]
    view: Annotated[list[float], Field(description="left and top of the view in the source's frame, pixels")]
    last_seen: Time
    preview: Annotated[bool, Field(description="its box lets people look at it: see /api/cameras/{camera}/frame")]
    live: Annotated[dict[str, float] | None,
                    Field(description="latest heartbeat: fps, latency_s, people …; null when the agent is silent")]


class Cameras(TypedDict):
    """All cameras of the site."""

    cameras: list[Camera]


class Agent(TypedDict):
    """A camera box."""

    agent: str
    software: str
    run: Annotated[str, Field(description="names its latest start")]
    first_seen: Time
    last_seen: Time
    connected: Annotated[bool, Field(description="heard of within the last seconds")]
    clock_skew_s: Annotated[float | None, Field(description="its clock minus ours, travel time included")]
    spool: Annotated[dict[str, float], Field(description="what waits on its disk: depth in messages, bytes …")]


class StoreCounts(TypedDict):
    """How much the store holds."""

    visits: int
    identities: int
    events: int
    cameras: int
    agents: int
    decisions: int


class RecentLink(TypedDict):
    """One of the latest decisions."""

    visit: int
    camera: str
    global_id: GlobalId
    operation: str
    confidence: float
    time: Time


class Stats(TypedDict):
    """The site at this moment."""

    time: Time
    agents: list[Agent]
    cameras: list[Camera]
    people_now: Annotated[int, Field(description="people in view, by the agents' heartbeats")]
    identities_active: Annotated[int, Field(description="identities whose latest visit has not ended")]
    store: StoreCounts
    recent: Annotated[list[RecentLink], Field(description="latest links, newest first")]
    engine: Annotated[dict[str, Any], Field(description="the engine's own counters")]


class Event(TypedDict):
    """Something that happened in one camera."""

    event: int
    time: Time
    camera: str
    run: str
    kind: Annotated[str, Field(description="track_started, track_ended, re_entered …")]
    track: Annotated[int, Field(description="local id; -1 for none")]
    visit: int | None
    global_id: str | None
    data: dict[str, Any]


class Events(TypedDict):
    """Events, newest first."""

    events: list[Event]
    next: Next


class Identity(TypedDict):
    """One person or vehicle. In a filtered list, only the visits that match count."""

    global_id: GlobalId
    label: str
    created: Time
    first_seen: Time
    last_seen: Time
    visits: int
    cameras: list[str]


class Identities(TypedDict):
    """Identities, latest seen first."""

    identities: list[Identity]
    next: Next


class IdentityDetail(Identity):
    """One identity, found by any id it ever had."""

    asked: Annotated[str, Field(description="the id that was asked for")]
    merged_into: Annotated[str | None, Field(description="the id it has now, when it was merged into another")]
    also: Annotated[list[str], Field(description="older names: ids that were merged into it")]


class Leg(TypedDict):
    """One visit of a trajectory; lists run in step, about two points a second."""

    camera: str
    visit: int
    start: Time
    end: Time
    confidence: Annotated[float | None, Field(description="probability that this visit is theirs")]
    frames: Annotated[list[int], Field(description="frame numbers in the camera's stream, from 0")]
    timestamps: list[Time]
    boxes: list[Box]
    feet: Annotated[list[Point], Field(description="middle of each box's lower edge")]


class Trajectory(TypedDict):
    """The way of one identity through the cameras, in time order."""

    global_id: GlobalId
    merged_into: str | None
    trajectory: list[Leg]


class Where(TypedDict):
    """Where one identity is, or was seen last."""

    global_id: GlobalId
    merged_into: str | None
    here: Annotated[bool, Field(description="it has not left the camera, as far as is known")]
    camera: str
    visit: int
    since: Annotated[Time, Field(description="when it came into this camera")]
    last_seen: Time
    box: Box | None
    foot: Point | None
    confidence: float | None


class Rival(TypedDict):
    """Another identity that the visit might have been."""

    global_id: GlobalId
    score: Annotated[float, Field(description="log-odds, natural logarithm")]
    probability: float
    words: Annotated[str, Field(description="why it lost")]


class SaidBy(TypedDict):
    """The correction that a decision came of."""

    correction: Annotated[int, Field(description="its number")]
    who: str
    operation: CorrectionOperation
    undone: Annotated[int | None, Field(description="number of the one that took it back; null: it stands")]


class Reason(TypedDict):
    """One decision of the log, in numbers and in words."""

    entry: int
    time: Time
    operation: Operation
    visit: int
    camera: Annotated[str | None, Field(description="the visit's camera; null when the visit is forgotten")]
    start: Annotated[Time | None, Field(description="when the visit began")]
    global_id: GlobalId
    other: Annotated[str | None, Field(description="the other identity of a merge or split")]
    score: Annotated[float, Field(description="log-likelihood ratio against the best rival or 'somebody new'")]
    confidence: float
    rivals: list[Rival]
    reason: Annotated[dict[str, float | str], Field(description="what carried it")]
    correction: Annotated[SaidBy | None, Field(description="who said so; null: linking decided")]
    words: Annotated[str, Field(description="the same as a sentence")]
    settings: Annotated[str, Field(description="digest of the linking settings in force")]


class Why(TypedDict):
    """Why visits are whose they are, oldest first."""

    global_id: str | None
    merged_into: str | None
    entries: list[Reason]


class Moved(TypedDict):
    """A visit that a correction moved from one identity to another."""

    visit: int
    before: GlobalId
    after: GlobalId


class Correction(TypedDict):
    """What a person said about who is who."""

    correction: Annotated[int, Field(description="its number")]
    time: Time
    who: Annotated[str, Field(description="the name that was given")]
    operation: CorrectionOperation
    note: str
    words: Annotated[str, Field(description="the same as a sentence")]
    moved: list[Moved]
    undoes: Annotated[int | None, Field(description="number of the correction that this one takes back")]
    undone: Annotated[int | None, Field(description="number of the one that took this one back; null: it stands")]


class Corrections(TypedDict):
    """Corrections, latest first."""

    corrections: list[Correction]
    next: Annotated[int | None, Field(description="`before` of the next page; null on the last")]


class Visit(TypedDict):
    """One passage through one camera."""

    visit: int
    camera: str
    agent: str
    run: str
    track: int
    start: Time
    end: Time
    final: Annotated[bool, Field(description="the track has ended")]
    label: str
    frames: int
    detection: Annotated[float, Field(description="mean confidence of the detector")]
    global_id: str | None
    confidence: Annotated[float | None, Field(description="probability that the visit is this identity's")]
    attributes: dict[str, str | float]


class Visits(TypedDict):
    """Visits, latest first."""

    visits: list[Visit]
    next: Next


class Exemplar(TypedDict):
    """When one embedding was taken, and how good its picture was."""

    time: Time
    quality: float


class VisitDetail(Visit):
    """A visit with its path."""

    model: Annotated[str, Field(description="fingerprint of the embedding network; empty when nothing was embedded")]
    path: Leg
    exemplars: list[Exemplar]


class Found(TypedDict):
    """One answer to a search."""

    global_id: str | None
    visit: int
    camera: str
    start: Time
    end: Time
    similarity: Annotated[float, Field(description="cosine, -1 to 1; compare within one model only")]


class Search(TypedDict):
    """The most alike, best first."""

    model: Annotated[str, Field(description="name of the embedding network")]
    fingerprint: str
    notice: Annotated[str | None, Field(description="what to know about this network's answers")]
    results: list[Found]


class Heatmap(TypedDict):
    """Person-seconds a cell."""

    camera: str
    since: Time | None
    until: Time
    half_life_s: float | None
    sigma: float
    width: int
    height: int
    points: Annotated[int, Field(description="path points that were counted")]
    person_seconds: Annotated[float, Field(description="their weight in all, before the Gaussian")]
    cells: Annotated[list[list[float]], Field(description="height rows of width numbers, from the left upper corner")]


class StreamMessage(TypedDict):
    """One message of a stream."""

    type: str
    dropped: Annotated[int, Field(description="messages lost so far because this reader was slow")]
    data: Annotated[dict[str, Any], Field(description="an event, a link, or the site's stats")]


class StatsMessage(TypedDict):
    """One message of /api/ws/stats."""

    type: Literal["stats"]
    dropped: Annotated[int, Field(description="messages lost so far because this reader was slow")]
    data: Stats


class PersonMark(TypedDict):
    """Somebody in a picture."""

    track: Annotated[int, Field(description="local id")]
    global_id: Annotated[str | None, Field(description="null as long as nobody knows")]
    box: Box


class PictureMessage(TypedDict):
    """What is known of a picture."""

    camera: str
    time: Time
    width: Annotated[int, Field(description="pixels of the JPEG")]
    height: int
    skipped: Annotated[int, Field(description="pictures left out so far because this reader was slow")]
    marks: list[PersonMark]
