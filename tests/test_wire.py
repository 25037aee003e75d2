"""Agent and aggregator on one wire: nothing lost and nothing doubled, whoever is stopped whenever."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from aggregator.inbox import Inbox
from aggregator.mailbox import Mailbox
from common.clock import SystemClock
from common.errors import ConfigError
from common.keys import AgentKeys, AuthorisedKeys, ServerKeys, new_pair
from common.messages import Ack, Hello, Message, Upload
from edge_agent import connection, uplink
from edge_agent.spool import Spool
from edge_agent.uplink import Uplink, probe


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "AGAIN_S", 0.2)
    monkeypatch.setitem(uplink._HOLD_S, "agent_taken", 0.2)


class Disk:
    """What a database would hold: bodies by name, and how far every spool was received."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.through: dict[tuple[str, str], int] = {}
        self.repeats = 0


class Aggregator:
    """An inbox and the least of an engine: takes a batch, drops repeats, commits, acknowledges."""

    def __init__(self, disk: Disk, endpoint: str = "tcp://127.0.0.1:0", keys: ServerKeys | None = None,
                 delay: float = 0.0, size: int = 50) -> None:
        self.disk = disk
        self.bus: Mailbox[tuple[str, Message]] = Mailbox(size)
        self.inbox = start(Inbox(endpoint, self.bus, keys))
        self.delay = delay
        self.killed = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.killed:
            batch = self.bus.take(20, 0.05, 0.0)
            if not batch:
                continue
            time.sleep(self.delay)
            acks: dict[tuple[str, str], int] = {}
            if self.killed:
                return  # before the commit: the batch never was
            for agent, message in batch:
                if isinstance(message, Upload):
                    name = (agent, message.spool)
                    if message.seq > self.disk.through.get(name, 0):
                        self.disk.bodies.append(message.body)
                        self.disk.through[name] = message.seq
                    else:
                        self.disk.repeats += 1
                    acks[name] = self.disk.through[name]
            if self.killed:
                return  # after the commit and before the acknowledgement
            for (agent, spool), through in acks.items():
                self.inbox.send(agent, Ack(spool=spool, through=through))

    def kill(self) -> None:
        self.killed = True
        self.inbox.stop()
        self.thread.join()


def start(inbox: Inbox) -> Inbox:
    """Its port may still be the last one's for a moment."""
    deadline = time.monotonic() + 5
    while True:
        again = try_start(inbox)
        if again:
            return inbox
        assert time.monotonic() < deadline
        time.sleep(0.02)


def try_start(inbox: Inbox) -> bool:
    try:
        inbox.start()
    except ConfigError:
        return False
    return True


class Agent:
    def __init__(self, path: Path, endpoint: str, name: str = "gate", keys: AgentKeys | None = None) -> None:
        self.spool = Spool(path)
        run = str(random.random())
        self.uplink = Uplink(
            endpoint, name, lambda: Hello(agent=name, run=run, spool="", software="t", clock=0.0), self.spool,
            SystemClock(), keys=keys, credit=30, ack_timeout_s=1.0,
        ).start()

    def kill(self) -> None:
        self.uplink.stop()
        self.spool.close()


def body(number: int) -> bytes:
    return b"%06d" % number + bytes(200)


def numbers(disk: Disk) -> list[int]:
    return [int(body[:6]) for body in disk.bodies]


def test_an_aggregator_that_dies_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disk = Disk()
    aggregator = Aggregator(disk, delay=0.002)
    endpoint = aggregator.inbox.endpoint
    agent = Agent(tmp_path / "spool.db", endpoint)
    rng = random.Random(1)
    written = 0
    try:
        for _ in range(5):
            until = time.monotonic() + rng.uniform(0.05, 0.25)
            while time.monotonic() < until:
                agent.spool.append([body(written + i) for i in range(7)])
                written += 7
                time.sleep(0.005)
            aggregator.kill()
            aggregator = Aggregator(disk, endpoint, delay=0.002)
        assert agent.uplink.drain(20.0)
        assert numbers(disk) == list(range(written))
    finally:
        agent.kill()
        aggregator.kill()


def test_an_agent_that_dies_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disk = Disk()
    aggregator = Aggregator(disk, delay=0.002)
    rng = random.Random(2)
    written = 0
    agent = Agent(tmp_path / "spool.db", aggregator.inbox.endpoint)
    try:
        for _ in range(5):
            until = time.monotonic() + rng.uniform(0.05, 0.25)
            while time.monotonic() < until:
                agent.spool.append([body(written + i) for i in range(7)])
                written += 7
                time.sleep(0.005)
            agent.kill()
            agent = Agent(tmp_path / "spool.db", aggregator.inbox.endpoint)
        assert agent.uplink.drain(20.0)
        assert numbers(disk) == list(range(written))
    finally:
        agent.kill()
        aggregator.kill()


def test_a_slow_aggregator_fills_the_spool_and_not_the_memory(tmp_path: Path) -> None:
    disk = Disk()
    aggregator = Aggregator(disk, delay=0.05, size=5)
    agent = Agent(tmp_path / "spool.db", aggregator.inbox.endpoint)
    try:
        agent.spool.append([body(i) for i in range(400)])
        time.sleep(0.3)
        assert agent.uplink.status().unacknowledged <= 30
        assert agent.spool.depth > 200
        aggregator.delay = 0.0
        assert agent.uplink.drain(20.0)
        assert numbers(disk) == list(range(400))
    finally:
        agent.kill()
        aggregator.kill()


def test_several_agents_over_curve(tmp_path: Path) -> None:
    disk = Disk()
    public, secret = new_pair()
    folder = tmp_path / "agents"
    aggregator = Aggregator(disk, keys=ServerKeys(public=public, secret=secret, agents=folder))
    authorised = AuthorisedKeys(folder)
    agents = []
    try:
        for i in range(3):
            mine = new_pair()
            authorised.add(f"box{i}", mine[0])
            keys = AgentKeys(agent=f"box{i}", public=mine[0], secret=mine[1], server=public)
            agents.append(Agent(tmp_path / f"{i}.db", aggregator.inbox.endpoint, f"box{i}", keys))
            assert "encrypted" in probe(aggregator.inbox.endpoint, f"box{i}", keys, 5.0)
        for i, agent in enumerate(agents):
            agent.spool.append([body(1000 * i + j) for j in range(100)])
        assert all(agent.uplink.drain(10.0) for agent in agents)
        assert sorted(numbers(disk)) == [1000 * i + j for i in range(3) for j in range(100)]
    finally:
        for agent in agents:
            agent.kill()
        aggregator.kill()


def test_a_key_that_is_not_known_is_told_to_both_sides_and_let_in_once_it_is(tmp_path: Path) -> None:
    disk = Disk()
    public, secret = new_pair()
    aggregator = Aggregator(disk, keys=ServerKeys(public=public, secret=secret, agents=tmp_path / "agents"))
    mine = new_pair()
    keys = AgentKeys(agent="gate", public=mine[0], secret=mine[1], server=public)
    agent = Agent(tmp_path / "spool.db", aggregator.inbox.endpoint, keys=keys)
    try:
        agent.spool.append([body(0)])
        deadline = time.monotonic() + 5
        while "keys list" not in agent.uplink.status().problem:
            assert time.monotonic() < deadline, agent.uplink.status()
            time.sleep(0.02)
        assert aggregator.inbox.counters().refused["key_unknown"] >= 1
        AuthorisedKeys(tmp_path / "agents").add("gate", mine[0])
        assert agent.uplink.drain(10.0)
        assert agent.uplink.status().connected
    finally:
        agent.kill()
        aggregator.kill()


def test_of_two_boxes_with_one_name_the_second_waits_and_loses_nothing(tmp_path: Path) -> None:
    disk = Disk()
    aggregator = Aggregator(disk)
    first = Agent(tmp_path / "1.db", aggregator.inbox.endpoint)
    try:
        first.spool.append([body(0)])
        assert first.uplink.drain(5.0)
        second = Agent(tmp_path / "2.db", aggregator.inbox.endpoint)
        try:
            second.spool.append([body(1)])
            assert not second.uplink.drain(0.4)
            assert "agent_taken" in second.uplink.status().problem
            first.spool.append([body(2)])
            assert first.uplink.drain(5.0)
            first.kill()
            assert second.uplink.drain(8.0)
        finally:
            second.kill()
        assert sorted(numbers(disk)) == [0, 1, 2]
    finally:
        aggregator.kill()


@pytest.mark.parametrize("gone_s", [0.0, 0.6])
def test_it_is_up_again_soon_after_the_aggregator_is(tmp_path: Path, gone_s: float) -> None:
    disk = Disk()
    aggregator = Aggregator(disk)
    endpoint = aggregator.inbox.endpoint
    agent = Agent(tmp_path / "spool.db", endpoint)
    try:
        agent.spool.append([body(0)])
        assert agent.uplink.drain(5.0)
        aggregator.kill()
        time.sleep(gone_s)
        agent.spool.append([body(1)])
        aggregator = Aggregator(disk, endpoint)
        assert agent.uplink.drain(4.0)
    finally:
        agent.kill()
        aggregator.kill()
