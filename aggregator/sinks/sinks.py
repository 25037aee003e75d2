"""`Sinks`: takes alerts off the bus and hands them to whoever is to be told."""

from __future__ import annotations

from collections.abc import Callable

from aggregator.alerts.watch import KIND
from aggregator.engine.bus import Bus, News
from aggregator.sinks.mqtt import Mqtt
from aggregator.sinks.settings import AlertSettings, secret
from aggregator.sinks.webhook import Webhook
from common.clock import Clock


class Sinks:
    """All receivers of the settings.

    Args:
        settings: see there.
        bus: where alerts are told of once they are on the disk.
        clock: UTC.

    Raises:
        ConfigError: an environment variable or a library is missing.
    """

    def __init__(self, settings: AlertSettings, bus: Bus, clock: Clock) -> None:
        self.webhooks = [Webhook(hook, secret(hook.secret_env), clock) for hook in settings.webhooks]
        self.mqtt = None if settings.mqtt is None else Mqtt(
            settings.mqtt, secret(settings.mqtt.password_env), settings.rules)
        self._bus = bus
        self._leave: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to listen."""
        for sink in (*self.webhooks, self.mqtt):
            if sink is not None:
                sink.start()
        if self.webhooks or self.mqtt:
            self._leave = self._bus.subscribe(self._take)

    def stop(self) -> None:
        """Tell what can be told at once, then end."""
        self._leave()
        for sink in (*self.webhooks, self.mqtt):
            if sink is not None:
                sink.stop()

    def _take(self, news: News) -> None:
        if news["type"] == "event" and news["kind"] == KIND:
            for hook in self.webhooks:
                hook.put(news)
            if self.mqtt is not None:
                self.mqtt.put(news)
        elif news["type"] == "zone" and self.mqtt is not None:
            self.mqtt.put(news)
