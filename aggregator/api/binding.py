"""A request's path and query → the route's parameter model, or a 400 that names the parameter and the nearest one."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar, get_origin

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from aggregator.api.errors import ApiError, bad_parameter


class Parameters(BaseModel):
    """What a route takes in its path and query."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoParameters(Parameters):
    """Nothing."""


P = TypeVar("P", bound=Parameters)


def bind(kind: type[P], request: web.Request) -> P:
    """The request's parameters as `kind`.

    Raises:
        ApiError: 400, naming the parameter that is unknown, missing, given twice or of a wrong value.
    """
    given: dict[str, Any] = dict(request.match_info)
    query = request.query
    for name in query:
        info = kind.model_fields.get(name)
        if info is None or name in request.match_info:
            raise _unknown(kind, name, request)
        values = query.getall(name)
        if get_origin(info.annotation) is tuple:
            given[name] = tuple(values)
        elif len(values) > 1:
            raise bad_parameter(name, f"'{name}' is given {len(values)} times", "give it once")
        else:
            given[name] = values[0]
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise _explain(error, given) from error


async def bind_body(kind: Any, request: web.Request) -> Any:
    """The request's JSON body as `kind`, a `Parameters` or a union of them.

    Raises:
        ApiError: 415 when it is not JSON by its type, 400 when it is none, or not of that shape.
    """
    if request.content_type != "application/json":
        raise ApiError(415, "unsupported_media", f"a body of type '{request.content_type[:100]}' is not taken",
                       field="Content-Type", cure="send JSON, as application/json")
    try:
        data = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise bad_parameter("body", f"the body is no JSON: {error}", code="bad_json") from error
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = _place(problem)
        code = {"missing": "missing_parameter", "extra_forbidden": "unknown_parameter"}.get(
            problem["type"], "bad_parameter")
        message = problem["msg"].removeprefix("Value error, ")
        raise bad_parameter(name[:100], f"'{name[:100]}': {message[:1].lower() + message[1:]}", code=code) from error


def _place(problem: Any) -> str:
    """The key of a body that a problem is about: `identities.1`."""
    context, at = problem.get("ctx", {}), problem["loc"]
    if "field" in context:
        return str(context["field"])
    if "discriminator" in context:
        return str(context["discriminator"]).strip("'")
    return ".".join(str(step) for step in at[-2 if isinstance(at[-1], int) else -1:]) if at else "body"


def _unknown(kind: type[Parameters], name: str, request: web.Request) -> ApiError:
    known = sorted(set(kind.model_fields) - set(request.match_info))
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        cure = f"did you mean '{near[0]}'?"
    else:
        cure = f"known here: {', '.join(known)}" if known else "this address takes no parameters"
    return bad_parameter(name[:100], f"unknown parameter '{name[:100]}'", cure, code="unknown_parameter")


def _explain(error: ValidationError, given: dict[str, Any]) -> ApiError:
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else str(problem.get("ctx", {}).get("field", "query"))
    if problem["type"] == "missing":
        return bad_parameter(name, f"'{name}' is missing", code="missing_parameter")
    message = problem["msg"].removeprefix("Value error, ")
    value = given.get(name)
    shown = f" (got '{value[:80]}')" if isinstance(value, str) and f"'{value}'" not in message else ""
    return bad_parameter(name, f"'{name}': {message[:1].lower() + message[1:]}{shown}")
