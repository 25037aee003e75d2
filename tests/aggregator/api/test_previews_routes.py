from __future__ import annotations

import asyncio
import struct
from typing import Any

import orjson
import pytest
from aiohttp import WSMsgType

from aggregator.api.routes import previews as routes
from aggregator.previews import Previews
from common.messages import Mark, Message, Picture, Preview


def picture(camera: str, number: int) -> Picture:
    return Picture(camera=camera, number=number, time=1.7e9 + number, width=64, height=48,
                   jpeg=b"\xff\xd8picture %d" % number, marks=(Mark(track=3, name="G1", box=(0.1, 0.2, 0.3, 0.4)),))


@pytest.fixture
def live(site: Any) -> Any:
    """Both cameras' box answers a request with pictures."""
    class Box:
        def __init__(self) -> None:
            self.asked: list[Preview] = []
            self.previews = Previews(self.send)
            self.number = 0

        def send(self, agent: str, message: Message) -> None:
            assert isinstance(message, Preview)
            self.asked.append(message)
            if message.on:
                asyncio.get_running_loop().call_later(0.01, self.shoot, agent, message.camera)

        def shoot(self, agent: str, camera: str) -> None:
            self.number += 1
            self.previews.take(agent, picture(camera, self.number))

    stats = site.engine.stats

    def with_preview() -> dict[str, Any]:
        told = stats()
        told["cameras"] = {"left": {"fps": 9.9, "preview": 1.0}, "right": {"fps": 9.9}}
        return told

    site.engine.stats = with_preview
    site.box = Box()
    site.pictures = site.box.previews
    return site


def test_one_frame(live: Any) -> None:
    answer = live.ask("/api/cameras/left/frame?width=320")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body == b"\xff\xd8picture 1"
    assert [(asked.on, asked.width) for asked in live.box.asked] == [(True, 320), (False, 0)]


def test_a_camera_whose_box_keeps_pictures_to_itself_says_so(live: Any) -> None:
    answer = live.ask("/api/cameras/right/frame")
    assert (answer.status, answer.error["code"]) == (409, "preview_off")
    assert "preview: {allow: true}" in answer.error["cure"]
    assert live.box.asked == []
    told = {camera["camera"]: camera["preview"] for camera in live.ask("/api/cameras").json["cameras"]}
    assert told == {"left": True, "right": False}


def test_a_camera_that_nobody_knows_is_not_found(live: Any) -> None:
    for path in ("/api/cameras/lef/frame", "/api/cameras/lef.mjpg"):
        assert "did you mean 'left'" in live.ask(path).error["cure"]


def test_a_box_that_gives_no_picture_is_waited_for_and_told(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "FIRST_S", 0.1)
    live.box.shoot = lambda *_: None
    assert live.ask("/api/cameras/left/frame").error["code"] == "no_picture"


def test_motion_jpeg(live: Any) -> None:
    async def conversation(client: Any) -> None:
        async with client.get("/api/cameras/left.mjpg") as answer:
            assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=picture"
            first = await answer.content.readuntil(b"picture 1\r\n")
            assert first.startswith(b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: 11\r\n")
            live.box.shoot("box", "left")
            assert b"2023-11-14T22:13:22.000Z" in await answer.content.readuntil(b"picture 2\r\n")

    live.talk(conversation)


def test_jpegs_over_a_websocket(live: Any) -> None:
    async def conversation(client: Any) -> None:
        async with client.ws_connect("/ws/left") as socket:
            message = await socket.receive(5)
            assert (message.type, message.data) == (WSMsgType.BINARY, b"\xff\xd8picture 1")

    live.talk(conversation)


def test_several_cameras_over_one_websocket_tell_who_is_where(live: Any) -> None:
    async def conversation(client: Any) -> None:
        for query in ("", "?camera=left&width=320&fps=5"):
            async with client.ws_connect(f"/api/ws/pictures{query}") as socket:
                data = (await socket.receive(5)).data
                (length,) = struct.unpack_from("<I", data)
                about = orjson.loads(data[4:4 + length])
                assert about["camera"] == "left"
                assert about["marks"] == [{"track": 3, "global_id": "G1", "box": [0.1, 0.2, 0.3, 0.4]}]
                assert data[4 + length:].startswith(b"\xff\xd8picture")

    live.talk(conversation)


def test_foreign_pages_may_not_look(live: Any) -> None:
    async def conversation(client: Any) -> None:
        headers = {"Origin": "http://evil.example", "Upgrade": "websocket", "Connection": "Upgrade",
                   "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        async with client.get("/ws/left", headers=headers) as answer:
            assert answer.status == 403

    live.talk(conversation)


def test_plain_requests_for_a_websocket_are_told(live: Any) -> None:
    assert live.ask("/ws/left").status == 426


def test_a_viewer_that_does_not_read_gets_fewer_pictures_and_holds_up_nobody(live: Any) -> None:
    big = b"\xff\xd8" + bytes(300_000)

    def shoot(number: int) -> None:
        live.box.previews.take("box", Picture(camera="left", number=number, time=1.7e9, width=64, height=48, jpeg=big))

    async def conversation(client: Any) -> None:
        async with client.ws_connect("/ws/left", max_msg_size=0) as quick, client.get("/api/cameras/left.mjpg") as slow:
            await quick.receive(5)
            got = 0
            for number in range(60):
                shoot(number + 2)
                message = await quick.receive(5)
                got += message.type == WSMsgType.BINARY
            assert got == 60
            assert slow.status == 200
            # 18 MB went past it; what waits for it is a fraction.
            waiting = [viewer for viewer in live.box.previews._wishes if viewer.skipped]
            assert waiting
            assert waiting[0].skipped > 20

    live.talk(conversation)
