"""What the wire carries: tracklets a second over loopback, plain and CURVE, beside bare ZeroMQ in the same run.

    python benchmarks/wire.py [--messages 20000] [--rounds 3] [--json FILE]

Tracklets are as large as real ones (512 numbers as float16, one exemplar beside the mean, ten path points: about 2.6 kB
packed; `--small` takes 256 numbers and 1.6 kB). The sender is a process of its own, the receiver this one; both share
the machine's cores.

* bare: DEALER to ROUTER, nothing but `recv_multipart`;
* inbox: the same bytes into `Inbox`, taken off its queue;
* decoded: as inbox, and every body unpacked to a `Tracklet`;
* whole: `Spool` on disk → `Uplink` → `Inbox` → unpacked → acknowledged, with 512 messages of credit.

Rounds are interleaved and the medians taken, so that a busy machine disturbs all alike. Then: milliseconds from
`append` to the acknowledgement of one tracklet on an idle wire, and what the spool takes alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from aggregator.inbox import Inbox
from aggregator.mailbox import Mailbox
from common.clock import SystemClock
from common.keys import AgentKeys, AuthorisedKeys, ServerKeys, new_pair
from common.messages import Ack, Hello, Message, Upload, encode, pack_tracklet, unpack_body
from common.tracklet import Path as TrackPath
from common.tracklet import Tracklet
from edge_agent.spool import Spool
from edge_agent.uplink import Uplink

AGENT = "bench"
BATCH = 64  # acknowledgements of the stand-in for the engine


def body(dimensions: int) -> bytes:
    """A packed tracklet."""
    random = np.random.default_rng(1)
    rows = random.normal(size=(1, dimensions)).astype(np.float32)
    rows /= np.linalg.norm(rows)
    times = np.linspace(0, 5, 10)
    return pack_tracklet(Tracklet(
        camera="camera 1", run="run", track=17, part=0, final=True, start=0.0, end=5.0, label="person", frames=120,
        confidence=0.8, model="0123456789abcdef", mean=rows[0], embeddings=rows, quality=np.ones(1, np.float32),
        embedding_times=times[:1],
        path=TrackPath(times=times, frames=np.arange(10, dtype=np.int32),
                       boxes=random.random((10, 4)).astype(np.float32))))


def hello() -> Hello:
    """The greeting of the one agent."""
    return Hello(agent=AGENT, run="run", spool="spool", software="bench", clock=0.0)


def send_raw(endpoint: str, keys: AgentKeys | None, packed: bytes, count: int, done: Event) -> None:
    """The sender's process: a bare DEALER that sends ready-made bytes."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    if keys:
        dealer.curve_publickey, dealer.curve_secretkey = keys.public.encode(), keys.secret.encode()
        dealer.curve_serverkey = keys.server.encode()
    dealer.connect(endpoint)
    dealer.send(encode(hello()))
    for seq in range(1, count + 1):
        dealer.send(encode(Upload(spool="spool", seq=seq, body=packed)))
    done.wait()
    context.destroy(linger=0)


def send_whole(endpoint: str, keys: AgentKeys | None, packed: bytes, count: int, done: Event) -> None:
    """The sender's process: a filled spool and an uplink."""
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool.db") as spool:
        for at in range(0, count, 500):
            spool.append([packed] * min(500, count - at))
        with Uplink(endpoint, AGENT, hello, spool, SystemClock(), keys=keys):
            done.wait()


class Bench:
    """One run's keys, messages and sender processes."""

    def __init__(self, folder: Path, packed: bytes, count: int) -> None:
        public, secret = new_pair()
        mine = new_pair()
        AuthorisedKeys(folder).add(AGENT, mine[0])
        self.server = ServerKeys(public=public, secret=secret, agents=folder)
        self.agent = AgentKeys(agent=AGENT, public=mine[0], secret=mine[1], server=public)
        self.packed = packed
        self.count = count
        self.processes = multiprocessing.get_context("spawn")

    def timed(self, send: Callable[..., None], endpoint: str, curve: bool, take: Callable[[int], None]) -> float:
        """Messages a second, from the first message to the last."""
        done = self.processes.Event()
        sender = self.processes.Process(
            target=send, args=(endpoint, self.agent if curve else None, self.packed, self.count, done))
        sender.start()
        try:
            take(1)  # the greeting: the sender is up
            began = time.perf_counter()
            take(self.count)
            return self.count / (time.perf_counter() - began)
        finally:
            done.set()
            sender.join()

    def bare(self, curve: bool) -> float:
        """DEALER to ROUTER."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        router = context.socket(zmq.ROUTER)
        if curve:
            router.curve_server = True
            router.curve_publickey = self.server.public.encode()
            router.curve_secretkey = self.server.secret.encode()
        port = router.bind_to_random_port("tcp://127.0.0.1")

        def take(count: int) -> None:
            for _ in range(count):
                router.recv_multipart()

        try:
            return self.timed(send_raw, f"tcp://127.0.0.1:{port}", curve, take)
        finally:
            context.destroy(linger=0)

    def inbox(self, curve: bool, decoded: bool = False, whole: bool = False) -> float:
        """Through the inbox."""
        bus: Mailbox[tuple[str, Message]] = Mailbox(2000)
        with Inbox("tcp://127.0.0.1:0", bus, self.server if curve else None) as inbox:

            def take(count: int) -> None:
                taken = 0
                while taken < count:
                    agent, message = bus.get()
                    if not isinstance(message, Upload):
                        taken += isinstance(message, Hello) and count == 1
                        continue
                    taken += 1
                    if decoded:
                        unpack_body(message.body)
                    if whole and (taken % BATCH == 0 or taken == count):
                        inbox.send(agent, Ack(spool=message.spool, through=message.seq))

            return self.timed(send_whole if whole else send_raw, inbox.endpoint, curve, take)


def latency(packed: bytes, times: int = 200) -> dict[str, float]:
    """Milliseconds from `append` to the empty spool, one tracklet at a time."""
    bus: Mailbox[tuple[str, Message]] = Mailbox(100)
    took = []
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool.db") as spool, \
            Inbox("tcp://127.0.0.1:0", bus) as inbox, \
            Uplink(inbox.endpoint, AGENT, hello, spool, SystemClock()) as uplink:
        for _ in range(times):
            began = time.perf_counter()
            spool.append([packed])
            message: Message | None = None
            while not isinstance(message, Upload):
                agent, message = bus.get()
            inbox.send(agent, Ack(spool=message.spool, through=message.seq))
            uplink.drain(5.0)
            took.append(1000 * (time.perf_counter() - began))
    return {"p50": statistics.median(took), "p99": statistics.quantiles(took, n=100)[98]}


def spool_alone(packed: bytes) -> dict[str, float]:
    """Tracklets a second onto the disk, by size of append, and milliseconds of one append."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool.db") as spool:
        for size, appends in ((1, 300), (10, 100), (100, 30)):
            began = time.perf_counter()
            for _ in range(appends):
                spool.append([packed] * size)
            took = time.perf_counter() - began
            found[f"{size} an append"] = size * appends / took
            if size == 1:
                found["ms an append"] = 1000 * took / appends
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="256 numbers, 1.5 kB")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    packed = body(256 if arguments.small else 512)
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), packed, arguments.messages)
        for _ in range(arguments.rounds):
            for curve in (False, True):
                kind = "CURVE" if curve else "plain"
                for name, measure in (
                    ("bare", lambda curve=curve: bench.bare(curve)),
                    ("inbox", lambda curve=curve: bench.inbox(curve)),
                    ("decoded", lambda curve=curve: bench.inbox(curve, decoded=True)),
                    ("whole", lambda curve=curve: bench.inbox(curve, decoded=True, whole=True)),
                ):
                    rates.setdefault(f"{name}, {kind}", []).append(measure())
    medians = {name: statistics.median(values) for name, values in rates.items()}
    result: dict[str, Any] = {
        "bytes": len(packed), "messages": arguments.messages, "per_second": medians,
        "latency_ms": latency(packed), "spool": spool_alone(packed)}
    print(f"{len(packed)} bytes a tracklet, {arguments.messages} messages, median of {arguments.rounds}")
    for name, rate in medians.items():
        bare = medians["bare, " + name.partition(", ")[2]]
        print(f"{name:16} {rate:10,.0f} /s   {rate / bare:5.2f} of bare")
    print("append to acknowledgement: p50 {p50:.2f} ms, p99 {p99:.2f} ms".format(**result["latency_ms"]))
    for name, value in result["spool"].items():
        print(f"spool alone, {name}: {value:,.{2 if name.startswith('ms') else 0}f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
