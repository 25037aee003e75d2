from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from aggregator import inbox as inbox_module
from aggregator.inbox import Inbox
from aggregator.mailbox import Mailbox
from common.errors import ConfigError
from common.keys import AgentKeys, AuthorisedKeys, ServerKeys, new_pair
from common.messages import (
    MAX_MESSAGE_BYTES,
    VERSION,
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

LOOPBACK = "tcp://127.0.0.1:0"


def hello(agent: str = "gate", run: str = "r1", spool: str = "f1-a") -> Hello:
    return Hello(agent=agent, run=run, spool=spool, software="test", clock=0.0)


def upload(seq: int, body: bytes = b"body") -> Upload:
    return Upload(spool="f1-a", seq=seq, body=body)


class Wire:
    """A bare DEALER, which says whatever it is told to say."""

    def __init__(self, endpoint: str, keys: AgentKeys | None = None, heartbeat_ms: int = 0) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.reconnect_ivl = 20
        self.socket.heartbeat_ivl, self.socket.heartbeat_timeout = heartbeat_ms, 4 * heartbeat_ms
        if keys:
            self.socket.curve_publickey = keys.public.encode()
            self.socket.curve_secretkey = keys.secret.encode()
            self.socket.curve_serverkey = keys.server.encode()
        self.monitor = self.socket.get_monitor_socket()
        self.socket.connect(endpoint)

    def say(self, *what: Message | bytes) -> None:
        for message in what:
            self.socket.send(message if isinstance(message, bytes) else encode(message))

    def hear(self, seconds: float = 5.0) -> Message:
        assert self.socket.poll(int(seconds * 1000)), "no answer"
        return decode(self.socket.recv())

    def refusal(self) -> Refusal:
        while True:
            message = self.hear()
            if isinstance(message, Refusal):
                return message

    def silent(self, seconds: float = 0.3) -> bool:
        return not self.socket.poll(int(seconds * 1000))

    def happened(self) -> set[int]:
        """What the socket has told of its connection since it was last asked."""
        events = set()
        while self.monitor.poll(0):
            events.add(int(recv_monitor_message(self.monitor)["event"]))
        return events

    def close(self) -> None:
        self.socket.disable_monitor()
        self.context.destroy(linger=0)


class Site:
    """An inbox with its bus, and wires to it."""

    def __init__(self) -> None:
        self.bus: Mailbox[tuple[str, Message]] = Mailbox(1000)
        self.stack = contextlib.ExitStack()

    def listen(self, endpoint: str = LOOPBACK, size: int = 1000, most_bytes: int = 1 << 40, **options: Any) -> Inbox:
        self.bus = Mailbox(size, most_bytes)
        self.inbox = Inbox(endpoint, self.bus, **options)
        self.stack.enter_context(self.inbox)
        return self.inbox

    def wire(self, keys: AgentKeys | None = None, heartbeat_ms: int = 0) -> Wire:
        wire = Wire(self.inbox.endpoint, keys, heartbeat_ms)
        self.stack.callback(wire.close)
        return wire

    def take(self, count: int = 1, seconds: float = 5.0) -> list[tuple[str, Message]]:
        return [self.bus.get(timeout=seconds) for _ in range(count)]

    def numbers(self, count: int) -> list[int]:
        """The sequence numbers of the next uploads."""
        found: list[int] = []
        while len(found) < count:
            message = self.take()[0][1]
            if isinstance(message, Upload):
                found.append(message.seq)
        return found


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    with made.stack:
        yield made


def eventually(what: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.01)


# --- what comes in ----------------------------------------------------------------------------------------------------

def test_messages_arrive_with_the_name_of_who_said_hello(site: Site) -> None:
    inbox = site.listen()
    wire = site.wire()
    wire.say(hello(), upload(1), Stats(clock=1.0), upload(2))
    got = site.take(4)
    assert [agent for agent, _ in got] == ["gate"] * 4
    assert [message.type for _, message in got] == ["hello", "upload", "stats", "upload"]
    assert inbox.counters().received == 4
    assert [status.agent for status in inbox.agents()] == ["gate"]


@pytest.mark.parametrize(("bad", "code"), [
    (b"", "not_msgpack"),
    (b"GET / HTTP/1.1\r\n", "not_msgpack"),
    (msgpack.packb({"v": VERSION + 1, "type": "upload"}), "wrong_version"),
    (msgpack.packb({"v": VERSION, "type": "stats", "clock": math.nan}), "bad_field"),
    (msgpack.packb({"v": VERSION, "type": "launch"}), "unknown_type"),
    (bytes(MAX_MESSAGE_BYTES + 10), "too_large"),
    (encode(Ack(spool="f1-a", through=3)), "unexpected"),
])
def test_bad_bytes_get_an_error_a_count_and_a_line_and_stop_nothing(
    site: Site, bad: bytes, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = site.listen()
    other, wire = site.wire(), site.wire()
    other.say(hello("door"))
    wire.say(hello(), upload(1))
    assert site.numbers(1) == [1]
    with caplog.at_level(logging.WARNING):
        wire.say(bad)
        assert wire.refusal().code == code
    other.say(upload(1))
    assert site.numbers(1) == [1]
    wire.say(hello(), upload(2))
    assert site.numbers(1) == [2]
    assert inbox.counters().refused[code] == 1
    eventually(lambda: code in caplog.text)


def test_what_follows_an_unreadable_message_is_not_taken_before_another_hello(site: Site) -> None:
    # An acknowledgement of the third would count the lost second as received.
    site.listen()
    wire = site.wire()
    wire.say(hello(), upload(1), encode(upload(2))[:-1], upload(3))
    assert wire.refusal().code == "not_msgpack"
    assert wire.refusal().code == "hello_first"
    wire.say(hello(), upload(2), upload(3))
    assert site.numbers(3) == [1, 2, 3]


def test_who_has_not_said_hello_is_asked_to_once_and_not_for_its_whole_backlog(site: Site) -> None:
    inbox = site.listen()
    wire = site.wire()
    wire.say(*(upload(i) for i in range(1, 101)))
    assert wire.refusal().code == "hello_first"
    assert wire.silent()
    eventually(lambda: inbox.counters().refused.get("hello_first") == 100)
    assert site.bus.empty()


def test_more_than_one_frame_is_refused(site: Site) -> None:
    site.listen()
    wire = site.wire()
    wire.socket.send_multipart([encode(hello()), b"more"])
    assert wire.refusal().code == "bad_frames"


def test_a_message_far_too_large_costs_only_its_connection(site: Site) -> None:
    site.listen()
    wire = site.wire()
    wire.say(hello(), bytes(3 * MAX_MESSAGE_BYTES))
    assert site.take()[0][0] == "gate"
    other = site.wire()
    other.say(hello("door"))
    assert site.take()[0][0] == "door"


def test_rubbish_on_the_port_stops_nothing(site: Site) -> None:
    inbox = site.listen()
    port = int(inbox.endpoint.rpartition(":")[2])
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + os.urandom(500), b"\xff" * 64):
        with socket.create_connection(("127.0.0.1", port), timeout=2) as raw:
            raw.sendall(data)
    wire = site.wire()
    wire.say(hello())
    assert site.take()[0][0] == "gate"


def test_a_thousand_bad_messages_are_a_few_lines(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    inbox = site.listen()
    wire = site.wire()
    with caplog.at_level(logging.WARNING, "inbox"):
        wire.say(*([b"\xc1"] * 1000))
        eventually(lambda: inbox.counters().refused.get("not_msgpack") == 1000)
    assert len(caplog.records) < 5


# --- a full bus -------------------------------------------------------------------------------------------------------

def test_a_full_bus_holds_the_sender_back_and_loses_nothing(site: Site) -> None:
    inbox = site.listen(size=5)
    wire = site.wire()
    wire.socket.sndtimeo = 200
    wire.say(hello())
    sent = 0
    with contextlib.suppress(zmq.Again):
        while sent < 100_000:
            wire.say(upload(sent + 1, bytes(10_000)))
            sent += 1
    assert sent < 100_000  # it was held back
    assert site.bus.qsize() == 5
    assert inbox.counters().received < 10
    assert site.numbers(sent) == list(range(1, sent + 1))
    assert inbox.counters().waited_s > 0.1


def test_large_messages_fill_it_before_they_fill_the_memory(site: Site) -> None:
    site.listen(most_bytes=8 << 20)
    wire = site.wire()
    wire.socket.sndtimeo = 200
    wire.say(hello())
    sent = 0
    with contextlib.suppress(zmq.Again):
        while sent < 1000:
            wire.say(upload(sent + 1, bytes(1 << 20)))
            sent += 1
    assert sent < 1000  # it was held back
    eventually(lambda: site.bus.room == 0)
    assert 8 <= site.bus.qsize() <= 10
    assert site.numbers(sent) == list(range(1, sent + 1))


def test_a_full_bus_breaks_no_connection(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "_ALIVE_S", 0.1)
    inbox = site.listen(size=1)
    wire = site.wire(heartbeat_ms=100)
    wire.say(hello(), *(upload(i, bytes(50_000)) for i in range(1, 400)))
    eventually(lambda: site.bus.full())
    time.sleep(1.5)  # four times as long as a heartbeat is waited for
    assert wire.hear() == Ack(spool="f1-a", through=0)
    assert site.numbers(399) == list(range(1, 400))
    assert not inbox.counters().refused
    assert zmq.EVENT_DISCONNECTED not in wire.happened()


def test_answers_go_out_while_the_bus_is_full(site: Site) -> None:
    inbox = site.listen(size=1)
    wire = site.wire()
    wire.say(hello(), *(upload(i) for i in range(1, 50)))
    eventually(lambda: site.bus.full())
    inbox.send("gate", Ack(spool="f1-a", through=7))
    assert wire.hear() == Ack(spool="f1-a", through=7)


def test_it_stops_at_once_though_the_bus_is_full(site: Site) -> None:
    inbox = site.listen(size=1)
    site.wire().say(hello(), *(upload(i) for i in range(1, 50)))
    eventually(lambda: site.bus.full())
    began = time.monotonic()
    inbox.stop()
    assert time.monotonic() - began < 1.0


# --- what goes out ----------------------------------------------------------------------------------------------------

def test_answers_reach_the_agent_they_are_for(site: Site) -> None:
    inbox = site.listen()
    gate, door = site.wire(), site.wire()
    gate.say(hello("gate"))
    door.say(hello("door", "r2", "f2-a"))
    site.take(2)
    said = [Ack(spool="f1-a", through=3), Assign(tracks=(("yard", "r1", 4, "G1"),)), Preview(camera="yard", on=True)]
    threads = [threading.Thread(target=inbox.send, args=("gate", message)) for message in said]
    for thread in threads:
        thread.start()
        thread.join()
    assert [gate.hear() for _ in said] == said
    assert door.silent()


def test_pictures_pass_by_the_bus_and_are_answered(site: Site) -> None:
    shown: list[tuple[str, Picture]] = []
    site.listen(on_picture=lambda agent, picture: shown.append((agent, picture)))
    gate = site.wire()
    picture = Picture(camera="yard", number=7, time=1.0, width=8, height=8, jpeg=b"\xff\xd8")
    gate.say(picture)
    assert gate.hear().code == "hello_first"
    gate.say(hello("gate"))
    site.take()
    gate.say(picture)
    assert gate.hear() == Taken(number=7)
    assert [(agent, one.camera) for agent, one in shown] == [("gate", "yard")]
    assert site.bus.empty()


def test_a_message_to_somebody_who_is_not_there_is_counted(site: Site) -> None:
    inbox = site.listen()
    inbox.send("nobody", Ack(spool="s", through=1))
    eventually(lambda: inbox.counters().undelivered == 1)
    wire = Wire(inbox.endpoint)
    wire.say(hello())
    site.take()
    wire.close()

    def undelivered() -> bool:
        inbox.send("gate", Ack(spool="s", through=1))
        return inbox.counters().undelivered > 1

    eventually(undelivered)


# --- names ------------------------------------------------------------------------------------------------------------

def test_of_two_living_agents_with_one_name_the_first_stays(site: Site) -> None:
    site.listen()
    first, second = site.wire(), site.wire()
    first.say(hello(run="r1", spool="f1-a"))
    site.take()
    second.say(hello(run="r2", spool="f2-a"))
    refusal = second.refusal()
    assert refusal.code == "agent_taken"
    assert "gate" in refusal.message
    first.say(upload(1))
    assert site.numbers(1) == [1]


def test_an_agent_that_was_killed_is_back_at_once(site: Site) -> None:
    site.listen()
    first = Wire(site.inbox.endpoint)
    first.say(hello(run="r1", spool="f1-a"))
    site.take()
    first.close()
    second = site.wire()

    def back() -> bool:
        second.say(hello(run="r2", spool="f2-a"))
        return not site.bus.empty()

    eventually(back, seconds=2.0)


def test_only_expected_names_are_taken(site: Site) -> None:
    site.listen(allowed={"gate"})
    wire = site.wire()
    wire.say(hello("door"))
    assert wire.refusal().code == "not_authorised"
    wire.say(hello("gate"))
    assert site.take()[0][0] == "gate"


# --- where it listens -------------------------------------------------------------------------------------------------

def test_port_zero_gives_a_real_one(site: Site) -> None:
    assert not site.listen().endpoint.endswith(":0")


def test_a_port_in_use_names_it_and_the_cure(site: Site) -> None:
    endpoint = site.listen().endpoint
    with pytest.raises(ConfigError, match=r"in use by another program[\s\S]*--listen") as caught:
        Inbox(endpoint, Mailbox(1)).start()
    assert endpoint in str(caught.value)


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    public, secret = new_pair()
    keys = ServerKeys(public=public, secret=secret, agents=tmp_path)
    with pytest.raises(ConfigError, match="this machine has no such address"):
        Inbox("tcp://192.0.2.1:5599", Mailbox(1), keys).start()


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0"])
def test_a_plain_socket_beyond_loopback_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"without keys[\s\S]*aggregator keys new"):
        Inbox(endpoint, Mailbox(1))


def test_stopping_twice_or_before_the_start_is_fine() -> None:
    never = Inbox(LOOPBACK, Mailbox(1))
    never.stop()
    inbox = Inbox(LOOPBACK, Mailbox(1)).start()
    inbox.stop()
    inbox.stop()


def test_starts_and_stops_leave_nothing_open() -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        with Inbox(LOOPBACK, Mailbox(1)):
            pass
    files, threads = open_files(), threading.active_count()
    for _ in range(10):
        with Inbox(LOOPBACK, Mailbox(1)):
            pass
    assert open_files() <= files
    assert threading.active_count() == threads


# --- keys -------------------------------------------------------------------------------------------------------------

class Keys:
    def __init__(self, folder: Path) -> None:
        public, secret = new_pair()
        self.server = ServerKeys(public=public, secret=secret, agents=folder)
        self.authorised = AuthorisedKeys(folder)

    def make(self, name: str, admit: bool = True) -> AgentKeys:
        public, secret = new_pair()
        if admit:
            self.authorised.add(name, public)
        return AgentKeys(agent=name, public=public, secret=secret, server=self.server.public)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setattr(inbox_module, "_REFRESH_S", 0.05)
    return Keys(tmp_path / "agents")


def test_a_known_key_is_let_in(site: Site, keys: Keys) -> None:
    site.listen(keys=keys.server)
    wire = site.wire(keys.make("gate"))
    wire.say(hello(), upload(1))
    assert site.numbers(1) == [1]


def test_an_unknown_key_is_refused_counted_and_logged(
    site: Site, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = site.listen(keys=keys.server)
    stranger = keys.make("gate", admit=False)
    with caplog.at_level(logging.WARNING):
        site.wire(stranger).say(hello(), upload(1))
        eventually(lambda: inbox.counters().refused.get("key_unknown", 0) >= 1)
    eventually(lambda: stranger.public in caplog.text)
    assert stranger.secret not in caplog.text
    assert site.bus.empty()
    assert inbox.counters().received == 0


def test_plain_talk_with_an_aggregator_that_uses_keys_leads_nowhere(site: Site, keys: Keys) -> None:
    inbox = site.listen(keys=keys.server)
    site.wire().say(hello(), upload(1))
    other = site.wire(keys.make("gate"))
    other.say(hello("gate"))
    site.take()
    time.sleep(0.2)
    assert inbox.counters().received == 1


def test_an_agent_that_believes_in_another_server_says_nothing_to_this_one(site: Site, keys: Keys) -> None:
    inbox = site.listen(keys=keys.server)
    good = keys.make("gate")
    fooled = AgentKeys(agent="gate", public=good.public, secret=good.secret, server=new_pair()[0])
    site.wire(fooled).say(hello(), upload(1))
    time.sleep(0.5)
    assert inbox.counters().received == 0


def test_a_key_speaks_for_its_agent_only(site: Site, keys: Keys) -> None:
    site.listen(keys=keys.server)
    wire = site.wire(keys.make("gate"))
    wire.say(hello("door"))
    refusal = wire.refusal()
    assert refusal.code == "wrong_agent"
    assert "'gate', not for 'door'" in refusal.message


def test_a_key_made_while_it_runs_works_at_once(site: Site, keys: Keys) -> None:
    site.listen(keys=keys.server)
    site.wire(keys.make("gate")).say(hello())
    site.take()
    site.wire(keys.make("door")).say(hello("door", "r2", "f2-a"))
    assert site.take()[0][0] == "door"


def test_a_key_taken_back_is_out_though_its_connection_stands(
    site: Site, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = site.listen(keys=keys.server)
    gate = keys.make("gate")
    wire = site.wire(gate)
    wire.say(hello(), upload(1))
    assert site.numbers(1) == [1]
    keys.authorised.revoke("gate")
    time.sleep(0.3)
    wire.say(upload(2))
    assert wire.refusal().code == "not_authorised"
    with caplog.at_level(logging.WARNING):
        site.wire(gate).say(hello())
        eventually(lambda: inbox.counters().refused.get("key_revoked", 0) >= 1)
    eventually(lambda: "'gate', which was taken back" in caplog.text)
    assert site.bus.empty()


def test_an_agent_changes_its_key_without_a_stop(site: Site, keys: Keys) -> None:
    site.listen(keys=keys.server)
    old, new = keys.make("gate"), keys.make("gate")
    first = Wire(site.inbox.endpoint, old)
    first.say(hello())
    site.take()
    first.close()
    second = site.wire(new)
    second.say(hello(run="r2", spool="f1-b"), upload(1))
    assert site.numbers(1) == [1]
    keys.authorised.revoke("gate", old.public)
    time.sleep(0.3)
    second.say(upload(2))
    assert site.numbers(1) == [2]


def test_with_keys_it_may_listen_everywhere(site: Site, keys: Keys) -> None:
    inbox = site.listen("tcp://0.0.0.0:0", keys=keys.server)
    gate = keys.make("gate")
    wire = Wire(inbox.endpoint.replace("0.0.0.0", "127.0.0.1"), gate)
    site.stack.callback(wire.close)
    wire.say(hello())
    assert site.take()[0][0] == "gate"
