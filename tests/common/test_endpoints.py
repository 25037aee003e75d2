from __future__ import annotations

import pytest

from common.endpoints import Endpoint, is_loopback, parse, require_encryption, wants_ipv6
from common.errors import ConfigError


@pytest.mark.parametrize(("text", "expected"), [
    ("tcp://127.0.0.1:5599", Endpoint("tcp", "127.0.0.1", 5599)),
    ("tcp://[::1]:5599", Endpoint("tcp", "::1", 5599)),
    ("tcp://aggregator.lan:1", Endpoint("tcp", "aggregator.lan", 1)),
    ("tcp://*:0", Endpoint("tcp", "*", 0)),
    ("tcp://127.0.0.1:*", Endpoint("tcp", "127.0.0.1", 0)),
    ("ipc:///run/passage.sock", Endpoint("ipc", "", 0)),
])
def test_an_endpoint_is_taken_apart(text: str, expected: Endpoint) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(("text", "says"), [
    ("", "no endpoint"), ("127.0.0.1:5599", "no endpoint"), ("tcp://", "no endpoint"),
    ("http://127.0.0.1:5599", "transport 'http'"), ("tcp://127.0.0.1", "names no port"), ("tcp://:5", "names no port"),
    ("tcp://127.0.0.1:65536", "no port"), ("tcp://127.0.0.1:²", "no port"), ("tcp://127.0.0.1:-1", "no port"),
    ("tcp://127.0.0.1:", "no port"), ("tcp://::1:5599", "brackets"),
])
def test_what_is_no_endpoint_is_refused_with_an_example(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        parse(text)
    assert "tcp://127.0.0.1:5599" in str(caught.value)


@pytest.mark.parametrize("text", [
    "tcp://127.0.0.1:1", "tcp://127.8.9.1:1", "tcp://localhost:1", "tcp://[::1]:1", "tcp://[::ffff:127.0.0.1]:1",
    "ipc://x", "inproc://x",
])
def test_what_cannot_leave_the_machine(text: str) -> None:
    assert is_loopback(text)
    require_encryption(text, False, "listen")


@pytest.mark.parametrize("text", [
    "tcp://0.0.0.0:1", "tcp://*:1", "tcp://[::]:1", "tcp://192.168.0.4:1", "tcp://aggregator.lan:1",
    "tcp://localhost.evil.example:1", "tcp://[::ffff:10.0.0.1]:1", "tcp://eth0:1", "tcp://127.0.0.1.example:1",
])
def test_what_could_be_heard_needs_keys(text: str) -> None:
    assert not is_loopback(text)
    for action in ("listen", "connect"):
        with pytest.raises(ConfigError, match=r"without keys[\s\S]*aggregator keys new") as caught:
            require_encryption(text, False, action)  # type: ignore[arg-type]
        assert text in str(caught.value)
        require_encryption(text, True, action)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "expected"), [
    ("tcp://127.0.0.1:1", False), ("tcp://localhost:1", False), ("ipc://x", False),
    ("tcp://[::1]:1", True), ("tcp://*:1", True), ("tcp://aggregator.lan:1", True),
])
def test_ipv6_is_spoken_where_it_may_be_needed(text: str, expected: bool) -> None:
    assert wants_ipv6(text) is expected
