"""The learned map: ways between cameras, and their clocks."""

from __future__ import annotations

from aiohttp import web

from aggregator.api import topology_shapes as shapes
from aggregator.api.access import Audit, Role
from aggregator.api.binding import NoParameters
from aggregator.api.keys import CLOCK, ENGINE
from aggregator.api.registry import Registry
from common.clock import to_rfc3339

routes = Registry()


@routes.add("GET", "/api/topology", tag="site", role=Role.VIEWER, audit=Audit.NEVER, answer=shapes.Topology)
async def get_topology(request: web.Request, _query: NoParameters) -> shapes.Topology:
    """How cameras lie to one another, as people's walks have shown.

    Learned from links, as of the last repair; nobody needs to write it down.
    """
    site = request.app[ENGINE].site_map()
    return {
        "time": to_rfc3339(request.app[CLOCK].now()),
        "ways": [{
            "left": way.left, "entered": way.entered, "links": way.links, "share": way.share, "median_s": way.median,
            "low_s": way.low, "high_s": way.high, "overlap": way.overlap,
        } for way in site.ways],
        "cameras": [{"camera": clock.camera, "offset_s": clock.offset, "spread_s": clock.spread}
                    for clock in site.clocks],
    }
