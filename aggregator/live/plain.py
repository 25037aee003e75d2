"""`PlainLines`: the same as lines of text, for logs and pipes: every link once, and now and then how things stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator.live.state import LiveState
from aggregator.live.words import clock, latency

STATUS_S = 10.0


class PlainLines:
    """Turns states into lines; says nothing twice."""

    def __init__(self) -> None:
        self._told: set[tuple[Any, ...]] = set()
        self._status_at = float("-inf")
        self._problem: str | None = None

    def after(self, state: LiveState, now: float) -> list[str]:
        """The lines that `state` adds; `now` in seconds of any steady clock."""
        lines = self._trouble(state)
        if state.stats is None or state.problem:
            return lines
        recent = {_key(link): link for link in reversed(state.stats["recent"])}
        lines += [_link(link) for key, link in recent.items() if key not in self._told]
        self._told = set(recent)  # what has fallen out of the list does not come back
        if now - self._status_at >= STATUS_S:
            self._status_at = now
            lines.append(_status(state.stats))
        return lines

    def _trouble(self, state: LiveState) -> list[str]:
        if state.problem == self._problem:
            return []
        self._problem = state.problem
        if state.problem is None:
            return [f"{state.url} answers again"]
        return [state.problem + (f" ({state.cure})" if state.cure else "")]


def _key(link: Mapping[str, Any]) -> tuple[Any, ...]:
    return link["time"], link["visit"], link["operation"], link["global_id"]


def _link(link: Mapping[str, Any]) -> str:
    words = {"new": "is new in", "link": "came to", "merge": "was merged, last seen in", "split": "was split off in",
             "retract": "is no longer in"}
    what = words.get(link["operation"], link["operation"])
    return (f"{clock(link['time'])}  {link['global_id']} {what} {link['camera']} (visit {link['visit']}, "
            f"{link['confidence'] * 100:.0f} %)")


def _status(stats: Mapping[str, Any]) -> str:
    cameras = ", ".join(
        f"{camera['camera']} {camera['live'].get('fps', 0):.1f} fps {latency(camera['live'].get('latency_s'))} "
        f"{camera['live'].get('people', 0):.0f} people" if camera["live"] else f"{camera['camera']} silent"
        for camera in stats["cameras"])
    return (f"{clock(stats['time'])}  {stats['people_now']} people now, {stats['identities_active']} identities active;"
            f" {cameras or 'no camera yet'}")
