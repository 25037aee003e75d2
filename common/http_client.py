"""Asking the aggregator over HTTP, and its failures as errors that name the cure."""

from __future__ import annotations

import http.client
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from common.endpoints import is_loopback_host
from common.errors import ConfigError, PassageError
from common.local_token import read_local_token

DEFAULT_URL = "http://127.0.0.1:8600"
URL_VARIABLE = "PASSAGE_URL"
TOKEN_VARIABLE = "PASSAGE_TOKEN"
LARGEST_ANSWER = 512 << 20

Value = str | int | float | Sequence[str] | None


class NoAnswerError(PassageError):
    """Nobody answers at the address, or not as an aggregator does."""


class RefusedError(PassageError):
    """The aggregator answered, and says what is wrong.

    Attributes:
        status: HTTP's.
        code: a word for programs.
        field: the parameter concerned, if there is one.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None, cure: str | None) -> None:
        super().__init__(message, cure)
        self.status = status
        self.code = code
        self.field = field
        self.exit_code = 2 if status == 400 else 1


class Api:
    """One aggregator.

    Args:
        url: its address, such as `http://127.0.0.1:8600`; the scheme may be left out.
        timeout_s: patience with each answer.
        token: who asks. Otherwise PASSAGE_TOKEN, and on this machine the one that the aggregator left for its own user.

    Raises:
        ConfigError: `url` is no address of an HTTP server.
    """

    def __init__(self, url: str = DEFAULT_URL, timeout_s: float = 10.0, token: str | None = None) -> None:
        self.url = _base(url)
        self.timeout_s = timeout_s
        self._token = token or os.environ.get(TOKEN_VARIABLE)
        # A proxy cannot reach what runs on this machine.
        here = is_loopback_host(urllib.parse.urlsplit(self.url).hostname or "")
        proxies: dict[str, str] | None = {} if here else None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirect())

    def get(self, path: str, **parameters: Value) -> Any:
        """The JSON answer to GET `path`; parameters that are None are left out.

        Raises:
            NoAnswerError, RefusedError.
        """
        return self._json(self.request("GET", path, parameters, accept="application/json"))

    def fetch(self, path: str, accept: str, **parameters: Value) -> bytes:
        """The bytes of GET `path`, wanted as media type `accept`; raises as `get`."""
        return self.request("GET", path, parameters, accept=accept)

    def post(self, path: str, body: bytes, media: str, **parameters: Value) -> Any:
        """The JSON answer to POST `path` with a body of type `media`; raises as `get`."""
        return self._json(self.request("POST", path, parameters, accept="application/json", body=body, media=media))

    def request(self, method: str, path: str, parameters: Mapping[str, Value], *, accept: str,
                body: bytes | None = None, media: str | None = None) -> bytes:
        """One request, raises as `get`."""
        given = {key: value for key, value in parameters.items() if value is not None}
        query = urllib.parse.urlencode(given, doseq=True)
        address = self.url + urllib.parse.quote(path) + (f"?{query}" if query else "")
        headers = {"Accept": accept, **({"Content-Type": media} if media else {})}
        if token := self.token():
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(address, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=self.timeout_s) as answer:
                data: bytes = answer.read(LARGEST_ANSWER)
                return data
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error, self.url) from error
        except urllib.error.URLError as error:
            raise self._silent(error.reason) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error

    def token(self) -> str | None:
        """What is shown to the aggregator; read again each time, for it makes another whenever it starts."""
        if self._token:
            return self._token
        parts = urllib.parse.urlsplit(self.url)
        if not is_loopback_host(parts.hostname or ""):
            return None
        return read_local_token(parts.port or (443 if parts.scheme == "https" else 80))

    def _json(self, data: bytes) -> Any:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise _stranger(self.url) from error

    def _silent(self, reason: object) -> NoAnswerError:
        if isinstance(reason, ConnectionRefusedError):
            return NoAnswerError(f"no aggregator answers at {self.url}",
                                 f"start one with `aggregator serve`, or say where it is with --url or {URL_VARIABLE}")
        if isinstance(reason, TimeoutError | socket.timeout):
            return NoAnswerError(f"{self.url} did not answer within {self.timeout_s:g} s",
                                 "look at the aggregator's log; is it the right address?")
        if isinstance(reason, socket.gaierror):
            return NoAnswerError(f"{self.url}: there is no such host", "check the name in the address")
        text = getattr(reason, "strerror", None) or reason or type(reason).__name__
        return NoAnswerError(f"{self.url} does not answer: {text}", "is an aggregator running there?")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The API never redirects; who does is somebody else."""

    def redirect_request(self, *_: object) -> None:
        return None


def _base(url: str) -> str:
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urllib.parse.urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError(f"'{url}' is no address of an aggregator", f"write it like {DEFAULT_URL}")
    path = parts.path.rstrip("/")
    for end in ("/api", "/docs"):  # copied from the browser
        path = path.removesuffix(end)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _refused(error: urllib.error.HTTPError, url: str) -> PassageError:
    try:
        told = orjson.loads(error.read(1 << 20))["error"]
        return RefusedError(error.code, told["code"], told["message"], told["field"], told["cure"])
    except (orjson.JSONDecodeError, KeyError, TypeError, OSError, http.client.HTTPException):
        return _stranger(url, f" (HTTP {error.code})")


def _stranger(url: str, detail: str = "") -> NoAnswerError:
    return NoAnswerError(f"what answers at {url} is no aggregator{detail}",
                         f"say where the aggregator is with --url or {URL_VARIABLE}")
