"""A request's path and query → the route's parameter model, or a 400 that names the parameter and the nearest one."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar, get_origin

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

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
