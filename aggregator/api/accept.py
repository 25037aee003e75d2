"""What a request would like to have: the Accept header's word."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web


def preferred(request: web.Request, offers: Mapping[str, str]) -> str:
    """The offer that the Accept header likes best; the first when it does not care.

    Args:
        offers: media type by the name it goes by here.
    """
    best = dict.fromkeys(offers, -1.0)
    for entry in request.headers.get("Accept", "*/*").split(","):
        media, *extras = (part.strip().lower() for part in entry.split(";"))
        weight = 1.0
        for extra in extras:
            if extra.startswith("q="):
                try:
                    weight = float(extra[2:])
                except ValueError:
                    weight = 0.0
        for name, offered in offers.items():
            group = offered.partition("/")[0] + "/*"
            # Who names a type wants it more than who takes anything.
            exact = 2e-6 if media == offered else 1e-6 if media == group else 0.0 if media == "*/*" else None
            if exact is not None and weight > 0:
                best[name] = max(best[name], weight + exact)
    top = max(best.values())
    return next(name for name, weight in best.items() if weight == top)
