"""Alerts through a real Mosquitto."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregator.alerts import Rule
from aggregator.sinks.mqtt import Mqtt, slug
from aggregator.sinks.settings import MqttSettings
from tests.support.site import free_port, wait_for

paho = pytest.importorskip("paho.mqtt.client")
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed (apt-get install mosquitto)")

RULES = (Rule(name="door", when="line", line="door"), Rule(name="full till", when="crowd", zone="till", people=3))


class Broker:
    """A Mosquitto on loopback that can be stopped and started again, with one user."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        passwords = folder / "passwords"
        passwords.write_text("passage:secret\n")
        subprocess.run([str(shutil.which("mosquitto_passwd") or "mosquitto_passwd"), "-U", str(passwords)], check=True,
                       capture_output=True)
        self.config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
                               f"persistence true\npersistence_location {folder}/\nuser root\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([str(MOSQUITTO), "-c", str(self.config)], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)


class Listener:
    """Hears every topic, also what came while it was away itself: the broker keeps it under its name."""

    def __init__(self, port: int, name: str = "listener") -> None:
        self.got: list[tuple[str, bytes, bool]] = []
        self.ready = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.client.username_pw_set("passage", "secret")
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda _c, _d, m: self.got.append((m.topic, m.payload, m.retain))
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(15)

    def last(self, topic: str) -> Any:
        found = [payload for name, payload, _ in list(self.got) if name == topic]
        return found[-1] if found else None

    def wait(self, topic: str, fits: Callable[[bytes], bool]) -> None:
        wait_for(lambda: self.last(topic) is not None and fits(self.last(topic)), 20, f"{topic}: {self.last(topic)}")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    yield made
    made.stop()


def mqtt(broker: Broker, **more: Any) -> Mqtt:
    return Mqtt(MqttSettings(host="127.0.0.1", port=broker.port, username="passage", **more), "secret", RULES)


def alert(rule: str, state: str = "alert", about: str = "", camera: str = "hall") -> dict[str, Any]:
    return {"type": "event", "kind": "alert", "camera": camera,
            "data": {"rule": rule, "state": state, "about": about, "text": "something"}}


def test_home_assistant_discovers_rules_and_zones_and_is_told(broker: Broker) -> None:
    listener = Listener(broker.port)
    sink = mqtt(broker)
    sink.start()
    full = slug("full till")
    listener.wait(f"homeassistant/binary_sensor/passage_rule_{full}/config",
                  lambda p: json.loads(p)["name"] == "full till")
    config = json.loads(listener.last(f"homeassistant/binary_sensor/passage_rule_{full}/config"))
    assert config["state_topic"] == f"passage/state/{full}"
    assert config["availability_topic"] == "passage/status"
    assert json.loads(listener.last("homeassistant/event/passage_rule_door/config"))["event_types"] == ["alert"]
    listener.wait("passage/status", lambda p: p == b"online")
    listener.wait(f"passage/state/{full}", lambda p: p == b"OFF")

    sink.put(alert("door"))
    listener.wait("passage/alert/door", lambda p: json.loads(p) == alert("door"))
    sink.put(alert("full till", "raised", "till"))
    listener.wait(f"passage/state/{full}", lambda p: p == b"ON")
    sink.put(alert("full till", "raised", "till", "yard"))
    sink.put(alert("full till", "cleared", "till"))
    sink.put({"type": "zone", "camera": "hall", "zone": "till", "now": 2})
    listener.wait("passage/zone/hall/till", lambda p: p == b"2")
    assert listener.last(f"passage/state/{full}") == b"ON", "crowded in the other camera still"
    assert json.loads(listener.last("homeassistant/sensor/passage_zone_hall_till/config"))["state_topic"] == \
        "passage/zone/hall/till"
    sink.stop()
    listener.wait("passage/status", lambda p: p == b"offline")
    listener.close()
    late = Listener(broker.port, "late")  # Home Assistant that starts later
    late.wait("passage/zone/hall/till", lambda p: p == b"2")
    late.wait(f"homeassistant/binary_sensor/passage_rule_{full}/config", bool)
    assert late.last("passage/alert/door") is None, "an old alert is not told as if it were new"
    late.close()


def test_alerts_wait_while_the_broker_is_away(broker: Broker) -> None:
    sink = mqtt(broker, discovery=None)
    sink.start()
    listener = Listener(broker.port)
    wait_for(sink._client.is_connected, 15, "connected")
    broker.stop()
    wait_for(lambda: not sink._client.is_connected(), 15, "lost")
    sink.put(alert("door", about="while away"))
    broker.start()
    listener.wait("passage/alert/door", lambda p: json.loads(p)["data"]["about"] == "while away")
    assert not any(topic.startswith("homeassistant") for topic, _, _ in listener.got)
    sink.stop()
    listener.close()


def test_names_that_differ_have_topics_that_differ() -> None:
    assert slug("till") == "till"
    assert len({slug("full till"), slug("full/till"), slug("full_till"), slug("füll till")}) == 4
    assert all(c.isalnum() or c in "_-" for c in slug("a b/c#+"))
