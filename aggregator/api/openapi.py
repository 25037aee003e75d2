"""The OpenAPI 3.1 document, written from the registered routes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from aggregator.api.access import Role
from aggregator.api.errors import Failure
from aggregator.api.registry import JSON, Route
from aggregator.api.sessions import COOKIE
from common import __version__

ALWAYS = (500, 503)
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token: `aggregator tokens new NAME`."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "What POST /api/session gives."},
}
TAGS = {
    "access": "Who asks.",
    "site": "Cameras, agents and how the aggregator is doing.",
    "identities": "Who was seen, where they went, and why we think so.",
    "visits": "Single passages through one camera.",
    "corrections": "What people said about who is who.",
    "privacy": "Who is forgotten.",
    "search": "Find a person by a picture or by a visit.",
    "places": "Where people stand and walk.",
    "video": "What cameras see now, where their boxes allow it. Nothing is kept.",
    "stream": "What happens, as it happens. These are WebSockets.",
    "documents": "This description, for programs and for people.",
}


def document(routes: list[Route]) -> dict[str, Any]:
    """The whole document as plain data."""
    answers: list[tuple[str, Any]] = [("Failure", Failure)]
    answers += [(route.name, kind) for route in routes for kind in (route.answer, route.messages) if kind is not None]
    bodies = [(f"{route.name} body", route.body) for route in routes if route.body is not None]
    keyed, shared = TypeAdapter.json_schemas(
        [*((name, "serialization", TypeAdapter(kind)) for name, kind in answers),
         *((name, "validation", TypeAdapter(kind)) for name, kind in bodies)],
        ref_template="#/components/schemas/{model}")
    schemas = {name: schema for (name, _), schema in keyed.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    used = {route.tag for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Passage", "version": __version__, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Who passed where: identities across cameras, their ways, and the reasons. Times are "
                           "RFC 3339 in UTC. Boxes and points are shares of the camera's view, 0 to 1, from its left "
                           "upper corner.",
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items() if name in used],
        "paths": paths,
        "components": {"schemas": shared.get("$defs", {}), "securitySchemes": SECURITY},
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name, "tags": [route.tag], "summary": route.summary,
        "parameters": _parameters(route), "x-role": route.role.word, "x-audit": route.audit.value,
        "security": [] if route.role is Role.PUBLIC else [{"token": []}, {"session": []}],
        "responses": {**_success(route, schemas), **_failures(route, schemas)},
    }
    if route.description:
        operation["description"] = route.description
    if route.takes:
        operation["requestBody"] = {"required": True, "content": {media: _body(media) for media in route.takes}}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[f"{route.name} body"]}}}
    if route.messages is not None:
        operation["x-websocket"] = {"messages": schemas[route.name]}
    return operation


def _body(media: str) -> dict[str, Any]:
    if media == JSON:
        return {"schema": {"type": "object"}}
    if media == "multipart/form-data":
        picture = {"type": "string", "contentMediaType": "application/octet-stream"}
        return {"schema": {"type": "object", "properties": {"picture": picture}, "required": ["picture"]}}
    return {"schema": {"type": "string", "contentMediaType": media}}


def _parameters(route: Route) -> list[dict[str, Any]]:
    schema = route.parameters.model_json_schema(mode="validation")
    required = schema.get("required", [])
    found = []
    for name, entry in schema.get("properties", {}).items():
        in_path = "{" + name + "}" in route.path
        plain = {key: value for key, value in _without_null(entry).items() if key not in ("title", "description")}
        found.append({
            "name": name, "in": "path" if in_path else "query", "required": in_path or name in required,
            "description": entry.get("description", ""), "schema": plain,
        })
    return sorted(found, key=lambda entry: entry["in"] == "query")  # the path's first, as it is read


def _without_null(entry: dict[str, Any]) -> dict[str, Any]:
    """A parameter is given or not given; it is never null."""
    entry = dict(entry)
    if entry.get("default", 0) is None:
        del entry["default"]
    options = [option for option in entry.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **entry}
    return {**entry, "anyOf": options} if options else entry


def _success(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    if route.messages is not None:
        return {"101": {"description": "The connection is a WebSocket from here on."}}
    content: dict[str, Any] = {}
    if route.answer is not None:
        content[JSON] = {"schema": schemas[route.name]}
    for media in route.media:
        content[media] = {"schema": {"type": "string", "contentMediaType": media}}
    if content:
        answers: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
        if any(media.startswith("image/") for media in content):
            answers["304"] = {"description": "The asker has this picture already (If-None-Match)."}
        return answers
    return {"302": {"description": "It is elsewhere."}}


def _failures(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    statuses = {*route.errors, *ALWAYS}
    if route.role is not Role.PUBLIC:
        statuses |= {401, 403, 429}
    if route.parameters.model_fields:
        statuses.add(400)
    if route.takes or route.body is not None:
        statuses |= {400, 413, 415}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": schemas["Failure"]}}}
        for status in sorted(statuses)
    }
