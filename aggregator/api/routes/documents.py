"""This API's description, for programs and for people."""

from __future__ import annotations

from importlib import resources
from typing import Any

import orjson
from aiohttp import web
from pydantic import Field

from aggregator.api.access import Audit, Role
from aggregator.api.binding import NoParameters, Parameters
from aggregator.api.docs.page import page
from aggregator.api.registry import JSON, Media, Registry

HTML, CSS, JS = "text/html", "text/css", "text/javascript"

routes = Registry()
_OPENAPI: web.AppKey[bytes] = web.AppKey("openapi", bytes)
_PAGE: web.AppKey[bytes] = web.AppKey("docs_page", bytes)


class LogInPage(Parameters):
    """Where to go once logged in."""

    next: str = Field(default="/", max_length=1000, description="address on this server to go to afterwards")


def publish(app: web.Application, document: dict[str, Any]) -> None:
    """Write the document and its page once; they do not change while the server runs."""
    app[_OPENAPI] = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    app[_PAGE] = page(document).encode()


@routes.add("GET", "/api/openapi.json", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            answer=dict[str, Any])
async def get_openapi(request: web.Request, _query: NoParameters) -> Media:
    """This API as an OpenAPI 3.1 document."""
    return Media(body=request.app[_OPENAPI], type=JSON)


@routes.add("GET", "/docs", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            media=(HTML,))
async def get_docs(request: web.Request, _query: NoParameters) -> Media:
    """This page."""
    return Media(body=request.app[_PAGE], type=HTML)


@routes.add("GET", "/docs/docs.css", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            media=(CSS,))
async def get_docs_style(_request: web.Request, _query: NoParameters) -> Media:
    """The page's style."""
    return Media(body=_file("docs.css"), type=CSS)


@routes.add("GET", "/docs/docs.js", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            media=(JS,))
async def get_docs_script(_request: web.Request, _query: NoParameters) -> Media:
    """The page's script."""
    return Media(body=_file("docs.js"), type=JS)


@routes.add("GET", "/login", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            parameters=LogInPage, media=(HTML,))
async def get_login(_request: web.Request, _query: LogInPage) -> Media:
    """The page to log in at, for browsers."""
    return Media(body=_file("login.html"), type=HTML)


@routes.add("GET", "/login/login.js", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            media=(JS,))
async def get_login_script(_request: web.Request, _query: NoParameters) -> Media:
    """The login page's script."""
    return Media(body=_file("login.js"), type=JS)


def _file(name: str) -> bytes:
    return resources.files("aggregator.api.docs").joinpath(name).read_bytes()
