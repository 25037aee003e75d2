"""How the aggregator and the site are doing."""

from __future__ import annotations

from aiohttp import web

from aggregator.api import shapes
from aggregator.api.access import Audit, Role
from aggregator.api.binding import NoParameters
from aggregator.api.errors import ApiError
from aggregator.api.keys import CLOCK, ENGINE, READERS
from aggregator.api.registry import Registry
from aggregator.api.site_stats import site_stats
from aggregator.linking.history import GOOD
from aggregator.store.reader import StoreReader
from common import __version__
from common.clock import to_rfc3339

routes = Registry()


@routes.add("GET", "/api/health", tag="site", role=Role.PUBLIC, audit=Audit.NEVER,
            answer=shapes.Health)
async def get_health(request: web.Request, _query: NoParameters) -> shapes.Health:
    """Whether the aggregator works.

    It answers, its store can be read, and what agents send can be stored.
    """
    await request.app[READERS].ask(StoreReader.agents)
    stats = request.app[ENGINE].stats()
    problem = stats.get("problem")
    if problem:
        raise ApiError(503, "engine_stuck", f"nothing can be stored: {problem}", cure="see the aggregator's log")
    notes = [f"search finds {100 * found['recall_at_10']:.1f} % of the visits most alike (model {model})"
             for model, found in stats.get("index", {}).items() if found.get("recall_at_10", 1.0) < GOOD]
    return {"status": "ok", "version": __version__, "time": to_rfc3339(request.app[CLOCK].now()), "notes": notes}


@routes.add("GET", "/api/stats", tag="site", role=Role.VIEWER, audit=Audit.NEVER,
            answer=shapes.Stats)
async def get_stats(request: web.Request, _query: NoParameters) -> shapes.Stats:
    """The site at this moment.

    Agents, cameras and people, the latest links, and how much is stored.
    """
    return await site_stats(request.app)
