"""One shape for every failure: `{"error": {"code", "message", "field", "cure"}}`."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from typing_extensions import TypedDict

from common.errors import ModelError, PassageError, StoreError

log = logging.getLogger(__name__)


class ErrorBody(TypedDict):
    """What went wrong: a word for programs, a sentence for people, the parameter concerned and what cures it."""

    code: str
    message: str
    field: str | None
    cure: str | None


class Failure(TypedDict):
    """Every answer with a status of 400 or more."""

    error: ErrorBody


class ApiError(PassageError):
    """A request that cannot be answered, with the HTTP status that says so, and headers besides."""

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None,
                 cure: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, cure)
        self.status = status
        self.headers = dict(headers or {})
        self.code = code
        self.field = field


def bad_parameter(field: str, message: str, cure: str | None = None, code: str = "bad_parameter") -> ApiError:
    """400: `field` holds something that cannot be used."""
    return ApiError(400, code, message, field=field, cure=cure)


def not_found(field: str, message: str, cure: str | None = None) -> ApiError:
    """404: the thing that `field` names is not there."""
    return ApiError(404, "not_found", message, field=field, cure=cure)


def failure(error: ApiError) -> web.Response:
    """The error as an answer."""
    body: Failure = {"error": {"code": error.code, "message": error.message, "field": error.field, "cure": error.cure}}
    headers = {**error.headers, **({"WWW-Authenticate": "Bearer"} if error.status == 401 else {})}
    return web.Response(status=error.status, body=orjson.dumps(body), content_type="application/json", charset="utf-8",
                        headers=headers)


@web.middleware
async def one_error_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong below leaves in the one shape; what nobody foresaw is logged and told as 500."""
    try:
        return await handler(request)
    except ApiError as error:
        return failure(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = failure(_explain(error, request))
        if isinstance(error, web.HTTPMethodNotAllowed):
            answer.headers["Allow"] = ",".join(sorted(error.allowed_methods))
        return answer
    except ModelError as error:
        return failure(ApiError(503, "model_unavailable", error.message, cure=error.cure))
    except StoreError as error:
        return failure(ApiError(503, "store_unavailable", error.message, cure=error.cure))
    except sqlite3.Error as error:
        log.exception("%s %s: the store did not answer", request.method, request.path)
        return failure(ApiError(503, "store_unavailable", f"the store did not answer: {error}",
                                cure="see the aggregator's log"))
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return failure(ApiError(500, "internal", "something went wrong in the aggregator", cure="see its log"))


def _explain(error: web.HTTPException, request: web.Request) -> ApiError:
    if isinstance(error, web.HTTPNotFound):
        return ApiError(404, "not_found", f"there is nothing at {request.path}", cure="see /docs for what there is")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return ApiError(405, "method_not_allowed", f"{request.path} does not take {request.method}",
                        cure=f"use {allowed}")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return too_large(error.text or "the body is too large")
    phrase = HTTPStatus(error.status).phrase
    return ApiError(error.status, phrase.lower().replace(" ", "_"), error.text or phrase)


def too_large(message: str) -> ApiError:
    """413: the body is larger than this server takes; `message` says how large that is."""
    return ApiError(413, "too_large", message, field="body", cure="send a smaller picture")
