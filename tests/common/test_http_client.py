from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from common.errors import ConfigError
from common.http_client import Api, NoAnswerError, RefusedError


@contextlib.contextmanager
def server(status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None):
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()
            thread.join()


@pytest.mark.parametrize(("given", "url"), [
    ("127.0.0.1:8600", "http://127.0.0.1:8600"),
    ("http://box:8600/", "http://box:8600"),
    ("http://box:8600/docs", "http://box:8600"),
    ("https://box/passage/api/", "https://box/passage"),
    ("[::1]:8600", "http://[::1]:8600"),
])
def test_addresses(given, url):
    assert Api(given).url == url


@pytest.mark.parametrize("given", ["", "http://", "ftp://box", "http://box:port", "http://box:99999", "http://[::1"])
def test_what_is_no_address(given):
    with pytest.raises(ConfigError, match="no address"):
        Api(given)


def test_parameters_are_encoded_and_none_is_left_out():
    with server() as (url, asked):
        Api(url).get("/api/cameras/ha ll/x", camera=["a&b", "c"], since=None, limit=3)
    assert asked == ["/api/cameras/ha%20ll/x?camera=a%26b&camera=c&limit=3"]


def test_the_aggregators_own_words_are_passed_on():
    body = b'{"error": {"code": "bad_parameter", "message": "no", "field": "since", "cure": "yes"}}'
    with server(400, body) as (url, _), pytest.raises(RefusedError) as error:
        Api(url).get("/api/events")
    assert (error.value.status, error.value.code, error.value.message, error.value.field, error.value.cure) == (
        400, "bad_parameter", "no", "since", "yes")


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"<html>"), (500, b'{"error": "x"}'), (404, b"")])
def test_another_server_answers(status, body):
    with server(status, body) as (url, _), pytest.raises(NoAnswerError, match="is no aggregator"):
        Api(url).get("/api/stats")


def test_a_redirect_is_not_followed():
    with (server(302, headers={"Location": "http://127.0.0.1:1/"}) as (url, asked),
          pytest.raises(NoAnswerError, match="is no aggregator")):
        Api(url).get("/api/stats")
    assert len(asked) == 1


def test_something_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        api = Api(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)
        with pytest.raises(NoAnswerError, match=r"within 0\.2 s"):
            api.get("/api/stats")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with server() as (url, _):
        assert Api(url).get("/api/stats") == {}
