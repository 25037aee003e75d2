"""`LocalPreview`: the box's own cameras in a browser on the box, without an aggregator. On loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import socket
import threading
from collections.abc import AsyncIterator
from html import escape
from urllib.parse import quote, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from common.endpoints import is_loopback_host
from common.errors import ConfigError
from common.local_token import local_token_file, remove_local_token, write_local_token
from common.messages import Picture
from common.pictures import Shown, Viewer
from edge_agent.preview.previewer import LEASE_S, Previewer

log = logging.getLogger("passage.preview")

SINK = "local"
MOST_VIEWERS = 16
BOUNDARY = "picture"
HELD_BYTES = 256 << 10
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
           "Content-Security-Policy": "default-src 'none'; img-src 'self'; frame-ancestors 'none'"}


class LocalPreview:
    """A thread with a small web server: `/`, `/CAMERA.jpg`, `/CAMERA.mjpg`, and JPEGs over a WebSocket at `/ws/CAMERA`.

    Who asks needs the token that lies where only this user can read it, as `?token=` or as a bearer token.

    Args:
        address: HOST:PORT on loopback; port 0 takes a free one.
        previewer: where pictures come from. The sink is added here, so before it starts.

    Attributes:
        url: where it is, with the token, once `start` has returned.

    Raises:
        ConfigError: other machines could reach that address.
    """

    def __init__(self, address: str, previewer: Previewer) -> None:
        self._host, _, port = address.rpartition(":")
        if not port.isdecimal() or not is_loopback_host(self._host.strip("[]")):
            raise ConfigError(f"preview_http {address}: pictures would leave this box without a lock",
                              "listen on loopback, such as 127.0.0.1:8601; others look through the aggregator")
        self._port = int(port)
        self._previewer = previewer
        self._shown = Shown()
        self._watched: dict[Viewer, str] = {}
        self._token = secrets.token_urlsafe(24)
        self.url = ""
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="preview-http", daemon=True)
        previewer.add_sink(SINK, self._shown.publish)

    def start(self) -> LocalPreview:
        """Listen.

        Raises:
            ConfigError: the port is in use.
        """
        self._thread.start()
        self._ready.wait(10.0)
        if self._failure is not None:
            raise ConfigError(f"preview_http: cannot listen on {self._host}:{self._port}: {self._failure.strerror}",
                              "give another port")
        return self

    def stop(self) -> None:
        """End it."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=3.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._shown.attach()
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._page)
        app.router.add_get("/ws/{camera}", self._socket)
        app.router.add_get("/{camera}.jpg", self._jpeg)
        app.router.add_get("/{camera}.mjpg", self._mjpeg)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        renewing = asyncio.create_task(self._renew())
        port = 0
        try:
            await web.TCPSite(runner, self._host.strip("[]"), self._port).start()
            port = runner.addresses[0][1]
            write_local_token(port, self._token)
            log.info("cameras are shown at http://%s:%d/?token=…, with the token in %s", self._host, port,
                     local_token_file(port))
            self.url = f"http://{self._host}:{port}/?token={self._token}"
            self._ready.set()
            await self._stopping.wait()
        finally:
            renewing.cancel()
            if port:
                remove_local_token(port, self._token)
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only this user, and only on purpose: no foreign name (DNS rebinding), no foreign page."""
        origin = request.headers.get("Origin")
        if not is_loopback_host(urlsplit(f"//{request.host}").hostname or "") or (
                origin is not None and urlsplit(origin).netloc != request.host):
            raise web.HTTPForbidden(text="ask from this machine")
        given = request.query.get("token") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPUnauthorized(text="the agent's log says where the token lies: open /?token=TOKEN")
        return await handler(request)

    async def _renew(self) -> None:
        while True:
            for camera in set(self._watched.values()):
                self._previewer.ask(SINK, camera, True)
            await asyncio.sleep(LEASE_S / 3)

    @contextlib.asynccontextmanager
    async def _watching(self, request: web.Request) -> AsyncIterator[Viewer]:
        camera = request.match_info["camera"]
        if camera not in self._previewer.allowed:
            raise web.HTTPNotFound(text=f"no camera '{camera[:60]}' with 'preview: {{allow: true}}'")
        if len(self._watched) >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_VIEWERS} look already")
        viewer = Viewer([camera])
        self._watched[viewer] = camera
        self._shown.add(viewer)
        self._previewer.ask(SINK, camera, True)
        try:
            yield viewer
        finally:
            self._shown.remove(viewer)
            del self._watched[viewer]
            if camera not in self._watched.values():
                self._previewer.ask(SINK, camera, False)

    async def _page(self, _request: web.Request) -> web.Response:
        pictures = "".join(
            f'<p>{escape(name)}<br><img alt="" src="/{quote(name)}.mjpg?token={self._token}"></p>'
            for name in sorted(self._previewer.allowed)) or "<p>No camera allows it: set preview: {allow: true}."
        return web.Response(text=f"<!doctype html><title>Cameras</title>{pictures}", content_type="text/html",
                            headers=HEADERS)

    async def _jpeg(self, request: web.Request) -> web.Response:
        async with self._watching(request) as viewer:
            picture = await self._next(viewer)
        if picture is None:
            raise web.HTTPServiceUnavailable(text="the camera gave no picture")
        return web.Response(body=picture.jpeg, content_type="image/jpeg", headers=HEADERS)

    async def _mjpeg(self, request: web.Request) -> web.StreamResponse:
        async with self._watching(request) as viewer:
            response = web.StreamResponse(
                headers=HEADERS | {"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
            await response.prepare(request)
            _hold_little(request)
            with contextlib.suppress(ConnectionError):
                while request.transport is not None and not request.transport.is_closing():
                    if (picture := await self._next(viewer)) is not None:
                        head = (f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                                f"Content-Length: {len(picture.jpeg)}\r\n\r\n")
                        await response.write(head.encode() + picture.jpeg + b"\r\n")
            return response

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        async with self._watching(request) as viewer:
            answer = web.WebSocketResponse(timeout=1.0, heartbeat=20.0, max_msg_size=1024, compress=False)
            await answer.prepare(request)
            _hold_little(request)
            sending = asyncio.create_task(self._send(answer, viewer))
            try:
                async for _ in answer:
                    pass
            finally:
                sending.cancel()
            return answer

    async def _send(self, answer: web.WebSocketResponse, viewer: Viewer) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.send_bytes((await viewer.next()).jpeg)

    @staticmethod
    async def _next(viewer: Viewer) -> Picture | None:
        try:
            return await asyncio.wait_for(viewer.next(), 5.0)
        except asyncio.TimeoutError:
            return None


def _hold_little(request: web.Request) -> None:
    """What the kernel holds for a slow viewer is old when it arrives."""
    if request.transport is not None:
        request.transport.set_write_buffer_limits(high=1)
        connection = request.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HELD_BYTES)
