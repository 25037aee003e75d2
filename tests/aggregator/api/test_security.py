from __future__ import annotations

import re

import pytest

from aggregator.api.app import registry
from aggregator.api.settings import ApiSettings


@pytest.mark.parametrize("path", ["/api/health", "/docs", "/nothing", "/"])
def test_every_answer_carries_the_guarding_headers(site, path):
    headers = site.ask(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == ("no-cache" if path == "/" else "no-store")  # a page is kept, answers are not
    assert "aiohttp" not in headers["Server"].lower()


def test_a_foreign_host_name_is_refused(site):
    """A page of evil.example whose name was turned to 127.0.0.1 in the visitor's browser (DNS rebinding)."""
    answer = site.ask("/api/identities", headers={"Host": "evil.example:8600"})
    assert answer.status == 421
    assert answer.error["code"] == "unknown_host"


@pytest.mark.parametrize("host", ["localhost:8600", "127.0.0.1", "[::1]:8600", "192.168.1.7:8600", "box.lan"])
def test_own_names_are_served(site, host):
    site.settings = ApiSettings(hosts=("box.lan",))
    assert site.ask("/api/health", headers={"Host": host}).status == 200


def test_a_foreign_page_may_neither_search_nor_listen(site):
    foreign = {"Origin": "https://evil.example"}
    assert site.ask("/api/search", "POST", data=b"x", headers=foreign).error["code"] == "foreign_origin"
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert site.ask("/api/ws/stats", headers=foreign | upgrade).status == 403


def test_no_route_answers_a_foreign_host(site):
    """Default deny: whatever is added later is behind the same door."""
    for route in registry().routes:
        path = re.sub(r"{\w+}", "1", route.path)
        answer = site.ask(path, route.method, headers={"Host": "evil.example"})
        assert answer.status == 421, path
