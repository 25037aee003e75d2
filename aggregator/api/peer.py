"""From which address, and how, a request came: what a proxy says counts only when the proxy is ours."""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web


def peer_of(request: web.Request, proxies: Collection[str]) -> str:
    """The address of who asks."""
    direct = request.remote or "unknown"
    if direct not in proxies:
        return direct
    # Each proxy adds at the end whom it was asked by; what stands before that anybody may have written.
    for address in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if address.strip() and address.strip() not in proxies:
            return address.strip()[:100]
    return direct


def is_encrypted(request: web.Request, proxies: Collection[str]) -> bool:
    """Whether nobody between the browser and us, or our proxy, can read along."""
    if request.secure:
        return True
    return request.remote in proxies and request.headers.get("X-Forwarded-Proto", "").lower() == "https"
