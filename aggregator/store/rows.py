"""What readers of the store get: plain frozen values. Times are UTC seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aggregator.visit import Operation, Rival, Visit
from common.tracklet import Path

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of an answer; `next` is the cursor to ask for those after them, None when there are none."""

    rows: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """An agent; `run` names its latest start."""

    agent: str
    software: str
    run: str
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRow:
    """A camera. Width and height in pixels of the view that paths are relative to, 0 while not known; `view` is its
    left and top in the source's own frame."""

    camera: str
    agent: str
    width: int
    height: int
    fps: float
    view: tuple[float, float]
    last_seen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRow:
    """A visit; `certainty` is the confidence of the link that gave it its `identity`."""

    visit: int
    agent: str
    camera: str
    run: str
    track: int
    start: float
    end: float
    label: str
    frames: int
    parts: int
    final: bool
    confidence: float
    model: str
    attributes: dict[str, str | float]
    identity: int | None
    certainty: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A visit of an identity; `certainty` as in `VisitRow`."""

    visit: int
    start: float
    certainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRow:
    """An identity and what is known of it: number of visits, first and last sight, cameras by name.

    In a list that was asked for with a time window or a camera, only visits within these count.
    """

    identity: int
    label: str
    created: float
    visits: int
    first: float
    last: float
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leg:
    """One visit of a trajectory, with its whole path."""

    visit: VisitRow
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an identity was seen last.

    Attributes:
        visit: its latest visit.
        time: of the latest sight.
        box: xyxy as shares of the camera's view, None when the visit has no path.
        here: it has not left, as far as is known.
    """

    visit: VisitRow
    time: float
    box: tuple[float, float, float, float] | None
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathPoints:
    """Path points of many visits.

    Attributes:
        visits: (n,) int64, whose point it is.
        times: (n,) float64.
        boxes: (n, 4) float32, xyxy as shares of the camera's view.
    """

    visits: NDArray[np.int64]
    times: NDArray[np.float64]
    boxes: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something that happened in a camera; `visit` and `identity` of its track as they are known now."""

    event: int
    time: float
    camera: str
    run: str
    kind: str
    track: int
    visit: int | None
    identity: int | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One decision as it was written; see `aggregator.visit.Decision`. `settings` is the digest of linking's."""

    entry: int
    time: float
    operation: Operation
    visit: int
    identity: int
    other: int
    score: float
    confidence: float
    rivals: tuple[Rival, ...]
    reason: dict[str, float | str]
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitEmbeddings:
    """What a visit looked like to the network `model`.

    Attributes:
        mean: (d,) float32, unit length; (0,) when nothing was embedded.
        exemplars: (k, d) float32, unit rows.
        times: (k,) float64.
        quality: (k,) float32 in [0, 1].
    """

    visit: int
    model: str
    mean: NDArray[np.float32]
    exemplars: NDArray[np.float32]
    times: NDArray[np.float64]
    quality: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredVisit:
    """A visit as linking needs it when the aggregator starts again."""

    visit: Visit
    identity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much the store holds."""

    visits: int
    identities: int
    events: int
    cameras: int
    agents: int
    decisions: int
