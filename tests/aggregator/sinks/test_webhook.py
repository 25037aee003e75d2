"""Alerts over real HTTP on loopback: signed, retried, bounded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from aggregator.engine.bus import Bus
from aggregator.sinks import Sinks
from aggregator.sinks.settings import AlertSettings, WebhookSettings
from aggregator.sinks.webhook import DELIVERY, SIGNATURE, TIMESTAMP, Webhook, sign
from common.clock import ManualClock
from common.errors import ConfigError
from tests.support.site import wait_for

NOW = 1_750_000_000.0


class Receiver:
    """Answers with the given statuses in turn, then 204."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.open = threading.Event()
        self.open.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.open.wait(10)
                outer.got.append((dict(self.headers), body))
                status = outer.statuses.pop(0) if outer.statuses else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.open.set()
        self.server.shutdown()
        self.server.server_close()

    def rules(self) -> list[str]:
        return [json.loads(body)["data"]["rule"] for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def alert(rule: str) -> dict[str, Any]:
    return {"type": "event", "kind": "alert", "camera": "hall", "data": {"rule": rule, "state": "alert"}}


def hook(receiver: Receiver, secret: str | None = None, **more: Any) -> Webhook:
    settings = WebhookSettings(url=receiver.url, **{"retry_least_s": 0.02, "retry_most_s": 0.05, **more})
    made = Webhook(settings, secret, ManualClock(NOW))
    made.start()
    return made


def test_an_alert_arrives_signed_and_the_receiver_can_check_it(receiver: Receiver) -> None:
    sink = hook(receiver, "top secret")
    sink.put(alert("door"))
    wait_for(lambda: sink.delivered == 1, 5, "delivered")
    sink.stop()
    ((headers, body),) = receiver.got
    assert json.loads(body) == alert("door")
    assert headers[SIGNATURE] == sign("top secret", headers[TIMESTAMP], body)
    assert headers[SIGNATURE] != sign("another", headers[TIMESTAMP], body)
    assert headers[TIMESTAMP] == "1750000000"
    assert headers[DELIVERY].endswith("-1")


def test_a_receiver_that_fails_gets_it_again_in_order_and_once(receiver: Receiver) -> None:
    receiver.statuses = [500, 503, 429]
    sink = hook(receiver)
    for name in ("a", "b", "c"):
        sink.put(alert(name))
    wait_for(lambda: sink.delivered == 3, 5, "all delivered")
    sink.stop()
    assert receiver.rules() == ["a", "a", "a", "a", "b", "c"]
    assert len({headers[DELIVERY] for headers, _ in receiver.got}) == 3
    assert SIGNATURE not in receiver.got[0][0]


@pytest.mark.parametrize("status", [400, 404, 410, 302])
def test_what_the_receiver_will_never_take_is_not_sent_again(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    sink = hook(receiver)
    sink.put(alert("a"))
    sink.put(alert("b"))
    wait_for(lambda: sink.delivered == 1, 5, "the next one is delivered")
    sink.stop()
    assert receiver.rules() == ["a", "b"]
    assert sink.dropped == 1


def test_a_slow_receiver_holds_nobody_up_and_the_oldest_alerts_are_dropped(receiver: Receiver) -> None:
    receiver.open.clear()
    sink = hook(receiver, queue=3)
    for i in range(50):
        sink.put(alert(str(i)))  # returns at once
    assert sink.dropped == 47
    receiver.open.set()
    wait_for(lambda: len(sink._waiting) == 0, 5, "the rest is delivered")
    sink.stop()
    assert receiver.rules()[-3:] == ["47", "48", "49"]


def test_only_the_rules_that_are_named_go_there(receiver: Receiver) -> None:
    sink = hook(receiver, rules=("door",))
    for name in ("till", "door"):
        sink.put(alert(name))
    wait_for(lambda: sink.delivered == 1, 5, "delivered")
    sink.stop()
    assert receiver.rules() == ["door"]


def test_sinks_take_alerts_off_the_bus_and_nothing_else(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s")
    bus = Bus()
    sinks = Sinks(AlertSettings.model_validate({"webhooks": [{"url": receiver.url, "secret_env": "HOOK_SECRET"}]}), bus,
                  ManualClock(NOW))
    sinks.start()
    bus.publish([{"type": "link"}, {"type": "event", "kind": "track_started", "data": {}}, alert("door")])
    wait_for(lambda: sinks.webhooks[0].delivered == 1, 5, "delivered")
    sinks.stop()
    assert bus.subscribers == 0
    assert receiver.rules() == ["door"]


def test_a_secret_that_is_missing_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    settings = AlertSettings.model_validate({"webhooks": [{"url": "http://h/", "secret_env": "NO_SUCH_SECRET"}]})
    with pytest.raises(ConfigError, match="NO_SUCH_SECRET"):
        Sinks(settings, Bus(), ManualClock(NOW))


@pytest.mark.parametrize(("settings", "told"), [
    ({"webhooks": [{"url": "ftp://h"}]}, "no address"),
    ({"webhooks": [{"url": "http://h", "rules": ["x"]}]}, "no rule"),
    ({"rules": [{"name": "a", "when": "silent"}] * 2}, "two rules")])
def test_settings_that_make_no_sense_are_explained(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AlertSettings.model_validate(settings)
