"""Answers of an aggregator, as the view gets them."""

from __future__ import annotations

from typing import Any

import pytest

from aggregator.live.state import LiveState


def stats(agents: int = 2, cameras: int = 2, *, links: int = 20, there: bool = True, **live: float) -> dict[str, Any]:
    numbers = {"fps": 9.7, "latency_s": 0.041, "people": 2, "up": 1.0, **live}
    return {
        "time": "2026-03-01T12:01:16.000Z", "people_now": 3, "identities_active": 4,
        "agents": [{"agent": f"box{a}", "software": "0.1.0", "run": "r", "first_seen": "2026-03-01T11:00:00.000Z",
                    "last_seen": "2026-03-01T12:00:41.000Z", "connected": there, "clock_skew_s": 0.01,
                    "spool": {"depth": 0}} for a in range(agents)],
        "cameras": [{"camera": f"camera {a}-{c}", "agent": f"box{a}", "live": numbers if there else None}
                    for a in range(agents) for c in range(cameras)],
        "store": {"visits": 104, "identities": 31, "events": 412, "cameras": 4, "agents": 2, "decisions": 1},
        "recent": [{"visit": 90 - n, "camera": "camera 0-1", "global_id": f"G{n + 1}", "operation": "link",
                    "confidence": 0.93, "time": f"2026-03-01T12:00:{59 - n:02}.000Z"} for n in range(links)],
        "engine": {"uptime_s": 75.0, "problem": None},
    }


def events(count: int = 30) -> list[dict[str, Any]]:
    return [{"event": n, "time": "2026-03-01T12:00:30.000Z", "camera": "camera 0-0", "kind": "track_started",
             "track": n, "visit": None, "global_id": None} for n in range(count)]


@pytest.fixture(name="stats")
def _stats():
    return stats


@pytest.fixture(name="events")
def _events():
    return events


@pytest.fixture
def empty() -> LiveState:
    return LiveState(url="http://127.0.0.1:8600")
