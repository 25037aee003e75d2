"""What can be set about the HTTP API."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from common.settings import Settings


class ApiSettings(Settings):
    """The HTTP API's limits."""

    hosts: tuple[str, ...] = Field(
        default=(),
        description="names besides 'localhost' and plain addresses under which browsers reach this server; "
                    "requests under another name are refused, so that no foreign page can read answers by DNS tricks")
    open_loopback: bool = Field(
        default=False,
        description="let everybody with an account on this machine ask everything without a token, as long as 'http' "
                    "is on loopback and no proxy stands before it; for trying things out")
    tls_certificate: Path | None = Field(
        default=None, description="PEM file with the server's certificate and those that lead to its issuer: HTTPS. "
                                  "Read again when it changes")
    tls_key: Path | None = Field(default=None, description="PEM file with the certificate's key, readable by its "
                                                           "owner only")
    proxies: tuple[str, ...] = Field(
        default=(), description="addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed")
    session_hours: float = Field(default=12.0, gt=0, le=24 * 365,
                                 description="hours after which a browser must log in again")
    failures_per_minute: int = Field(
        default=10, ge=1, le=100_000,
        description="wrong tokens from one address within a minute after which it is refused for a minute")
    readers: int = Field(default=4, ge=1, le=64,
                         description="threads that read the store, each with its own connection")
    max_upload_bytes: int = Field(default=8 << 20, ge=1024, le=256 << 20,
                                  description="largest request body, such as a picture to search with")
    max_picture_pixels: int = Field(default=40_000_000, ge=1024, le=400_000_000,
                                    description="largest picture to search with, width × height")
    max_sockets: int = Field(default=200, ge=1, le=10_000, description="WebSocket connections at one time")
    max_viewers: int = Field(default=100, ge=1, le=10_000, description="viewers of live pictures at one time")
    socket_queue: int = Field(
        default=256, ge=1, le=100_000,
        description="messages kept for a slow WebSocket reader; the oldest are dropped and counted")
    socket_ping_s: float = Field(default=20.0, gt=0, le=600,
                                 description="seconds between pings; a reader that answers none is disconnected")
    stats_interval_s: float = Field(default=1.0, ge=0.05, le=60,
                                    description="seconds between messages on /api/ws/stats")
    check_answers: bool = Field(
        default=False, description="check every answer against the OpenAPI document before it is sent; for tests")
