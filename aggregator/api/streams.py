"""Messages to WebSocket readers: each has a bounded queue, and one that reads too slowly loses the oldest, counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import orjson
from aiohttp import WSCloseCode, web

from aggregator.api.access import caller
from aggregator.api.errors import ApiError
from aggregator.api.ports import Bus, Message
from aggregator.api.seen import shown, visible

CLOSE_S = 1.0
MOST_PENDING = 10_000  # messages on their way from the engine's thread to the event loop


class Reader:
    """One connection's queue. Everything happens in the event loop's thread.

    Attributes:
        wants: which messages it gets.
        shown: what of them it may see.
        dropped: messages that were lost because the reader was slow.
    """

    def __init__(self, wants: Callable[[Message], bool], most: int) -> None:
        self.wants = wants
        self.shown: Callable[[Message], Message] = lambda message: message
        self.dropped = 0
        self._queue: deque[Message] = deque(maxlen=most)
        self._filled = asyncio.Event()

    def put(self, message: Message) -> None:
        """Queue a message; the oldest gives way when there is no room."""
        if len(self._queue) == self._queue.maxlen:
            self.dropped += 1
        self._queue.append(message)
        self._filled.set()

    async def next(self) -> Message:
        """The oldest message, when there is one."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        return self._queue.popleft()


class Streams:
    """All WebSocket connections of the server.

    Args:
        most: connections at one time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sockets: set[web.WebSocketResponse] = set()
        self._readers: set[Reader] = set()
        self._pending: deque[Message] = deque(maxlen=MOST_PENDING)
        self._scheduled = False
        self._lost = 0

    def __len__(self) -> int:
        return len(self._sockets)

    def attach(self, bus: Bus) -> Callable[[], None]:
        """Pass on what is published on `bus`; returns what ends it. Call it in the event loop."""
        loop = asyncio.get_running_loop()

        def take(message: Message) -> None:  # in the publisher's thread
            self._lost += len(self._pending) == MOST_PENDING
            self._pending.append(message)
            if not self._scheduled:
                self._scheduled = True
                with contextlib.suppress(RuntimeError):  # the loop has just ended
                    loop.call_soon_threadsafe(self._deliver)

        return bus.subscribe(take)

    def _deliver(self) -> None:
        self._scheduled = False
        lost, self._lost = self._lost, 0
        for reader in self._readers:
            reader.dropped += lost
        while self._pending:
            message = self._pending.popleft()
            for reader in self._readers:
                if reader.wants(message):
                    reader.put(reader.shown(message))

    def check(self, request: web.Request) -> None:
        """Whether one more WebSocket can be opened for this request.

        Raises:
            ApiError: 503, there are too many connections; 426, the request asks for no WebSocket.
        """
        if not web.WebSocketResponse().can_prepare(request):
            raise ApiError(426, "no_websocket", f"{request.path} is a WebSocket",
                           cure="connect with ws:// or wss://")
        if len(self._sockets) >= self._most:
            raise ApiError(503, "too_many_sockets", f"there are {self._most} WebSocket connections already",
                           cure="close one, or raise max_sockets in the aggregator's api settings")

    async def serve(self, request: web.Request, reader: Reader, ping_s: float) -> web.WebSocketResponse:
        """Open the connection and send what `reader` gets and the caller may see, until either side ends it.

        Raises:
            ApiError: as `check`.
        """
        who = caller()
        reader.wants, reader.shown = visible(reader.wants, who), lambda message: shown(message, who)
        self._readers.add(reader)
        try:
            return await self.run(request, lambda socket: self._send(socket, reader), ping_s)
        finally:
            self._readers.discard(reader)

    async def run(self, request: web.Request, send: Callable[[web.WebSocketResponse], Coroutine[Any, Any, None]],
                  ping_s: float) -> web.WebSocketResponse:
        """Open the connection and let `send` write to it, until either side ends it.

        Raises:
            ApiError: as `check`.
        """
        self.check(request)
        socket = web.WebSocketResponse(timeout=CLOSE_S, heartbeat=ping_s, max_msg_size=4096, compress=False)
        await socket.prepare(request)
        self._sockets.add(socket)
        sending = asyncio.create_task(send(socket))
        try:
            async for _ in socket:  # nothing is expected; reading answers pings and sees the end
                pass
        finally:
            self._sockets.discard(socket)
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sending
        return socket

    async def _send(self, socket: web.WebSocketResponse, reader: Reader) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                # send_bytes waits while the reader's buffers are full: meanwhile the queue keeps the newest.
                await socket.send_str(pack(await reader.next(), reader.dropped))

    async def close(self) -> None:
        """End every connection."""
        async def end(socket: web.WebSocketResponse) -> None:
            # A reader that does not read does not answer either, and must not keep the server from ending.
            await asyncio.wait_for(socket.close(code=WSCloseCode.GOING_AWAY, message=b"the aggregator stops"), CLOSE_S)

        await asyncio.gather(*(end(socket) for socket in list(self._sockets)), return_exceptions=True)


def pack(message: Message, dropped: int) -> str:
    """A message as the JSON that readers get."""
    data: Mapping[str, Any] = {key: value for key, value in message.items() if key != "type"}
    return orjson.dumps({"type": message["type"], "dropped": dropped, "data": data},
                        option=orjson.OPT_SERIALIZE_NUMPY).decode()
