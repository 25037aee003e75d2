"""Who is in a zone at this moment."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from aggregator.api.keys import CLOCK, ENGINE
from aggregator.store.counts import CountReader, InsideRow
from aggregator.store.raw_counts import Place
from aggregator.store.reader import StoreReader

STALE_S = 30.0

Inside = Callable[[StoreReader, str | None, str | None], dict[Place, list[InsideRow]]]


def inside_now(request: web.Request) -> Inside:
    """A question for a reader: who is in the zones of a camera (or all) now, by zone, longest first.

    A recording that is replayed has times of its own, so an agent's word counts for more than the clock.
    """
    now = request.app[CLOCK].now()
    agents = request.app[ENGINE].stats().get("agents", {})

    def ask(reader: StoreReader, camera: str | None, zone: str | None) -> dict[Place, list[InsideRow]]:
        speaking = {row.run for row in reader.agents() if agents.get(row.agent, {}).get("connected", False)}
        found: dict[Place, list[InsideRow]] = {}
        for row in CountReader(reader).inside(camera, zone):
            if row.run in speaking or abs(now - row.seen) <= STALE_S:
                found.setdefault(row.place, []).append(row)
        return found

    return ask
