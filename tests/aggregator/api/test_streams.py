from __future__ import annotations

import asyncio
import threading

import pytest
from aiohttp import WSMsgType

from aggregator.api.settings import ApiSettings
from aggregator.api.streams import Reader


def event(n: int, camera: str = "left", kind: str = "track_started") -> dict:
    return {"type": "event", "camera": camera, "kind": kind, "n": n}


def link(camera: str | None) -> dict:
    return {"type": "link", "camera": camera}


async def connected(client, path="/api/ws/events"):
    socket = await client.ws_connect(path)
    while not any(reader for reader in _readers(client)):
        await asyncio.sleep(0.01)
    return socket


def _readers(client):
    from aggregator.api.keys import STREAMS

    return client.app[STREAMS]._readers


def test_what_the_engine_publishes_arrives_from_another_thread(site):
    async def conversation(client):
        async with await connected(client) as socket:
            thread = threading.Thread(target=site.bus.publish, args=([event(1), event(2)],))
            thread.start()
            got = [await socket.receive_json(timeout=5) for _ in range(2)]
            thread.join()
            return got

    assert site.talk(conversation) == [
        {"type": "event", "dropped": 0, "data": {"camera": "left", "kind": "track_started", "n": n}} for n in (1, 2)]


@pytest.mark.parametrize(("query", "expected"), [
    ("", [1, 2, 3, None, None]),
    ("?camera=right", [2, None]),
    ("?type=event", [1, 2, 3]),
    ("?kind=track_ended", [3, None, None]),
    ("?type=event&type=agent&camera=left", [1, 3]),
])
def test_filters(site, query, expected):
    async def conversation(client):
        async with await connected(client, f"/api/ws/events{query}") as socket:
            site.bus.publish([event(1), event(2, "right"), event(3, kind="track_ended"), link("right"), link("left")])
            return [(await socket.receive_json(timeout=5))["data"].get("n") for _ in expected]

    assert site.talk(conversation) == expected


def test_a_slow_reader_loses_the_oldest_and_is_told(site):
    site.settings = ApiSettings(socket_queue=4)

    async def conversation(client):
        async with await connected(client) as socket:
            site.bus.publish([event(n) for n in range(10)])  # one turn of the loop: nothing can be sent between
            return [await socket.receive_json(timeout=5) for _ in range(4)]

    got = site.talk(conversation)
    assert [message["data"]["n"] for message in got] == [6, 7, 8, 9]
    assert got[0]["dropped"] == 6


def test_what_the_server_itself_is_too_slow_for_is_counted_too(site, monkeypatch):
    monkeypatch.setattr("aggregator.api.streams.MOST_PENDING", 10)

    async def conversation(client):
        async with await connected(client) as socket:
            site.bus.publish([event(n) for n in range(25)])
            return await socket.receive_json(timeout=5)

    message = site.talk(conversation)
    assert (message["data"]["n"], message["dropped"]) == (15, 15)


def test_a_reader_that_answers_no_ping_is_disconnected(site):
    site.settings = ApiSettings(socket_ping_s=0.1)

    async def conversation(client):
        socket = await client.ws_connect("/api/ws/events", autoping=False)
        for _ in range(100):
            if (await socket.receive(timeout=5)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
                break
        await asyncio.sleep(0.05)
        return len(_readers(client))

    assert site.talk(conversation) == 0


def test_a_reader_that_never_reads_neither_holds_up_the_others_nor_takes_memory(site):
    site.settings = ApiSettings(socket_queue=8)
    padding = "x" * 20_000

    async def conversation(client):
        lazy = await client.ws_connect("/api/ws/events")
        lazy._conn.transport.pause_reading()
        async with await client.ws_connect("/api/ws/events") as eager:
            while len(_readers(client)) < 2:
                await asyncio.sleep(0.01)
            for n in range(400):
                site.bus.publish([{**event(n), "padding": padding}])
                assert (await eager.receive_json(timeout=5))["data"]["n"] == n
            dropped = max(reader.dropped for reader in _readers(client))
        lazy._conn.transport.abort()
        return dropped

    assert site.talk(conversation) > 100


@pytest.mark.parametrize("address", ["/api/ws/stats", "/ws/stats"])
def test_stats_come_again_and_again(site, address):
    async def conversation(client):
        async with client.ws_connect(address) as socket:
            return [await socket.receive_json(timeout=5) for _ in range(3)]

    for message in site.talk(conversation):
        assert message["type"] == "stats"
        assert message["data"]["people_now"] == 2
        assert message["data"]["cameras"][0]["camera"] == "left"


def test_a_request_that_is_no_websocket(site):
    answer = site.ask("/api/ws/events")
    assert answer.status == 426
    assert answer.error["code"] == "no_websocket"


def test_too_many_connections(site):
    site.settings = ApiSettings(max_sockets=1)

    async def conversation(client):
        async with await connected(client), client.get("/api/ws/events", headers={
                "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}) as answer:
            return answer.status, await answer.json()

    status, body = site.talk(conversation)
    assert status == 503
    assert body["error"]["code"] == "too_many_sockets"


def test_the_server_ends_with_connections_open(site):
    async def conversation(client):
        socket = await connected(client)
        await client.server.close()
        message = await socket.receive(timeout=5)
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)

    site.talk(conversation)
    assert site.bus.subscribers == 0


def test_a_reader_that_never_reads_does_not_keep_the_server_from_ending(site):
    async def conversation(client):
        lazy = await connected(client)
        lazy._conn.transport.pause_reading()
        for n in range(200):
            site.bus.publish([{**event(n), "padding": "x" * 20_000}])
            await asyncio.sleep(0)
        started = asyncio.get_running_loop().time()
        await client.server.close()
        lazy._conn.transport.abort()
        return asyncio.get_running_loop().time() - started

    assert site.talk(conversation) < 4


def test_nobody_is_left_behind_when_readers_go(site):
    async def conversation(client):
        for _ in range(3):
            socket = await connected(client)
            await socket.close()
        await asyncio.sleep(0.05)
        return len(_readers(client))

    assert site.talk(conversation) == 0


def test_a_readers_queue_keeps_the_newest():
    async def run():
        reader = Reader(lambda _: True, 2)
        for n in range(5):
            reader.put(event(n))
        return [(await reader.next())["n"], (await reader.next())["n"]], reader.dropped

    assert asyncio.run(run()) == ([3, 4], 3)
