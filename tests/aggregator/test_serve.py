"""The whole aggregator in this process, with the real uplink of an agent at the other end of the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregator.serve import EngineError, Server
from aggregator.settings import AggregatorSettings
from aggregator.store import StoreLockedError, StoreReader
from common.clock import SystemClock
from common.errors import ConfigError, PassageError
from common.http_client import Api
from common.messages import Assign, CameraInfo, Hello, ModelInfo, Refusal, pack_tracklet
from common.settings import from_mapping
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet
from edge_agent.spool import Spool
from edge_agent.uplink import Uplink


class Running:
    """A server in a thread."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.data = folder / "data"
        self.ready_file = folder / "ready.json"
        values = {"listen": "tcp://127.0.0.1:0", "http": "127.0.0.1:0", "data": self.data,
                  "engine": {"gather_s": 0.01}, **given}
        self.server = Server(from_mapping(values, AggregatorSettings, "test"), SystemClock())
        self.error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._main)

    def _main(self) -> None:
        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await self.server.run(self.ready_file, self._stop)

        try:
            asyncio.run(run())
        except PassageError as error:
            self.error = error

    def __enter__(self) -> Running:
        self._thread.start()
        wait(lambda: self.ready_file.exists() or not self._thread.is_alive())
        if self.error is not None:
            raise self.error
        self.addresses = json.loads(self.ready_file.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        began = time.monotonic()
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)
        assert time.monotonic() - began < 5
        assert not self.ready_file.exists()

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def get(self, path: str) -> Any:
        parts = urllib.parse.urlsplit(path)
        return Api(self.addresses["http"], timeout_s=5).get(parts.path, **urllib.parse.parse_qs(parts.query))


def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


def tracklet(track: int, camera: str = "door") -> Tracklet:
    now = time.time()
    vector = np.random.default_rng(track).normal(size=32).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return Tracklet(
        camera=camera, run="r1", track=track, part=0, final=True, start=now - 9, end=now, label="person", frames=50,
        confidence=0.9, model="00ff00ff00ff00ff", mean=vector, embeddings=vector[None],
        quality=np.ones(1, np.float32), embedding_times=np.array([now]), path=VisitPath.empty())


@contextlib.contextmanager
def agent(folder: Path, endpoint: str, heard: list[Any], name: str = "box", cameras: tuple[str, ...] = ("door",)) \
        -> Iterator[tuple[Spool, Uplink]]:
    hello = Hello(agent=name, run="r1", spool="", software="test", clock=time.time(),
                  cameras=tuple(CameraInfo(camera=c, width=64, height=48) for c in cameras),
                  models=(ModelInfo(task="embedding", name="n", fingerprint="00ff00ff00ff00ff", dimensions=32),))
    with Spool(folder / f"{name}.db") as spool, Uplink(
            endpoint, name, lambda: hello, spool, SystemClock(), on_assign=heard.append, on_refusal=heard.append,
            heartbeat_s=0.1, ack_timeout_s=1.0) as uplink:
        yield spool, uplink


def test_from_the_spool_to_an_answer_over_http(tmp_path: Path) -> None:
    heard: list[Any] = []
    with Running(tmp_path) as running, agent(tmp_path, running.addresses["listen"], heard) as (spool, uplink):
        spool.append([pack_tracklet(tracklet(i)) for i in range(1, 6)])
        assert uplink.drain(10)
        wait(lambda: sum(len(m.tracks) for m in heard if isinstance(m, Assign)) == 5)
        assert len(running.get("/api/identities")["identities"]) == 5
        assert [c["camera"] for c in running.get("/api/cameras")["cameras"]] == ["door"]
        stats = running.get("/api/stats")
        assert stats["agents"][0]["agent"] == "box"
        assert stats["agents"][0]["connected"]
        assert running.get("/api/health")["status"] == "ok"
        ids = {t[3] for m in heard if isinstance(m, Assign) for t in m.tracks}
        found = running.get("/api/search?visit=1&limit=3")["results"]
        assert {f["global_id"] for f in found} < ids


def test_a_restart_in_between_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    with agent(tmp_path, listen, []) as (spool, uplink):
        for first in (1, 11, 21):
            with Running(tmp_path, listen=listen):
                spool.append([pack_tracklet(tracklet(i)) for i in range(first, first + 5)])
                assert uplink.drain(10)
                spool.append([pack_tracklet(tracklet(i)) for i in range(first + 5, first + 10)])
        with Running(tmp_path, listen=listen):
            assert uplink.drain(10)
    with StoreReader(tmp_path / "data") as reader:
        assert sorted(v.track for v in reader.visits(limit=100).rows) == list(range(1, 31))


def test_two_boxes_with_one_camera_name(tmp_path: Path) -> None:
    heard: list[Any] = []
    with Running(tmp_path) as running:
        listen = running.addresses["listen"]
        with agent(tmp_path, listen, []) as (spool, uplink):
            spool.append([pack_tracklet(tracklet(1))])
            assert uplink.drain(10)
            with agent(tmp_path, listen, heard, "second", ("door", "gate")) as (spool2, uplink2):
                spool2.append([pack_tracklet(tracklet(1, "gate")), pack_tracklet(tracklet(2, "door"))])
                assert uplink2.drain(10)
                wait(lambda: sum(isinstance(m, Refusal) for m in heard) >= 2)
        assert {m.code for m in heard if isinstance(m, Refusal)} == {"camera_taken"}
        stats = running.get("/api/stats")
        assert stats["engine"]["refused"] == {"camera_taken": 2}
        assert len(running.get("/api/visits")["visits"]) == 2


def test_a_port_in_use_is_named_with_its_cure(tmp_path: Path) -> None:
    with Running(tmp_path) as running:
        for given in ({"http": running.addresses["http"].removeprefix("http://")},
                      {"listen": running.addresses["listen"]}):
            with pytest.raises(ConfigError, match="in use") as raised, Running(tmp_path / "second", **given):
                pass
            assert "--" in (raised.value.cure or "")
    with Running(tmp_path):  # everything was let go of
        pass


def test_two_aggregators_on_one_folder(tmp_path: Path) -> None:
    with Running(tmp_path), pytest.raises(StoreLockedError), Running(tmp_path / "second", data=tmp_path / "data"):
        pass


def test_the_wire_does_not_leave_the_machine_without_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keys") as raised, Running(tmp_path, listen="tcp://0.0.0.0:0"):
        pass
    assert "aggregator keys new" in (raised.value.cure or "")


def test_a_layout_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.txt"), Running(tmp_path, layout=tmp_path / "nowhere.txt"):
        pass


def test_a_dead_engine_ends_the_process_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aggregator.store import StoreWriter

    running = Running(tmp_path)
    with running, agent(tmp_path, running.addresses["listen"], []) as (spool, uplink):
        monkeypatch.setattr(StoreWriter, "record_tracklets", lambda *_: 1 / 0)
        spool.append([pack_tracklet(tracklet(1))])
        wait(running.ended)
        assert not uplink.drain(0.1)
        assert spool.depth == 1
    assert isinstance(running.error, EngineError)
    assert running.error.exit_code == 1
    monkeypatch.undo()
    with Running(tmp_path) as again, agent(tmp_path, again.addresses["listen"], []) as (spool, uplink):
        assert uplink.drain(10)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    def threads() -> set[str]:
        return {t.name for t in threading.enumerate()}

    before = threads()
    with Running(tmp_path) as running:
        running.get("/api/health")
    wait(lambda: threads() <= before)
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["audit.db", "passage.db", "passage.db.lock"]


def test_bytes_that_are_no_request_fill_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Running(tmp_path) as running:
        host, _, port = running.addresses["http"].removeprefix("http://").rpartition(":")
        for data in (b"\x16\x03\x01 TLS where there is none", b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"):
            with socket.create_connection((host, int(port)), timeout=5) as stranger:
                stranger.sendall(data)
                with contextlib.suppress(ConnectionError):
                    assert b" 400 " in stranger.recv(1000)
    assert not [record for record in caplog.records if record.name == "aiohttp.server"]
