"""The routes: what each takes and gives. Requests are checked and OpenAPI is written from the same words."""

from __future__ import annotations

import functools
import hashlib
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import TypeAdapter

from aggregator.api.access import Audit, Caller, Role, answering, answering_numbers_only
from aggregator.api.binding import NoParameters, Parameters, bind
from aggregator.api.errors import ApiError
from aggregator.api.keys import GUARD, REQUESTS, SETTINGS

Q = TypeVar("Q", bound=Parameters)
RouteHandler = Callable[[web.Request, Any], Awaitable[Any]]

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Bytes of a media type, as an answer that is not JSON."""

    body: bytes
    type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing the server answers.

    Attributes:
        path: as in OpenAPI, with `{name}` for parts that vary.
        role: the least that its callers must have been given.
        audit: which of its requests are looks at people.
        parameters: model of the path's and the query's parameters.
        answer: type of the JSON answer, None where there is none.
        media: media types that it may give besides.
        takes: media types of the request's body.
        body: type of its JSON body; `bind_body` reads it.
        errors: statuses it may fail with, besides those that every route has.
        messages: for a WebSocket, the type of what it sends.
    """

    method: str
    path: str
    handler: RouteHandler
    tag: str
    role: Role
    audit: Audit
    summary: str
    description: str
    parameters: type[Parameters]
    answer: Any
    media: tuple[str, ...]
    takes: tuple[str, ...]
    body: Any
    errors: tuple[int, ...]
    messages: Any

    @property
    def name(self) -> str:
        """Name of the operation, unique."""
        return self.handler.__name__


class Registry:
    """Collects routes; `mount` puts them into an application."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def add(self, method: str, path: str, *, tag: str, role: Role, audit: Audit,
            # mypy knows no default for a type variable: without parameters Q is NoParameters.
            parameters: type[Q] = NoParameters,  # type: ignore[assignment]
            answer: Any = None, media: tuple[str, ...] = (), takes: tuple[str, ...] = (),
            body: Any = None, errors: tuple[int, ...] = (), messages: Any = None,
            ) -> Callable[[Callable[[web.Request, Q], Awaitable[Any]]], RouteHandler]:
        """Declare a route. The handler's docstring is its documentation: first line the summary, the rest the story.

        `role` and `audit` have no default on purpose: whoever adds a route thinks of who may use it.
        """
        def declare(handler: Callable[[web.Request, Q], Awaitable[Any]]) -> RouteHandler:
            summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n")
            self.routes.append(Route(
                method=method, path=path, handler=handler, tag=tag, role=role, audit=audit, summary=summary.rstrip("."),
                description=description.strip(), parameters=parameters, answer=answer, media=media, takes=takes,
                body=body, errors=errors, messages=messages))
            return handler
        return declare

    def include(self, other: Registry) -> None:
        """Take over another registry's routes."""
        self.routes.extend(other.routes)

    def mount(self, app: web.Application) -> None:
        """Let `app` answer these routes."""
        for route in self.routes:
            app.router.add_route(route.method, route.path, _endpoint(route, app[SETTINGS].check_answers))


def json_answer(data: Any) -> web.Response:
    """`data` as JSON; NumPy arrays are lists."""
    return web.Response(body=orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY), content_type=JSON, charset="utf-8")


def _picture(request: web.Request, media: Media) -> web.Response:
    """With an ETag of its bytes; nothing else but that where the asker has these bytes already (RFC 9110)."""
    etag = f'"{hashlib.blake2b(media.body, digest_size=12).hexdigest()}"'
    headers = {"Cache-Control": "private, no-cache", **media.headers, "ETag": etag}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if known & {etag, "*"}:
        return web.Response(status=304, headers=headers)
    return web.Response(body=media.body, content_type=media.type, headers=headers)


_adapter = functools.cache(TypeAdapter)


def _endpoint(route: Route, check: bool) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    adapter = _adapter(route.answer) if check and route.answer is not None else None

    async def endpoint(request: web.Request) -> web.StreamResponse:
        guard, began, status = request.app[GUARD], time.perf_counter(), 500
        try:
            who, token = guard.enter(request, route.role)
            with answering(who), guard.while_valid(token):
                told = await answer(request, who)
                status = told.status
                return told
        except ApiError as error:
            status = error.status
            raise
        finally:
            request.app[REQUESTS].add(route.name, status, time.perf_counter() - began)

    async def answer(request: web.Request, who: Caller) -> web.StreamResponse:
        query = bind(route.parameters, request)
        written = await request.app[GUARD].note(request, who, route.audit, route.name, query)
        with answering_numbers_only(not written):
            result = await route.handler(request, query)
        if isinstance(result, web.StreamResponse):
            return result
        if isinstance(result, Media):
            if result.type.startswith("image/"):
                return _picture(request, result)
            charset = "utf-8" if result.type.startswith("text/") else None
            return web.Response(body=result.body, content_type=result.type, charset=charset, headers=result.headers)
        told = json_answer(result)
        if adapter is not None:
            # aiohttp types a body as anything that can be sent; `json_answer` has just made bytes.
            adapter.validate_json(bytes(told.body), strict=True)  # type: ignore[arg-type]
        return told

    return endpoint
