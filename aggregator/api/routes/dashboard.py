"""The dashboard's page and files."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from aggregator.api.access import Audit, Role
from aggregator.api.binding import NoParameters, Parameters
from aggregator.api.errors import not_found
from aggregator.api.registry import Media, Registry
from aggregator.dashboard.files import TYPES, files

routes = Registry()
MEDIA = tuple(TYPES.values())


class TopFile(Parameters):
    """A file of the dashboard."""

    file: str = Field(max_length=100, description="its name")


class InnerFile(TopFile):
    """A file in a folder of the dashboard."""

    folder: str = Field(max_length=100, description="the folder it is in")


@routes.add("GET", "/", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            media=("text/html",))
async def get_dashboard(request: web.Request, _query: NoParameters) -> web.Response | Media:
    """The dashboard, for people."""
    return _answer(request, "index.html")


@routes.add("GET", "/dashboard/{file}", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            parameters=TopFile, media=MEDIA, errors=(404,))
async def get_dashboard_file(request: web.Request, query: TopFile) -> web.Response | Media:
    """A file of the dashboard."""
    return _answer(request, query.file)


@routes.add("GET", "/dashboard/{folder}/{file}", tag="documents", role=Role.PUBLIC, audit=Audit.NEVER,
            parameters=InnerFile, media=MEDIA, errors=(404,))
async def get_dashboard_module(request: web.Request, query: InnerFile) -> web.Response | Media:
    """A module of the dashboard."""
    return _answer(request, f"{query.folder}/{query.file}")


def _answer(request: web.Request, name: str) -> web.Response | Media:
    file = files().get(name)
    if file is None:
        raise not_found("file", f"the dashboard has no file '{name[:100]}'", "the page is at /")
    # Kept by browsers and asked for again each time: a new release shows at once.
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == file.etag:
        return web.Response(status=304, headers=headers)
    return Media(body=file.body, type=file.type, headers=headers)
