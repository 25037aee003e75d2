"""A city over the wire is the city that was made."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pytest

from aggregator.inbox import Inbox
from aggregator.mailbox import Mailbox
from aggregator.simulate import fleet
from aggregator.simulate.city import City, simulate
from aggregator.simulate.send import send
from aggregator.simulate.settings import CitySettings
from common.clock import SystemClock
from common.errors import ConfigError, WireError
from common.messages import Ack, Event, Hello, Message, Upload, unpack_body
from common.tracklet import Tracklet


class Sink:
    """The least of an aggregator: takes everything once, and acknowledges it unless told to be deaf."""

    def __init__(self) -> None:
        self.bus: Mailbox[tuple[str, Message]] = Mailbox(200)
        self.inbox = Inbox("tcp://127.0.0.1:0", self.bus).start()
        self.through: dict[tuple[str, str], int] = {}
        self.tracklets: list[Tracklet] = []
        self.events: list[Event] = []
        self.cameras: dict[str, str] = {}
        self.deaf_to = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                agent, message = self.bus.get(timeout=0.05)
            except queue.Empty:
                continue
            if isinstance(message, Hello):
                self.cameras.update((info.camera, agent) for info in message.cameras)
            if not isinstance(message, Upload):
                continue
            if self.deaf_to:
                self.deaf_to -= 1
                continue
            key = (agent, message.spool)
            if message.seq == self.through.get(key, 0) + 1:
                self.through[key] = message.seq
                body = unpack_body(message.body)
                if isinstance(body, Tracklet):
                    self.tracklets.append(body)
                else:
                    self.events += body
            self.inbox.send(agent, Ack(spool=message.spool, through=self.through.get(key, 0)))

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.inbox.stop()


@pytest.fixture
def sink() -> Iterator[Sink]:
    one = Sink()
    yield one
    one.close()


@pytest.fixture(scope="module")
def city() -> City:
    return simulate(CitySettings(cameras=4, people=20, hours=0.1, dimensions=32))


def test_everything_arrives_in_parts_that_add_up(sink: Sink, city: City) -> None:
    clock = SystemClock()
    told: list[tuple[int, float]] = []
    sent = send(city, sink.inbox.endpoint, clock, speed=0, agents=2, tell=lambda *news: told.append(news))
    now = clock.now()
    assert sent.acknowledged == sent.entries == told[-1][0]
    assert sorted(set(sink.cameras.values())) == ["city-1", "city-2"]
    parts: dict[int, list[Tracklet]] = defaultdict(list)
    for tracklet in sink.tracklets:
        parts[tracklet.track].append(tracklet)
    assert sorted(parts) == list(range(len(city)))
    for row, of_track in parts.items():
        of_track.sort(key=lambda one: one.part)
        assert [one.part for one in of_track] == list(range(len(of_track)))
        assert [one.final for one in of_track] == [False] * (len(of_track) - 1) + [True]
        last = of_track[-1]
        assert last.camera == city.world.names[city.seen.camera[row]]
        assert last.end - last.start == pytest.approx(city.seen.end[row] - city.seen.start[row], abs=1e-5)
        np.testing.assert_allclose(last.mean, city.embedding[row].astype(np.float32), atol=2e-3)
        times = np.concatenate([one.path.times for one in of_track])
        assert (np.diff(times) > 0).all()
        boxes = np.concatenate([one.path.boxes for one in of_track])
        assert ((boxes >= 0) & (boxes <= 1)).all()
    assert max(one.end for one in sink.tracklets) <= now
    kinds = [event.kind for event in sink.events]
    assert kinds.count("track_started") == kinds.count("track_ended") == len(city)


def test_what_was_lost_on_the_way_is_sent_again(sink: Sink, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "AGAIN_S", 0.3)
    monkeypatch.setattr(fleet, "CREDIT", 8)
    sink.deaf_to = 5
    # The first five are lost, so what follows cannot be taken either until they come again.
    sent = send(city, sink.inbox.endpoint, SystemClock(), speed=0, agents=1, events=False)
    assert sent.acknowledged == sent.entries
    assert len(sink.tracklets) == sent.entries


def test_it_goes_at_the_pace_that_was_asked_for(sink: Sink, city: City) -> None:
    sent = send(city, sink.inbox.endpoint, SystemClock(), rate=400.0, agents=1)
    assert sent.seconds >= sent.entries / 400.0 * 0.95


def test_nobody_there_is_said(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "AGAIN_S", 0.3)
    with pytest.raises(WireError, match=r"nobody answers at tcp://127\.0\.0\.1:9"):
        send(city, "tcp://127.0.0.1:9", SystemClock(), speed=0)


def test_plain_sockets_stay_on_the_machine(city: City) -> None:
    with pytest.raises(ConfigError, match="without keys"):
        send(city, "tcp://192.0.2.1:5599", SystemClock(), speed=0)
