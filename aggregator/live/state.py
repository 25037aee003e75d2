"""`LiveState`: what the terminal view shows. Plain values; each answer of the aggregator makes a new state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

HISTORY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """The latest answers.

    Attributes:
        url: the aggregator's address.
        stats: answer of /api/stats; None before the first.
        events, alerts: of /api/events, newest first.
        people: people in each camera at the latest answers, oldest first, at most `HISTORY`.
        problem: why there is no fresh answer; None when there is.
        cure: what to do about it.
        silent_s: seconds since the latest answer.
    """

    url: str
    stats: Mapping[str, Any] | None = None
    events: Sequence[Mapping[str, Any]] = ()
    alerts: Sequence[Mapping[str, Any]] = ()
    people: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    problem: str | None = None
    cure: str | None = None
    silent_s: float = 0.0

    def after(self, stats: Mapping[str, Any], events: Sequence[Mapping[str, Any]],
              alerts: Sequence[Mapping[str, Any]] = ()) -> LiveState:
        """The state with a fresh answer."""
        people = {
            camera["camera"]: (*self.people.get(camera["camera"], ()), _people(camera))[-HISTORY:]
            for camera in stats["cameras"]
        }
        return replace(self, stats=stats, events=events, alerts=alerts, people=people, problem=None, cure=None,
                       silent_s=0.0)

    def silent(self, problem: str, cure: str | None, seconds: float) -> LiveState:
        """The state when no answer came; what was known stays."""
        return replace(self, problem=problem, cure=cure, silent_s=seconds)


def _people(camera: Mapping[str, Any]) -> int:
    live: Mapping[str, float] = camera["live"] or {}
    return round(live.get("people", 0))
