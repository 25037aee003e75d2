"""Who may ask: only browsers that came here on purpose. And what every answer's headers say."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from aggregator.api.errors import ApiError
from aggregator.api.keys import SETTINGS

HEADERS = {
    # The docs page needs its own script and style, asks this server, and shows pictures it got from it as blobs.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
                               "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "passage",
}


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Every answer carries the headers above; a handler may have set its own."""
    for name, value in HEADERS.items():
        if name == "Server":
            response.headers[name] = value
        else:
            response.headers.setdefault(name, value)


@web.middleware
async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a foreign host name (DNS rebinding) and requests that a foreign page makes in a visitor's browser."""
    name = _name(request.host)
    if not _is_own(name, request.app[SETTINGS].hosts):
        raise ApiError(421, "unknown_host", f"this server is not known as '{name[:200]}'", field="Host",
                       cure="ask by its address, or add the name to 'hosts' in the aggregator's api settings")
    origin = request.headers.get("Origin")
    # A WebSocket is a GET that browsers let any page open, so it is guarded like a request that changes something.
    guarded = request.method not in ("GET", "HEAD") or "Upgrade" in request.headers
    if origin is not None and guarded and urlsplit(origin).netloc != request.host:
        raise ApiError(403, "foreign_origin", f"a page of '{origin[:200]}' may not ask this server", field="Origin",
                       cure="ask from a page of this server, or from a program")
    return await handler(request)


def _name(host: str) -> str:
    """`box.local:8600` → `box.local`; `[::1]:8600` → `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_own(name: str, hosts: tuple[str, ...]) -> bool:
    name = name.lower()
    if name == "localhost" or name.endswith(".localhost") or name in {host.lower() for host in hosts}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
