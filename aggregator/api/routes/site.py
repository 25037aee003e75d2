"""How the aggregator and the site are doing."""

from __future__ import annotations

from aiohttp import web

from aggregator.api import shapes
from aggregator.api.access import Audit, Role
from aggregator.api.binding import NoParameters
from aggregator.api.errors import ApiError
from aggregator.api.keys import CLOCK, ENGINE, READERS
from aggregator.api.measured import measured
from aggregator.api.registry import Media, Registry
from aggregator.api.site_stats import site_stats
from aggregator.linking.history import GOOD
from aggregator.store.reader import StoreReader
from common import __version__
from common.clock import to_rfc3339

METRICS_MEDIA = "text/plain"

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


@routes.add("GET", "/api/ready", tag="site", role=Role.PUBLIC, audit=Audit.NEVER,
            answer=shapes.Ready)
async def get_ready(request: web.Request, _query: NoParameters) -> shapes.Ready:
    """Whether questions can be answered in full.

    For whoever sends requests here: after a start, searches find everything only when the index is filled.
    """
    await request.app[READERS].ask(StoreReader.agents)
    stats = request.app[ENGINE].stats()
    if stats.get("problem") or not stats.get("alive", True):
        raise ApiError(503, "engine_stuck", "nothing can be stored", cure="see the aggregator's log")
    if stats.get("index_backlog", 0) < 0:
        raise ApiError(503, "starting", "the index over history is being filled", cure="wait a little")
    return {"ready": True}


@routes.add("GET", "/metrics", tag="site", role=Role.VIEWER, audit=Audit.NEVER,
            media=(METRICS_MEDIA,))
async def get_metrics(request: web.Request, _query: NoParameters) -> Media:
    """Numbers for Prometheus.

    Give Prometheus a viewer's token as `authorization`. One that sees some cameras only gets the numbers of these.
    """
    return Media(body=(await measured(request.app)).encode(), type=METRICS_MEDIA)


@routes.add("GET", "/api/stats", tag="site", role=Role.VIEWER, audit=Audit.PART,
            answer=shapes.Stats)
async def get_stats(request: web.Request, _query: NoParameters) -> shapes.Stats:
    """The site at this moment.

    Agents, cameras and people, the latest links, and how much is stored.
    """
    return await site_stats(request.app)
