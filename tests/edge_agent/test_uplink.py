from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from common.clock import SystemClock
from common.errors import ConfigError, StoreError, WireError
from common.keys import AgentKeys, new_pair
from common.messages import (
    Ack,
    Assign,
    Hello,
    Message,
    Picture,
    Preview,
    Refusal,
    Stats,
    Taken,
    Upload,
    decode,
    encode,
)
from edge_agent import uplink as uplink_module
from edge_agent.spool import Spool
from edge_agent.uplink import Uplink, probe


class Aggregator:
    """A bare ROUTER that does only what the test tells it to."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:*", server: tuple[str, str] | None = None) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        if server:
            self.socket.curve_server = True
            self.socket.curve_publickey, self.socket.curve_secretkey = (key.encode() for key in server)
        self.socket.bind(endpoint)
        self.endpoint = str(self.socket.get_string(zmq.LAST_ENDPOINT))
        self.address = b""

    def hear(self, kind: type[Message] | None = None, seconds: float = 5.0) -> Any:
        """The next message, or the next of a kind."""
        deadline = time.monotonic() + seconds
        while self.socket.poll(max(0, int((deadline - time.monotonic()) * 1000))):
            self.address, data = self.socket.recv_multipart()
            message = decode(data)
            if kind is None or isinstance(message, kind):
                return message
        raise AssertionError(f"heard no {kind or 'message'}")

    def uploads(self, count: int) -> list[int]:
        return [self.hear(Upload).seq for _ in range(count)]

    def quiet(self, kind: type[Message] = Upload, seconds: float = 0.3) -> bool:
        try:
            self.hear(kind, seconds)
        except AssertionError:
            return True
        return False

    def say(self, message: Message | bytes) -> None:
        self.socket.send_multipart([self.address, message if isinstance(message, bytes) else encode(message)])

    def close(self) -> None:
        self.context.destroy(linger=0)


def greeting() -> Hello:
    return Hello(agent="?", run="r1", spool="?", software="test", clock=1.0)


def eventually(what: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.01)


class Box:
    """A spool and an uplink to an aggregator."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder / "spool.db")
        self.aggregator = Aggregator()
        self.uplinks: list[Uplink] = []

    def link(self, endpoint: str | None = None, **options: Any) -> Uplink:
        options = {"heartbeat_s": 0.2} | options
        uplink = Uplink(endpoint or self.aggregator.endpoint, "gate", greeting, self.spool, SystemClock(), **options)
        self.uplinks.append(uplink)
        return uplink.start()

    def restart_aggregator(self) -> None:
        endpoint = self.aggregator.endpoint
        self.aggregator.close()
        eventually(lambda: self._listening_again(endpoint))

    def _listening_again(self, endpoint: str) -> bool:
        try:
            self.aggregator = Aggregator(endpoint)
        except zmq.ZMQError:
            return False
        return True

    def close(self) -> None:
        for uplink in self.uplinks:
            uplink.stop()
        self.aggregator.close()
        self.spool.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.close()


def test_it_says_hello_first_with_its_name_and_spool(box: Box) -> None:
    box.spool.append([b"waits already"])
    box.link()
    first = box.aggregator.hear()
    assert isinstance(first, Hello)
    assert (first.agent, first.spool, first.run) == ("gate", box.spool.id, "r1")
    assert box.aggregator.uploads(1) == [1]


def test_what_is_appended_goes_out_at_once(box: Box) -> None:
    box.link(heartbeat_s=60.0)
    box.aggregator.hear(Hello)
    box.aggregator.hear(Stats)
    began = time.monotonic()
    box.spool.append([b"a", b"b"])
    upload = box.aggregator.hear(Upload)
    assert time.monotonic() - began < 0.25
    assert (upload.spool, upload.seq, upload.body) == (box.spool.id, 1, b"a")
    assert box.aggregator.uploads(1) == [2]


def test_nothing_leaves_the_spool_before_the_acknowledgement(box: Box) -> None:
    box.spool.append([b"x"] * 5)
    uplink = box.link()
    assert box.aggregator.uploads(5) == [1, 2, 3, 4, 5]
    assert box.spool.depth == 5
    assert not uplink.drain(0.1)
    box.aggregator.say(Ack(spool=box.spool.id, through=3))
    eventually(lambda: box.spool.depth == 2)
    box.aggregator.say(Ack(spool=box.spool.id, through=5))
    assert uplink.drain(5.0)
    status = uplink.status()
    assert status.connected
    assert status.unacknowledged == 0
    assert status.last_ack_age_s is not None
    assert status.last_ack_age_s < 5


def test_an_entry_says_which_one_was_sent_before_it(box: Box) -> None:
    box.spool.append([b"x"] * 3)
    box.link(ack_timeout_s=60.0)
    assert [box.aggregator.hear(Upload).after for _ in range(3)] == [0, 1, 2]
    box.aggregator.say(Ack(spool=box.spool.id, through=1))
    box.aggregator.say(Refusal(code="out_of_order", message="entry 3 came before 2"))
    again = [box.aggregator.hear(Upload) for _ in range(2)]
    assert [(upload.seq, upload.after) for upload in again] == [(2, 0), (3, 2)]


def test_asked_again_and_again_it_goes_back_a_few_times_a_second(box: Box) -> None:
    box.spool.append([b"x"])
    box.link(ack_timeout_s=60.0)
    box.aggregator.hear(Upload)
    for _ in range(50):
        box.aggregator.say(Refusal(code="out_of_order", message="again"))
    assert box.aggregator.uploads(1) == [1]
    again = 0
    while not box.aggregator.quiet(seconds=0.6):
        again += 1
    assert again <= 2


def test_an_acknowledgement_that_a_full_disk_kept_from_the_spool_is_carried_out_later(
        box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    ack, full = box.spool.ack, threading.Event()
    full.set()

    def sometimes(spool: str, through: int) -> range:
        if full.is_set():
            raise StoreError("no space left")
        return ack(spool, through)

    monkeypatch.setattr(box.spool, "ack", sometimes)
    box.spool.append([b"x"])
    uplink = box.link(ack_timeout_s=60.0)
    assert box.aggregator.uploads(1) == [1]
    box.aggregator.say(Ack(spool=box.spool.id, through=1))
    eventually(lambda: "no space" in uplink.status().problem)
    full.clear()
    assert uplink.drain(3.0)


def test_no_more_than_the_credit_is_under_way(box: Box) -> None:
    box.spool.append([b"x"] * 20)
    box.link(credit=4)
    assert box.aggregator.uploads(4) == [1, 2, 3, 4]
    assert box.aggregator.quiet()
    box.aggregator.say(Ack(spool=box.spool.id, through=3))
    assert box.aggregator.uploads(3) == [5, 6, 7]
    assert box.aggregator.quiet()


def test_an_aggregator_that_comes_back_gets_hello_and_all_that_it_did_not_acknowledge(box: Box) -> None:
    box.spool.append([b"x"] * 6)
    uplink = box.link()
    assert box.aggregator.uploads(6) == [1, 2, 3, 4, 5, 6]
    box.aggregator.say(Ack(spool=box.spool.id, through=2))
    eventually(lambda: box.spool.depth == 4)
    box.restart_aggregator()
    assert isinstance(box.aggregator.hear(), Hello)
    assert box.aggregator.uploads(4) == [3, 4, 5, 6]
    eventually(lambda: uplink.status().resent == 4)


def test_an_aggregator_that_is_not_there_yet_is_waited_for(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = box.aggregator.endpoint
    box.aggregator.close()
    uplink = box.link()
    box.spool.append([b"x"])
    eventually(lambda: f"nobody answers at {endpoint}" in uplink.status().problem)
    assert not uplink.status().connected
    eventually(lambda: f"nobody answers at {endpoint}" in caplog.text)
    box.aggregator = Aggregator(endpoint)
    assert box.aggregator.uploads(1) == [1]
    assert uplink.status().connected


def test_silence_makes_it_send_again_slower_each_time(box: Box) -> None:
    box.spool.append([b"x"] * 2)
    uplink = box.link(ack_timeout_s=0.2)
    assert box.aggregator.uploads(2) == [1, 2]
    began = time.monotonic()
    assert box.aggregator.uploads(2) == [1, 2]
    assert time.monotonic() - began >= 0.15
    began = time.monotonic()
    assert box.aggregator.uploads(2) == [1, 2]
    assert time.monotonic() - began >= 0.3
    eventually(lambda: uplink.status().resent == 4)


def test_an_agent_that_starts_again_sends_what_waited_under_its_old_name(tmp_path: Path) -> None:
    first = Box(tmp_path)
    old = first.spool.id
    first.spool.append([b"old"])
    first.close()
    second = Box(tmp_path)
    try:
        second.spool.append([b"new"])
        uplink = second.link()
        got = [second.aggregator.hear(Upload) for _ in range(2)]
        assert [(u.spool, u.seq, u.body) for u in got] == [(old, 1, b"old"), (second.spool.id, 1, b"new")]
        second.aggregator.say(Ack(spool=second.spool.id, through=1))
        second.aggregator.say(Ack(spool=old, through=1))
        assert uplink.drain(5.0)
        eventually(lambda: uplink.status().unacknowledged == 0)
    finally:
        second.close()


def test_asked_for_hello_it_says_hello_and_begins_at_the_last_acknowledgement(box: Box) -> None:
    refusals: list[Refusal] = []
    box.spool.append([b"x"] * 3)
    box.link(on_refusal=refusals.append)
    assert box.aggregator.uploads(3) == [1, 2, 3]
    box.aggregator.say(Ack(spool=box.spool.id, through=1))
    box.aggregator.say(Refusal(code="hello_first", message="who?"))
    assert isinstance(box.aggregator.hear(Hello), Hello)
    assert box.aggregator.uploads(2) == [2, 3]
    assert not refusals


def test_a_camera_that_became_known_is_announced_without_sending_anything_again(box: Box) -> None:
    box.spool.append([b"x"])
    uplink = box.link()
    box.aggregator.uploads(1)
    uplink.greet()
    assert box.aggregator.hear(Hello)
    assert box.aggregator.quiet()


def test_told_that_the_name_is_taken_it_waits_and_asks_again(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(uplink_module._HOLD_S, "agent_taken", 0.4)
    box.spool.append([b"x"])
    with caplog.at_level(logging.WARNING):
        uplink = box.link()
        box.aggregator.hear(Hello)
        box.aggregator.uploads(1)
        began = time.monotonic()
        box.aggregator.say(Refusal(code="agent_taken", message="another agent named 'gate' is connected"))
        eventually(lambda: not uplink.status().connected)
        assert "agent_taken" in uplink.status().problem
        box.aggregator.hear(Hello)
        assert time.monotonic() - began >= 0.4
        assert box.aggregator.uploads(1) == [1]
        assert "agent_taken" in uplink.status().problem  # it may yet be refused again
        box.aggregator.say(Ack(spool=box.spool.id, through=1))
        eventually(lambda: uplink.status().problem == "" and uplink.status().connected)
    eventually(lambda: "another agent named 'gate'" in caplog.text)


def test_a_refused_entry_is_told_and_goes_with_its_acknowledgement(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Refusal] = []
    box.spool.append([b"bad", b"good"])
    with caplog.at_level(logging.ERROR):
        uplink = box.link(on_refusal=heard.append)
        box.aggregator.uploads(2)
        box.aggregator.say(Refusal(code="bad_field", message="field 'mean'", seq=1))
        box.aggregator.say(Ack(spool=box.spool.id, through=2))
        assert uplink.drain(5.0)
    assert [(r.code, r.seq) for r in heard] == [("bad_field", 1)]
    eventually(lambda: uplink.status().refused == 1)
    assert uplink.status().connected
    eventually(lambda: "entry 1" in caplog.text)
    assert box.aggregator.quiet()


def test_assignments_and_previews_are_handed_on(box: Box) -> None:
    heard: list[Message] = []
    box.link(on_assign=heard.append, on_preview=heard.append)
    box.aggregator.hear(Hello)
    said: list[Message] = [Assign(tracks=(("yard", "r1", 3, "G17"),)), Preview(camera="yard", on=True)]
    for message in said:
        box.aggregator.say(message)
    eventually(lambda: len(heard) == 2)
    assert heard == said


def snapshot(camera: str = "yard", size: int = 80_000) -> Picture:
    return Picture(camera=camera, number=1, time=1.0, width=8, height=8, jpeg=b"\xff\xd8" + bytes(size))


def test_a_picture_goes_out_and_the_next_when_it_was_taken(box: Box) -> None:
    uplink = box.link()
    box.aggregator.hear(Hello)
    for _ in range(2):  # together they are more than may be on the wire
        uplink.show(snapshot())
        uplink.show(snapshot("hall"))
    assert box.aggregator.hear(Picture).number == 1
    assert box.aggregator.quiet(Picture)
    box.aggregator.say(Taken(number=1))
    assert box.aggregator.hear(Picture).number == 2


def test_pictures_wait_while_tracklets_wait(box: Box) -> None:
    uplink = box.link(credit=1)
    box.aggregator.hear(Hello)
    box.spool.append([b"x", b"y"])
    assert box.aggregator.uploads(1) == [1]
    uplink.show(snapshot())
    assert box.aggregator.quiet(Picture), "an entry is due first"
    box.aggregator.say(Ack(spool=box.spool.id, through=1))
    assert box.aggregator.uploads(1) == [2]
    box.aggregator.say(Ack(spool=box.spool.id, through=2))
    assert box.aggregator.hear(Picture).camera == "yard"


def test_pictures_are_not_sent_later_when_the_aggregator_was_away(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    uplink = box.link()
    box.aggregator.hear(Hello)
    box.restart_aggregator()
    # What is shown before the loss is noticed goes onto the wire that is no more.
    eventually(lambda: "was lost" in caplog.text)
    for _ in range(50):
        uplink.show(snapshot())
    box.aggregator.hear(Hello)
    box.aggregator.hear(Picture)
    box.aggregator.say(Taken(number=99))
    assert box.aggregator.quiet(Picture)


def test_a_listener_that_fails_and_rubbish_from_the_aggregator_stop_nothing(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Assign) -> None:
        raise RuntimeError("overlay")

    with caplog.at_level(logging.WARNING):
        box.link(on_assign=fail)
        box.aggregator.hear(Hello)
        box.aggregator.say(Assign(tracks=()))
        box.aggregator.say(b"\xc1rubbish")
        box.spool.append([b"x"])
        assert box.aggregator.uploads(1) == [1]
        eventually(lambda: "not msgpack" in caplog.text)
    eventually(lambda: "overlay" in caplog.text)


def test_the_heartbeat_comes_regularly_with_the_spools_figures(box: Box) -> None:
    box.spool.append([b"abc"])
    box.link()
    times = []
    for _ in range(4):
        stats = box.aggregator.hear(Stats)
        times.append(time.monotonic())
        assert stats.spool["depth"] == 1
        assert stats.spool["bytes"] == 3
    assert 0.4 < times[-1] - times[0] < 2.0


def test_a_heartbeat_leaves_out_what_is_no_number(box: Box) -> None:
    box.link(stats=lambda: Stats(clock=1.0, cameras={"yard": {"fps": float("nan"), "people": 2}}))
    assert box.aggregator.hear(Stats).cameras == {"yard": {"people": 2.0}}


def test_a_spool_that_fails_for_a_while_is_not_the_end(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.spool.append([b"x"])
    whole = box.spool.pending
    broken = threading.Event()
    broken.set()

    def pending(after: int = 0, limit: int = 256) -> Any:
        if broken.is_set():
            raise StoreError("no space left")
        return whole(after, limit)

    monkeypatch.setattr(box.spool, "pending", pending)
    uplink = box.link()
    box.aggregator.hear(Stats)
    assert "no space" in uplink.status().problem
    broken.clear()
    assert box.aggregator.uploads(1) == [1]


def test_an_error_of_our_own_does_not_silence_the_agent(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def stats() -> Stats:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("first time")
        return Stats(clock=1.0)

    with caplog.at_level(logging.ERROR):
        box.link(stats=stats)
        box.aggregator.hear(Stats)
    eventually(lambda: "first time" in caplog.text)


def test_it_stops_at_once_connected_or_not(box: Box) -> None:
    connected, alone = box.link(), box.link("tcp://127.0.0.1:9")
    box.aggregator.hear(Hello)
    for uplink in (connected, alone):
        began = time.monotonic()
        uplink.stop()
        assert time.monotonic() - began < 1.0
        uplink.stop()


def test_drain_does_not_wait_for_what_cannot_come_after_a_stop(box: Box) -> None:
    box.spool.append([b"x"])
    uplink = box.link("tcp://127.0.0.1:9")
    waiter = threading.Timer(0.2, uplink.stop)
    waiter.start()
    began = time.monotonic()
    assert not uplink.drain(30.0)
    assert time.monotonic() - began < 3.0
    waiter.join()


def test_uplinks_leave_nothing_open(box: Box) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        box.link().stop()
    files, threads = open_files(), threading.active_count()
    for _ in range(10):
        box.link().stop()
    assert open_files() <= files
    assert threading.active_count() == threads


def test_a_plain_socket_beyond_loopback_is_refused(box: Box) -> None:
    with pytest.raises(ConfigError, match=r"without keys[\s\S]*aggregator keys new NAME"):
        Uplink("tcp://192.168.0.7:5599", "gate", greeting, box.spool, SystemClock())


@pytest.fixture
def server() -> tuple[str, str]:
    return new_pair()


def agent_keys(server: str, agent: str = "gate") -> AgentKeys:
    public, secret = new_pair()
    return AgentKeys(agent=agent, public=public, secret=secret, server=server)


def test_with_keys_it_speaks_encrypted(box: Box, server: tuple[str, str]) -> None:
    box.aggregator.close()
    box.aggregator = Aggregator(server=server)
    box.link(keys=agent_keys(server[0]))
    assert isinstance(box.aggregator.hear(), Hello)


def test_another_server_than_the_one_it_trusts_gets_nothing_and_it_says_why(
    box: Box, server: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    box.aggregator.close()
    box.aggregator = Aggregator(server=new_pair())
    box.spool.append([b"x"])
    with caplog.at_level(logging.WARNING):
        uplink = box.link(keys=agent_keys(server[0]))
        assert box.aggregator.quiet(Hello, 0.5)
        eventually(lambda: uplink.status().problem != "not connected yet")
    assert not uplink.status().connected


def test_the_keys_must_be_this_agents(box: Box, server: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="speaks for 'door', this agent is called 'gate'"):
        Uplink("tcp://10.0.0.1:5", "gate", greeting, box.spool, SystemClock(), keys=agent_keys(server[0], "door"))


def test_a_probe_tells_whether_somebody_answers(box: Box) -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(probe(box.aggregator.endpoint, "gate", None, 5.0)))
    thread.start()
    box.aggregator.hear(Stats)
    box.aggregator.say(Refusal(code="hello_first", message="who?"))
    thread.join()
    assert "answers" in found[0]


def test_a_probe_of_nobody_says_so() -> None:
    began = time.monotonic()
    with pytest.raises(WireError, match=r"nobody answers[\s\S]*aggregator serve"):
        probe("tcp://127.0.0.1:9", "gate", None, 0.4)
    assert time.monotonic() - began < 2.0


def test_a_probe_of_somebody_else_says_so(box: Box) -> None:
    with pytest.raises(WireError, match="does not answer: is that an aggregator"):
        probe(box.aggregator.endpoint, "gate", None, 0.4)
