"""Forgetting somebody."""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import web

from aggregator.api import shapes
from aggregator.api.access import Audit, Role, caller
from aggregator.api.errors import ApiError, not_found
from aggregator.api.keys import ENGINE, GUARD
from aggregator.api.registry import Registry
from aggregator.api.routes.identities import OneIdentity
from aggregator.privacy.receipt import NobodyError
from aggregator.visit import global_id
from common.clock import to_rfc3339

PATIENCE_S = 600.0

routes = Registry()


@routes.add("POST", "/api/identities/{id}/forget", tag="privacy", role=Role.ADMIN, audit=Audit.ALWAYS,
            parameters=OneIdentity, answer=shapes.Forgotten, errors=(404,))
async def forget_identity(request: web.Request, query: OneIdentity) -> shapes.Forgotten:
    """Forget somebody for good.

    Takes their visits, embeddings, ways, events and decisions out of the store, out of what searches look through and
    out of the files' bytes, under every number they ever had. It cannot be undone. The answer is a receipt, which also
    stands in the audit log. The numbers are never used again.
    """
    future = request.app[ENGINE].forget(query.id)
    try:
        receipt = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), PATIENCE_S)
    except NobodyError as error:
        raise not_found("id", error.message, error.cure) from error
    except asyncio.TimeoutError:
        raise ApiError(503, "busy", "it is not done yet; it will be", cure="look at the aggregator's log") from None
    told = {"global_id": global_id(receipt.identity), "also": [global_id(number) for number in receipt.also],
            "removed": dict(receipt.removed), "going_on": receipt.going_on, "scrubbed": receipt.scrubbed}
    entry = await request.app[GUARD].write(request, caller(), "forgotten", orjson.dumps(told).decode())
    return {"global_id": global_id(receipt.identity), "also": [global_id(number) for number in receipt.also],
            "time": to_rfc3339(receipt.time), "by": caller().name, "removed": dict(receipt.removed),
            "going_on": receipt.going_on, "scrubbed": receipt.scrubbed, "entry": entry}
