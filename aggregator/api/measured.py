"""The metrics of this moment, of what the caller may see."""

from __future__ import annotations

from aiohttp import web

from aggregator.api.access import caller
from aggregator.api.keys import CLOCK, ENGINE, GUARD, MORE_METRICS, PREVIEWS, READERS, REQUESTS, STREAMS
from aggregator.metrics import METRICS, measure_agents, measure_engine, measure_store
from aggregator.store.reader import StoreReader
from aggregator.store.rows import Counts
from common import __version__
from common.metrics import Samples, measure_process


async def measured(app: web.Application) -> str:
    """As Prometheus reads it."""
    samples = Samples(METRICS)
    who, stats = caller(), app[ENGINE].stats()

    def stored(reader: StoreReader) -> tuple[Counts, set[str], int]:
        active = {visit.identity for visit in reader.present(app[CLOCK].now()) if visit.identity is not None}
        return reader.counts(), {row.agent for row in reader.agents()}, len(active)

    counts, agents, active = await app[READERS].ask(stored)
    samples.add("passage_release_info", 1, __version__)
    samples.add("passage_active_identities", active)
    measure_engine(samples, stats)
    measure_agents(samples, stats.get("agents", {}), agents)
    measure_store(samples, counts)
    if who.cameras is None:
        measure_process(samples)
        for (operation, status), count in app[REQUESTS].answered.items():
            samples.add("passage_http_requests_total", count, operation, status)
        for operation, seconds in app[REQUESTS].seconds.items():
            samples.add("passage_http_busy_seconds_total", seconds, operation)
        for code, count in app[GUARD].refused.items():
            samples.add("passage_http_refused_total", count, code)
        samples.add("passage_audit_entries_total", app[GUARD].looks)
        samples.add("passage_open_sockets", len(app[STREAMS]))
        samples.add("passage_picture_viewers", app[PREVIEWS].viewers)
        app[MORE_METRICS](samples)
    return samples.text()
