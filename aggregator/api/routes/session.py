"""Logging in with a token, for browsers: a cookie stands for it from then on."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aggregator.api import shapes
from aggregator.api.access import Audit, Caller, Role, caller
from aggregator.api.binding import NoParameters
from aggregator.api.errors import bad_parameter, too_large
from aggregator.api.keys import GUARD, SETTINGS
from aggregator.api.peer import is_encrypted
from aggregator.api.registry import JSON, Registry, json_answer
from aggregator.api.sessions import COOKIE

MOST_BYTES = 4096

_WORDS: dict[Role, Literal["viewer", "operator", "admin"]] = {
    Role.VIEWER: "viewer", Role.OPERATOR: "operator", Role.ADMIN: "admin"}

routes = Registry()


class LogIn(BaseModel):
    """What to send."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = Field(min_length=1, max_length=1000)


@routes.add("POST", "/api/session", tag="access", role=Role.PUBLIC, audit=Audit.NEVER,
            answer=shapes.Session, takes=(JSON,), errors=(401, 429))
async def log_in(request: web.Request, _query: NoParameters) -> web.Response:
    """Log in: a token for a cookie.

    Send `{"token": "psg_…"}`. The cookie is sent along by browsers from then on, also when a WebSocket is opened; no
    script can read it, and no foreign page can use it. It ends after some hours, and when the token is taken back.
    """
    who, value = request.app[GUARD].open_session(request, _token(await _body(request)))
    answer = json_answer(_told(who))
    settings = request.app[SETTINGS]
    answer.set_cookie(COOKIE, value, path="/", httponly=True, samesite="Strict",
                      secure=is_encrypted(request, settings.proxies), max_age=round(settings.session_hours * 3600))
    return answer


@routes.add("GET", "/api/session", tag="access", role=Role.VIEWER, audit=Audit.NEVER,
            answer=shapes.Session)
async def get_session(_request: web.Request, _query: NoParameters) -> shapes.Session:
    """Who is asking, and what they may do."""
    return _told(caller())


@routes.add("DELETE", "/api/session", tag="access", role=Role.PUBLIC, audit=Audit.NEVER,
            answer=shapes.Done)
async def log_out(request: web.Request, _query: NoParameters) -> web.Response:
    """Log out."""
    cookie = request.cookies.get(COOKIE)
    if cookie is not None:
        request.app[GUARD].sessions.end(cookie)
    answer = json_answer({"done": True})
    answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
    return answer


def _told(who: Caller) -> shapes.Session:
    return {"name": who.name, "role": _WORDS[who.role], "cameras": None if who.cameras is None else sorted(who.cameras)}


async def _body(request: web.Request) -> bytes:
    data = await request.content.read(MOST_BYTES + 1)
    while len(data) <= MOST_BYTES and (more := await request.content.read(MOST_BYTES + 1)):
        data += more
    if len(data) > MOST_BYTES:
        raise too_large(f"a login is shorter than {MOST_BYTES} bytes")
    return data


def _token(data: bytes) -> str:
    try:
        given: Any = orjson.loads(data)
        return LogIn.model_validate(given).token.strip()
    except (orjson.JSONDecodeError, ValidationError):
        raise bad_parameter("body", "expected a token as JSON", 'send {"token": "psg_…"}') from None
