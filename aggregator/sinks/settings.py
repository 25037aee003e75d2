"""Whom to tell of alerts."""

from __future__ import annotations

import os
from collections import Counter
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from aggregator.alerts.rules import Rule
from common.errors import ConfigError
from common.settings import Settings


class WebhookSettings(Settings):
    """An address that takes alerts as JSON."""

    url: str = Field(max_length=2000, description="http:// or https://; gets a POST for each alert")
    secret_env: str | None = Field(
        default=None, description="environment variable that holds the secret to sign with; not set: not signed")
    rules: tuple[str, ...] = Field(default=(), description="names of the rules that go there; none named: all")
    timeout_s: float = Field(default=10.0, gt=0, le=300, description="patience with an answer")
    queue: int = Field(default=1000, ge=1, le=1_000_000,
                       description="alerts that wait at most; the oldest are dropped, and it says so")
    retry_least_s: float = Field(default=1.0, gt=0, description="seconds until a second try; doubles with each")
    retry_most_s: float = Field(default=300.0, gt=0, description="the same, after many")
    give_up_s: float = Field(default=86400.0, gt=0, description="an alert that could not be delivered for so long is "
                                                                "dropped")

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no address such as https://example.org/hook")
        return url


class MqttSettings(Settings):
    """An MQTT broker."""

    host: str = Field(min_length=1, description="name or address of the broker")
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with TLS")
    tls: bool = Field(default=False, description="encrypt; the broker's certificate must be one that this machine "
                                                 "trusts")
    username: str | None = Field(default=None, description="who we are to the broker")
    password_env: str | None = Field(default=None, description="environment variable that holds the password")
    client_id: str = Field(default="passage", min_length=1, max_length=60, description="unique at the broker")
    prefix: str = Field(default="passage", pattern=r"^[^#+\s]+$", description="topics begin with it")
    discovery: str | None = Field(
        default="homeassistant", pattern=r"^[^#+\s]+$",
        description="prefix under which Home Assistant looks for devices; null announces nothing")
    queue: int = Field(default=1000, ge=1, le=1_000_000, description="messages that wait at most while it is away")


class AlertSettings(Settings):
    """When to say something, and to whom. Alerts are always in the stream of events, as kind `alert`."""

    rules: tuple[Rule, ...] = Field(default=(), description="when to say something")
    webhooks: tuple[WebhookSettings, ...] = Field(default=(), description="addresses that take alerts")
    mqtt: MqttSettings | None = Field(default=None, description="a broker; needs pip install 'passage[mqtt]'")

    @model_validator(mode="after")
    def _named(self) -> AlertSettings:
        names = Counter(rule.name for rule in self.rules)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"two rules are named '{twice[0]}'")
        for hook in self.webhooks:
            if strange := [name for name in hook.rules if name not in names]:
                raise ValueError(f"webhook {hook.url}: there is no rule '{strange[0]}'")
        return self


def secret(variable: str | None) -> str | None:
    """What an environment variable holds; None when none is named.

    Raises:
        ConfigError: it is named and not set.
    """
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(f"the environment variable {variable} is not set", f"export {variable}=… before starting")
    return value
