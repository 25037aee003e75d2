"""`aggregator.yaml`: everything that can be set, with what works on one machine as default."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from aggregator.api.settings import ApiSettings
from aggregator.engine.settings import EngineSettings
from aggregator.linking.settings import LinkingSettings
from aggregator.privacy.settings import RetentionSettings
from aggregator.sinks.settings import AlertSettings
from common import endpoints
from common.errors import ConfigError
from common.settings import Settings


class StoreSettings(Settings):
    """The database in the data folder."""

    min_free_mb: int = Field(
        default=16, ge=0,
        description="MiB that must be free in the data folder at the start. A disk that fills up later stops storing, "
                    "not the aggregator: agents keep what is not stored")
    check_mb: int = Field(
        default=256, ge=0,
        description="a database up to so many MiB is read and checked at the start, and mended if it is not whole; a "
                    "larger one once damage was met in it")


class AggregatorSettings(Settings):
    """The aggregator. Everything has a default; without a file it works on loopback."""

    listen: str = Field(
        default="tcp://127.0.0.1:5599",
        description="where agents connect; port 0 takes a free one. Anything but loopback needs keys")
    http: str = Field(
        default="127.0.0.1:8600", description="where the HTTP API listens, HOST:PORT; port 0 takes a free one")
    http_allow_remote: bool = Field(
        default=False,
        description="let 'http' be an address that other machines reach although it has no TLS: tokens and answers "
                    "cross the network in the clear")
    data: Path = Field(default=Path("passage-data"), description="folder of the database and keys; made when missing")
    keys: Path | None = Field(
        default=None,
        description="folder of keys as 'aggregator keys' makes it; not set: DATA/keys when 'listen' is not on "
                    "loopback, and no keys on loopback")
    agents: tuple[str, ...] | None = Field(
        default=None, description="names of the agents that may connect; not set: all (with keys: all that have one)")
    layout: Path | None = Field(
        default=None,
        description="camera layout file with the transit times between cameras; not set: they are learned")
    log: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level of log lines")
    log_format: Literal["text", "json"] = Field(
        default="text", description="how log lines are written; json is for machines")
    linking: LinkingSettings = Field(default=LinkingSettings(), description="who counts as the same person")
    engine: EngineSettings = Field(default=EngineSettings(), description="how messages are taken")
    store: StoreSettings = Field(default=StoreSettings(), description="the database")
    alerts: AlertSettings = Field(default=AlertSettings(), description="when to say something, and to whom")
    embedding_key: Path | None = Field(
        default=None, description="key file by which embeddings are turned before they are kept, as 'aggregator rekey' "
                                  "makes it; not set: they are kept as they come")
    retention: RetentionSettings = Field(default=RetentionSettings(), description="how long what is kept")
    api: ApiSettings = Field(default=ApiSettings(), description="the HTTP API's limits")

    @field_validator("listen")
    @classmethod
    def _is_endpoint(cls, value: str) -> str:
        try:
            endpoints.parse(value)
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.cure}") from error
        return value

    @field_validator("http")
    @classmethod
    def _is_address(cls, value: str) -> str:
        split_address(value)
        return value


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:8600`, `localhost:0`, `[::1]:8600` → host without brackets, port.

    Raises:
        ValueError: it is none.
    """
    host, separator, digits = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        separator = ""
    if not (separator and host and digits.isascii() and digits.isdecimal() and int(digits) <= 65535):
        raise ValueError("is no HOST:PORT; write it as 127.0.0.1:8600 or [::1]:8600")
    return host, int(digits)
