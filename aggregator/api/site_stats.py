"""The site at this moment, from the engine's numbers and the store's."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from aggregator.api import shapes, shaping
from aggregator.api.access import caller, numbers_only
from aggregator.api.keys import CLOCK, ENGINE, READERS
from aggregator.store.reader import StoreReader
from aggregator.store.rows import AgentRow, CameraRow, Counts
from common.clock import to_rfc3339

_OWN_PLACE = frozenset({"agents", "cameras", "people_now", "identities_active", "recent"})


async def site_stats(app: web.Application) -> shapes.Stats:
    """What /api/stats answers and /api/ws/stats sends."""
    live, who = app[ENGINE].stats(), caller()
    agents, cameras, counts = await app[READERS].ask(_stored)
    heard: dict[str, Any] = live.get("agents", {})
    numbers = camera_numbers(live)
    return {
        "time": to_rfc3339(app[CLOCK].now()),
        "agents": [_agent(row, heard.get(row.agent, {})) for row in agents],
        "cameras": [shaping.camera(row, numbers.get(row.camera)) for row in cameras],
        "people_now": int(live.get("people_now", 0)),
        "identities_active": int(live.get("identities_active", 0)) if who.cameras is None else
        await app[READERS].ask(_active, app[CLOCK].now()),
        "store": {"visits": counts.visits, "identities": counts.identities, "events": counts.events,
                  "cameras": counts.cameras, "agents": counts.agents, "decisions": counts.decisions},
        "recent": [] if numbers_only() else list(live.get("recent", [])),
        "engine": {key: value for key, value in live.items() if key not in _OWN_PLACE},
    }


def camera_numbers(live: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The latest heartbeat's numbers of each camera whose agent is there."""
    return {camera: shaping.numbers(values) for camera, values in live.get("cameras", {}).items()}


def _stored(reader: StoreReader) -> tuple[list[AgentRow], list[CameraRow], Counts]:
    return reader.agents(), reader.cameras(), reader.counts()


def _active(reader: StoreReader, now: float) -> int:
    """People who are there now, of those that this reader sees."""
    return len({visit.identity for visit in reader.present(now) if visit.identity is not None})


def _agent(row: AgentRow, live: dict[str, Any]) -> shapes.Agent:
    skew = live.get("clock_skew_s")
    return {
        "agent": row.agent, "software": row.software, "run": row.run, "first_seen": to_rfc3339(row.first_seen),
        "last_seen": to_rfc3339(max(row.last_seen, float(live.get("last_seen", 0.0)))),
        "connected": bool(live.get("connected", False)), "clock_skew_s": None if skew is None else float(skew),
        "spool": shaping.numbers(live.get("spool", {})),
    }
