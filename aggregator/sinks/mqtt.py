"""`Mqtt`: alerts and zones to a broker, and to Home Assistant by its discovery.

Topics, below the prefix: `status` (online, offline; retained), `alert/RULE` (JSON, each alert), `state/RULE` (ON, OFF;
retained; for what lasts), `zone/CAMERA/ZONE` (people inside; retained).
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Sequence
from typing import Any

import orjson

from aggregator.alerts.rules import Rule
from aggregator.engine.bus import News
from aggregator.sinks.settings import MqttSettings
from common import __version__
from common.errors import ConfigError

log = logging.getLogger("sinks")

MOST_ZONES = 10_000
"""Zones that the broker is told of."""
_ICONS = {"zone": "mdi:vector-square", "line": "mdi:arrow-decision", "dwell": "mdi:timer-sand",
          "crowd": "mdi:account-group", "identity": "mdi:account-search", "silent": "mdi:video-off"}


def slug(text: str) -> str:
    """A name as Home Assistant and topics take it; names that differ stay different."""
    plain = re.sub(r"[^a-zA-Z0-9_-]+", "_", text)
    return plain if plain == text else f"{plain}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"


class Mqtt:
    """One broker. paho's thread connects, and connects again when it is lost.

    Args:
        settings: see there.
        password: None for none.
        rules: to announce.

    Raises:
        ConfigError: the client library is not installed.
    """

    def __init__(self, settings: MqttSettings, password: str | None, rules: Sequence[Rule]) -> None:
        try:
            from paho.mqtt import client as paho
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise ConfigError("alerts.mqtt needs paho-mqtt, which is not installed",
                              "pip install 'passage[mqtt]'") from error
        self._settings, self._rules = settings, tuple(rules)
        self._lock = threading.Lock()
        self._zones: dict[tuple[str, str], int] = {}
        self._states: dict[str, set[str]] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=settings.client_id)
        self._client.max_queued_messages_set(settings.queue)
        self._client.will_set(self._topic("status"), "offline", qos=1, retain=True)
        self._client.reconnect_delay_set(1, 60)
        if settings.username is not None:
            self._client.username_pw_set(settings.username, password)
        if settings.tls:
            self._client.tls_set()
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._lost

    def start(self) -> None:
        """Begin to connect; the broker may come later."""
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=30)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye and end."""
        if self._client.is_connected():
            self._client.publish(self._topic("status"), "offline", qos=1, retain=True).wait_for_publish(1.0)
            self._client.disconnect()
        self._client.loop_stop()

    def put(self, news: News) -> None:
        """An alert, or a zone whose number has changed; returns at once."""
        if news.get("type") == "zone":
            key = (str(news["camera"]), str(news["zone"]))
            with self._lock:
                if key not in self._zones and len(self._zones) >= MOST_ZONES:
                    return
                new, self._zones[key] = key not in self._zones, int(news["now"])
            if new:
                self._announce_zone(*key)
            self._publish(self._zone_topic(*key), str(news["now"]), retain=True)
            return
        rule, state = str(news["data"]["rule"]), news["data"]["state"]
        self._publish(self._topic("alert", slug(rule)), orjson.dumps(dict(news)))
        if state != "alert":
            place = f"{news['camera']}/{news['data']['about']}"
            with self._lock:
                places = self._states.setdefault(rule, set())
                (places.add if state == "raised" else places.discard)(place)
                value = "ON" if places else "OFF"
            self._publish(self._topic("state", slug(rule)), value, retain=True)

    def _publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain)

    def _topic(self, *parts: str) -> str:
        return "/".join((self._settings.prefix, *parts))

    def _zone_topic(self, camera: str, zone: str) -> str:
        return self._topic("zone", slug(camera), slug(zone))

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("MQTT broker %s:%d refuses us: %s", self._settings.host, self._settings.port, reason)
            return
        log.info("connected to MQTT broker %s:%d", self._settings.host, self._settings.port)
        self._publish(self._topic("status"), "online", retain=True)
        with self._lock:
            zones = dict(self._zones)
            states = {rule: bool(places) for rule, places in self._states.items()}
        for rule in self._rules:
            self._announce_rule(rule)
            if rule.lasting:
                self._publish(self._topic("state", slug(rule.name)), "ON" if states.get(rule.name) else "OFF",
                              retain=True)
        for key, number in zones.items():
            self._announce_zone(*key)
            self._publish(self._zone_topic(*key), str(number), retain=True)

    def _lost(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("MQTT broker %s:%d is lost (%s); alerts wait", self._settings.host, self._settings.port, reason)

    def _announce_rule(self, rule: Rule) -> None:
        own: dict[str, Any] = {"name": rule.name, "icon": _ICONS[rule.when]}
        if rule.lasting:
            self._announce("binary_sensor", f"rule_{slug(rule.name)}", own | {
                "state_topic": self._topic("state", slug(rule.name)),
                "json_attributes_topic": self._topic("alert", slug(rule.name)),
                **({"device_class": "problem"} if rule.when == "silent" else {})})
        else:
            self._announce("event", f"rule_{slug(rule.name)}", own | {
                "state_topic": self._topic("alert", slug(rule.name)), "event_types": ["alert"],
                "value_template": "{{ {'event_type': value_json.data.state, 'camera': value_json.camera, "
                                  "'text': value_json.data.text} | tojson }}"})

    def _announce_zone(self, camera: str, zone: str) -> None:
        self._announce("sensor", f"zone_{slug(camera)}_{slug(zone)}", {
            "name": f"{camera} {zone}", "icon": "mdi:account-multiple", "state_class": "measurement",
            "unit_of_measurement": "people", "state_topic": self._zone_topic(camera, zone)})

    def _announce(self, component: str, name: str, config: dict[str, Any]) -> None:
        if self._settings.discovery is None:
            return
        unique = f"{slug(self._settings.client_id)}_{name}"
        self._publish(f"{self._settings.discovery}/{component}/{unique}/config", orjson.dumps({
            **config, "unique_id": unique, "availability_topic": self._topic("status"),
            "device": {"identifiers": [slug(self._settings.client_id)], "name": "Passage", "sw_version": __version__},
            "origin": {"name": "Passage", "sw": __version__},
        }), retain=True)
