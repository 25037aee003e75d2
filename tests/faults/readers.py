"""Readers that ask and never read the answer."""

from __future__ import annotations

import socket
import urllib.parse
from collections.abc import Callable

_UPGRADE = ("GET /api/ws/events HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
_ASK = "GET /api/openapi.json HTTP/1.1\r\nHost: {host}\r\n\r\n"


def stubborn_readers(api: str, count: int) -> Callable[[], None]:
    """Open `count` of each kind; the returned function closes them."""
    parts = urllib.parse.urlsplit(api)
    assert parts.hostname is not None
    assert parts.port is not None
    open_: list[socket.socket] = []
    for text, times in ((_UPGRADE, 1), (_ASK, 50)):
        for _ in range(count):
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            reader.settimeout(2)
            reader.connect((parts.hostname, parts.port))
            reader.sendall(text.format(host=parts.netloc).encode() * times)
            open_.append(reader)

    def close() -> None:
        for reader in open_:
            reader.close()
    return close
