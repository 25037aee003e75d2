"""The box's own browser: with its token, on this machine, and only cameras that allow it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import aiohttp
import numpy as np
import pytest

from common.detections import Detections
from common.errors import ConfigError
from common.local_token import read_local_token
from edge_agent.capture.frame import Frame
from edge_agent.preview.previewer import Previewer
from edge_agent.preview.server import LocalPreview
from edge_agent.preview.settings import PreviewSettings
from tests.edge_agent.preview.test_blur import tracked


@pytest.fixture
def box(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalPreview]:
    """Two cameras that see something ten times a second; only `yard` may be looked at."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    previewer = Previewer({"yard": PreviewSettings(allow=True), "hall": PreviewSettings()}, lambda: ["person"],
                          lambda: None)
    server = LocalPreview("127.0.0.1:0", previewer).start()
    previewer.start()
    ended = threading.Event()

    def see() -> None:
        while not ended.wait(0.05):
            for camera in ("yard", "hall"):
                previewer.offer(Frame(camera, 0, time.time(), np.zeros((90, 160, 3), np.uint8)), Detections.empty(),
                                tracked(), {})

    seeing = threading.Thread(target=see)
    seeing.start()
    yield server
    ended.set()
    seeing.join()
    previewer.stop()
    server.stop()


def talk(box: LocalPreview, conversation: Callable[[aiohttp.ClientSession, str, str], Awaitable[None]]) -> None:
    parts = urlsplit(box.url)

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            await conversation(session, f"http://{parts.netloc}", parts.query)

    asyncio.run(run())


def test_jpeg_motion_jpeg_and_websocket(box: LocalPreview) -> None:
    async def conversation(session: aiohttp.ClientSession, base: str, token: str) -> None:
        async with session.get(f"{base}/yard.jpg?{token}") as answer:
            assert answer.status == 200
            assert (await answer.read())[:2] == b"\xff\xd8"
        async with session.get(f"{base}/yard.mjpg?{token}") as answer:
            for _ in range(3):
                await answer.content.readuntil(b"Content-Type: image/jpeg\r\n")
        async with session.ws_connect(f"{base}/ws/yard?{token}") as socket:
            assert (await socket.receive_bytes(timeout=5))[:2] == b"\xff\xd8"
        async with session.get(f"{base}/?{token}") as answer:
            assert "/yard.mjpg" in await answer.text()

    talk(box, conversation)


def test_without_the_token_nobody_sees_anything(box: LocalPreview) -> None:
    async def conversation(session: aiohttp.ClientSession, base: str, token: str) -> None:
        for path in ("/", "/yard.jpg", "/yard.mjpg", "/ws/yard", "/yard.jpg?token=wrong"):
            async with session.get(base + path) as answer:
                assert answer.status == 401, path
        port = urlsplit(base).port
        assert port is not None
        given = read_local_token(port)
        async with session.get(f"{base}/yard.jpg", headers={"Authorization": f"Bearer {given}"}) as answer:
            assert answer.status == 200, "this user's own programs find it"

    talk(box, conversation)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_foreign_names_and_pages_are_refused(box: LocalPreview, headers: dict[str, str]) -> None:
    async def conversation(session: aiohttp.ClientSession, base: str, token: str) -> None:
        async with session.get(f"{base}/yard.jpg?{token}", headers=headers) as answer:
            assert answer.status == 403

    talk(box, conversation)


def test_a_camera_that_does_not_allow_it_is_not_there(box: LocalPreview) -> None:
    async def conversation(session: aiohttp.ClientSession, base: str, token: str) -> None:
        for name in ("hall", "nothing"):
            async with session.get(f"{base}/{name}.jpg?{token}") as answer:
                assert answer.status == 404

    talk(box, conversation)


@pytest.mark.parametrize("address", ["0.0.0.0:8601", "192.0.2.1:8601", "box.example:8601", "127.0.0.1", "8601"])
def test_it_listens_on_loopback_only(address: str) -> None:
    with pytest.raises(ConfigError, match="preview_http"):
        LocalPreview(address, Previewer({}, list, lambda: None))


def test_a_port_in_use_says_so(box: LocalPreview) -> None:
    taken = urlsplit(box.url).netloc
    with pytest.raises(ConfigError, match="cannot listen"):
        LocalPreview(taken, Previewer({}, list, lambda: None)).start()
