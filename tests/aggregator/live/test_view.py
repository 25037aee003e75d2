"""The view against a real server on loopback, and in a real terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rich.console import Console

from aggregator.live import LiveView
from aggregator.live.feed import Feed
from common.http_client import Api


@contextlib.contextmanager
def aggregator(stats, port: int = 0):
    """Answers as the API does; gives its address."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = {"events": [], "next": None} if self.path.startswith("/api/events") else stats
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def test_the_feed_goes_on_when_the_aggregator_comes_back(stats):
    port = free_port()
    feed = Feed(Api(f"http://127.0.0.1:{port}"), interval_s=0.02)
    feed.start()
    try:
        wait_for(lambda: feed.state.problem is not None)
        assert "aggregator serve" in feed.state.cure
        with aggregator(stats(), port):
            wait_for(lambda: feed.state.stats is not None and feed.state.problem is None)
        wait_for(lambda: feed.state.problem is not None)
        assert feed.state.stats is not None
        with aggregator(stats(), port):
            wait_for(lambda: feed.state.problem is None)
    finally:
        feed.stop()


def test_an_aggregator_of_another_release_is_told_not_raised():
    with aggregator({"something": "else"}) as url:
        feed = Feed(Api(url))
        feed.ask()
    assert "same release" in feed.state.cure


def test_plain_lines_without_a_terminal_until_told(stats):
    out = io.StringIO()
    with aggregator(stats(links=2)) as url:
        view = LiveView(url, console=Console(file=out, width=200), interval_s=0.02)
        assert view.run(until=lambda: "people now" in out.getvalue()) is True
    assert "G1 came to camera 0-1" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.fixture
def terminal():
    """A program in a terminal of its own: gives a function that starts the view there."""
    started: list[tuple[subprocess.Popen, int]] = []

    def start(url: str) -> tuple[subprocess.Popen, int]:
        ours, theirs = pty.openpty()
        code = f"from aggregator.live.cli import live; live({url!r}, 0.1); print('ended well')"
        program = subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs,
                                   start_new_session=True, env={**os.environ, "TERM": "xterm-256color"},
                                   preexec_fn=_take_terminal)
        os.close(theirs)
        started.append((program, ours))
        return program, ours

    yield start
    for program, ours in started:
        if program.poll() is None:
            program.kill()
        program.wait()
        os.close(ours)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(terminal: int, sign: bytes, seconds: float = 20.0) -> bytes:
    seen, until = b"", time.monotonic() + seconds
    while sign not in seen:
        assert time.monotonic() < until, seen[-2000:]
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
    return seen


@pytest.mark.parametrize("how", ["q", "interrupt"])
def test_in_a_terminal_it_ends_by_q_and_ctrl_c_and_leaves_it_as_it_was(terminal, stats, how):
    with aggregator(stats()) as url:
        program, screen = terminal(url)
        before = termios.tcgetattr(screen)
        read_until(screen, b"camera 0-1")
        assert not termios.tcgetattr(screen)[3] & termios.ICANON  # keys come one by one
        if how == "q":
            os.write(screen, b"q")
        else:
            os.killpg(program.pid, signal.SIGINT)
        rest = read_until(screen, b"ended well")
        assert termios.tcgetattr(screen) == before
    assert b"\x1b[?1049l" in rest  # the alternate screen is left
    assert b"\x1b[?25h" in rest  # the cursor is shown again
    assert program.wait(timeout=5) == 0


def test_arrow_keys_scroll_and_a_filter_is_typed_in_a_real_terminal(terminal, stats):
    with aggregator(stats(12, 4)) as url:
        program, screen = terminal(url)
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        read_until(screen, b"camera 0-1")
        os.write(screen, b"\x1b[F")  # end
        read_until(screen, b"camera 11-3")
        os.write(screen, b"/camera 5")
        read_until(screen, b"camera 5-2")
        os.write(screen, b"q\x1b")  # a letter of the filter, then none
        read_until(screen, b"camera 0-0")
        assert program.poll() is None
        os.write(screen, b"q")
        read_until(screen, b"ended well")
