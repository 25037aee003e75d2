"""The store's rows → the answers' shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from aggregator.api import shapes
from aggregator.store.rows import CameraRow, EventRow, IdentityRow, Place, VisitRow
from aggregator.visit import global_id
from common.clock import to_rfc3339
from common.geometry import foot_points
from common.tracklet import Path


def name(identity: int | None) -> str | None:
    """The global id as people see it, null for none."""
    return None if identity is None else global_id(identity)


def camera(row: CameraRow, live: Mapping[str, float] | None) -> shapes.Camera:
    """A camera with the numbers of its agent's latest heartbeat."""
    return {
        "camera": row.camera, "agent": row.agent, "width": row.width, "height": row.height, "fps": row.fps,
        "view": list(row.view), "last_seen": to_rfc3339(row.last_seen), "preview": bool(live and live.get("preview")),
        "live": None if live is None else dict(live),
    }


def event(row: EventRow) -> shapes.Event:
    """An event."""
    return {
        "event": row.event, "time": to_rfc3339(row.time), "camera": row.camera, "run": row.run, "kind": row.kind,
        "track": row.track, "visit": row.visit, "global_id": name(row.identity), "data": row.data,
    }


def identity(row: IdentityRow) -> shapes.Identity:
    """An identity."""
    return {
        "global_id": global_id(row.identity), "label": row.label, "created": to_rfc3339(row.created),
        "first_seen": to_rfc3339(row.first), "last_seen": to_rfc3339(row.last), "visits": row.visits,
        "cameras": list(row.cameras),
    }


def visit(row: VisitRow) -> shapes.Visit:
    """A visit without its path."""
    return {
        "visit": row.visit, "camera": row.camera, "agent": row.agent, "run": row.run, "track": row.track,
        "start": to_rfc3339(row.start), "end": to_rfc3339(row.end), "final": row.final, "label": row.label,
        "frames": row.frames, "detection": round(row.confidence, 4), "global_id": name(row.identity),
        "confidence": _share(row.certainty), "attributes": row.attributes,
    }


def leg(row: VisitRow, path: Path) -> shapes.Leg:
    """A visit with its path, as D1 asks for it."""
    boxes = path.boxes.astype(np.float64).round(5)
    return {
        "camera": row.camera, "visit": row.visit, "start": to_rfc3339(row.start), "end": to_rfc3339(row.end),
        "confidence": _share(row.certainty), "frames": path.frames.tolist(), "timestamps": times(path.times),
        "boxes": boxes.tolist(), "feet": foot_points(boxes).round(5).tolist(),
    }


def where(asked: int, place: Place) -> shapes.Where:
    """Where identity `asked` is; the place is that of the identity it is now."""
    row, box = place.visit, place.box
    now = row.identity if row.identity is not None else asked
    return {
        "global_id": global_id(now), "merged_into": global_id(now) if now != asked else None, "here": place.here,
        "camera": row.camera, "visit": row.visit, "since": to_rfc3339(row.start), "last_seen": to_rfc3339(place.time),
        "box": None if box is None else [round(float(side), 5) for side in box],
        "foot": None if box is None else [round((box[0] + box[2]) / 2, 5), round(float(box[3]), 5)],
        "confidence": _share(row.certainty),
    }


def times(seconds: Iterable[float]) -> list[str]:
    """UTC seconds as RFC 3339."""
    return [to_rfc3339(float(moment)) for moment in seconds]


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The entries that are numbers."""
    return {key: float(value) for key, value in values.items() if isinstance(value, int | float)}


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
