"""How many tracklets a second fifty agents bring onto the disk over CURVE, and what happens beyond that.

    python benchmarks/load.py [--agents 50] [--seconds 20] [--rate 0] [--ramp 2000 5000 10000 20000] [--parts N]
                              [--no-linking] [--folder DIR] [--json FILE]

A real `aggregator serve`, with a key for each agent, and all agents in one process beside it. Tracklets are as large as
real ones (512 numbers as float16, one exemplar beside the mean, ten path points: 2.6 kB); a visit is `--parts` of them.
A tracklet counts when its acknowledgement has come, which is after the transaction is on the disk. Each agent keeps at
most 512 unacknowledged, as the real one does; what it could not send at its rate waits ("behind"), as in a spool.

Without `--parts` and `--no-linking` three sites are measured: ten tracklets a visit, which are stored only; two a visit
with linking, which is how many visits can be linked; and ten a visit with linking.

`--rate 0` sends as fast as is taken. `--ramp` goes through several rates. `--no-linking` keeps visits too young to be
linked: what the wire and the store take alone. Printed each time: tracklets and visits a second, milliseconds from
sending to the acknowledgement, both processes' share of the two cores, the aggregator's processor time for each
tracklet (which says something on a busy machine too), its memory, and what the benchmark finds in the database at the
end.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import secrets
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import yaml
import zmq
from numpy.typing import NDArray

from common.clock import SystemClock
from common.keys import AuthorisedKeys, new_pair, read_server_keys, write_server_keys
from common.messages import Ack, CameraInfo, Hello, ModelInfo, Refusal, Stats, Upload, decode, encode

CREDIT = 512
DIMENSIONS = 512
MODEL = "0123456789abcdef"
CAMERAS = 4  # of each agent
PART_S = 5.0
OPEN = 8  # tracks that go on at once before a camera
VISITS = 6  # of each person
SETTLED = 4  # parts after which the mean of the embeddings is what it was
AGO_S = 6 * 3600.0  # that it happened
WARM_S = 3.0
SILENCE_S = 0.05
"""After so long without an acknowledgement those of another transaction come, thousands at once."""


@dataclass(slots=True)
class Track:
    """One visit that is being sent.

    Attributes:
        number: of its agent.
        camera: index in the site.
        person: who it is.
        start: UTC seconds.
        parts: sent so far.
        looks: as bytes of float16, after each part until they hardly change.
    """

    number: int
    camera: int
    person: int
    start: float
    parts: int
    looks: list[bytes]


class People:
    """Who walks where, as if a site's agents told of what happened while they could not: eight people are before each
    camera at any moment, the site's clock goes on with each who comes in, and nobody is at two places at once. Who
    leaves a camera is, after some time, at one of four cameras near it, until `VISITS` cameras have seen them.

    How alike they look is about what a network makes of people: cosines of two visits are .7 for one person, .4 ± .1
    for two.

    Args:
        cameras: of the site.
        began: UTC seconds, the site's clock when it begins.
        parts: of a visit.
    """

    def __init__(self, cameras: int, began: float, parts: int, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._common = self._unit(1)[0]
        self._kinds = self._unit(32)
        self._noise = np.float32(0.55) * self._unit(4096)
        self._known: list[NDArray[np.float32]] = []
        self._seen: list[int] = []
        self._coming: list[list[tuple[float, int]]] = [[] for _ in range(cameras)]  # when, who
        self._near = (np.arange(cameras)[:, None] + self._rng.choice(np.arange(1, 20), (cameras, 4))) % cameras
        self._parts, self._seconds = parts, PART_S * parts
        self.clock, self._step = began, self._seconds / (OPEN * cameras)
        self.boxes = np.sort(self._rng.random((10, 4)).astype("<f4"), axis=1).tobytes()
        self.frames = np.arange(10, dtype="<i4").tobytes()
        self.steps = np.linspace(0, PART_S, 10)
        self.quality = np.full(1, 0.8, "<f4").tobytes()

    def __len__(self) -> int:
        return len(self._known)

    def enter(self, number: int, camera: int) -> Track:
        """Somebody comes into view: who was on the way there, or somebody new."""
        self.clock += self._step
        coming = self._coming[camera]
        if coming and coming[0][0] <= self.clock:
            _, person = heapq.heappop(coming)
        else:
            person = len(self._known)
            kind = self._rng.normal(size=32).astype(np.float32) @ self._kinds
            self._known.append(0.67 * self._common + 0.55 * kind / np.linalg.norm(kind))
            self._seen.append(0)
        self._seen[person] += 1
        if self._seen[person] < VISITS:
            onward = int(self._near[camera, self._rng.integers(4)])
            heapq.heappush(self._coming[onward], (self.clock + self._seconds + self._rng.lognormal(3, 0.4), person))
        return Track(number, camera, person, self.clock, 0, self._looks_of(person))

    def _looks_of(self, person: int) -> list[bytes]:
        one, each = self._rng.integers(len(self._noise)), self._rng.integers(len(self._noise), size=SETTLED)
        # What is particular about a visit (light, side) stays; what is about single pictures becomes less.
        less = np.arange(1, SETTLED + 1, dtype=np.float32)[:, None]
        rows = self._known[person] + self._noise[one] + self._noise[each] / less
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f2")
        return [row.tobytes() for row in rows]

    def _unit(self, count: int) -> NDArray[np.float32]:
        rows = self._rng.normal(size=(count, DIMENSIONS)).astype(np.float32)
        out: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return out

    def body(self, camera: str, run: str, track: Track, parts: int) -> bytes:
        """The next part of a track, packed as `pack_tracklet` does it."""
        part, track.parts = track.parts, track.parts + 1
        look = track.looks[min(part, SETTLED - 1)]
        begin = track.start + PART_S * part
        times = begin + self.steps
        packed: bytes = msgpack.packb({
            "kind": "tracklet", "camera": camera, "run": run, "track": track.number, "part": part,
            "final": part == parts - 1, "start": track.start, "end": begin + PART_S, "label": "person",
            "frames": 50 * (part + 1), "confidence": 0.8, "model": MODEL, "mean": look,
            "embeddings": look, "quality": self.quality, "embedding_times": times[:1].tobytes(),
            "path_times": times.tobytes(), "path_frames": self.frames, "path_boxes": self.boxes, "attributes": {},
            "counts": {}})
        return packed


class Box:
    """One agent: a connection with its own key, and what of it is on the way."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], number: int, endpoint: str, server: str,
                 folder: Path) -> None:
        self.name = f"load-{number}"
        public, secret = new_pair()
        AuthorisedKeys(folder).add(self.name, public)
        self.cameras = [f"{self.name}-camera-{k}" for k in range(CAMERAS)]
        self.run, self.spool, self.seq = secrets.token_hex(4), secrets.token_hex(8), 0
        self.flying: deque[float] = deque()
        self.tracks: list[Track] = []  # those that go on
        self.first = number * CAMERAS  # index of its first camera in the site
        self.next, self.turn = 0, 0
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndhwm = 0
        self.socket.curve_publickey, self.socket.curve_secretkey = public.encode(), secret.encode()
        self.socket.curve_serverkey = server.encode()
        self.socket.connect(endpoint)

    def hello(self, now: float) -> bytes:
        """Who it is."""
        return encode(Hello(
            agent=self.name, run=self.run, spool=self.spool, software="load", clock=now,
            cameras=tuple(CameraInfo(camera=c, width=1280, height=720, fps=10.0) for c in self.cameras),
            models=(ModelInfo(task="embedding", name="load", fingerprint=MODEL, dimensions=DIMENSIONS),)))


@dataclass
class Step:
    """What one rate came to.

    Attributes:
        offered: tracklets a second that were due; 0 for as many as are taken.
        taken: acknowledged a second.
        behind: due and not sent at the end.
        ms: from sending to acknowledgement: median and the 99th of a hundred.
        cores: shares of a core that the aggregator and the agents used.
        each_us: processor time of the aggregator for each tracklet, microseconds.
        memory_mb: of the aggregator, at the end.
        refused: by code.
    """

    offered: float
    taken: float = 0.0
    visits: float = 0.0
    behind: int = 0
    ms: dict[str, float] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    each_us: float = 0.0
    memory_mb: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)


class Fleet:
    """All agents, in this thread."""

    def __init__(self, endpoint: str, count: int, parts: int, keys: Path) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        server = read_server_keys(keys)
        self.boxes = [Box(self._context, k, endpoint, server.public, server.agents) for k in range(count)]
        self._poller = zmq.Poller()
        self._of = {box.socket: box for box in self.boxes}
        for box in self.boxes:
            self._poller.register(box.socket, zmq.POLLIN)
        self._clock = SystemClock()
        self._parts = parts
        self.people = People(count * CAMERAS, self._clock.now() - AGO_S, parts)
        self._took: list[float] = []
        self._heard_at = 0.0
        self._transactions: list[tuple[float, int]] = []  # when acknowledgements came again, and how many before
        self._refused: dict[str, int] = {}
        self._beat = 0.0
        self.acknowledged = 0

    def begin(self) -> None:
        """Everybody says hello, and is let in. The aggregator looks at its keys once a second."""
        time.sleep(2.5)
        for box in self.boxes:
            box.socket.send(box.hello(self._clock.now()))
        for box in self.boxes:
            assert box.socket.poll(20_000), f"{box.name} is not answered"

    def close(self) -> None:
        """Let go of everything."""
        self._context.destroy(linger=0)

    def _send(self, box: Box) -> None:
        # Several people at once before every camera: the parts of their tracks come in turn.
        if len(box.tracks) < OPEN * CAMERAS:
            track = self.people.enter(box.next, box.first + box.next % CAMERAS)
            # At the first, of all ages, as in the middle of a day.
            if box.next < OPEN * CAMERAS:
                track.parts = len(box.tracks) % self._parts
                track.start -= PART_S * track.parts
            box.tracks.append(track)
            box.next += 1
        box.turn = (box.turn + 1) % len(box.tracks)
        track = box.tracks[box.turn]
        body = self.people.body(box.cameras[track.camera - box.first], box.run, track, self._parts)
        if track.parts == self._parts:
            box.tracks.pop(box.turn)
        box.seq += 1
        box.socket.send(encode(Upload(spool=box.spool, seq=box.seq, body=body, after=box.seq - 1)))
        box.flying.append(time.monotonic())

    def _hear(self, milliseconds: int) -> None:
        before = self.acknowledged
        for socket, _ in self._poller.poll(milliseconds):
            box = self._of[socket]
            while True:
                try:
                    message = decode(box.socket.recv(zmq.NOBLOCK))
                except zmq.Again:
                    break
                now = time.monotonic()
                if isinstance(message, Ack):
                    while len(box.flying) > box.seq - message.through:
                        self._took.append(now - box.flying.popleft())
                        self.acknowledged += 1
                elif isinstance(message, Refusal):
                    self._refused[message.code] = self._refused.get(message.code, 0) + 1
        if self.acknowledged > before:
            now = time.monotonic()
            if now > self._heard_at + SILENCE_S:
                self._transactions.append((now, before))
            self._heard_at = now

    def play(self, rate: float, seconds: float, pid: int) -> Step:
        """Send at a rate for so long."""
        step, sent, at = Step(rate), 0, 0
        began = time.monotonic()
        measured = 0.0
        while (now := time.monotonic()) < began + WARM_S + seconds:
            if not measured and now >= began + WARM_S:
                measured, first, self._took, self._transactions = now, self.acknowledged, [], []
                cpu = _cpu(pid), time.process_time()
            due = rate * (now - began) - sent if rate else 1024
            tries = 0
            while due >= 1 and tries < len(self.boxes):
                box = self.boxes[at % len(self.boxes)]
                at += 1
                burst = min(int(due), 64, CREDIT - len(box.flying))
                tries = 0 if burst > 0 else tries + 1
                for _ in range(burst):
                    self._send(box)
                due, sent = due - burst, sent + burst
            if now - self._beat > 2:
                self._beat = now
                for box in self.boxes:
                    box.socket.send(encode(Stats(clock=self._clock.now(), cameras={})))
            self._hear(20 if due >= 1 else 2)
        wall = time.monotonic() - measured
        step.taken = (self.acknowledged - first) / wall
        if len(self._transactions) > 2:  # of whole ones, as one more or less in the time would be a tenth
            (began, before), (ended, after) = self._transactions[0], self._transactions[-1]
            step.taken = (after - before) / (ended - began)
        step.visits = step.taken / self._parts
        step.behind = max(0, int(rate * (time.monotonic() - began)) - sent) if rate else 0
        step.cores = {"aggregator": (_cpu(pid) - cpu[0]) / wall, "agents": (time.process_time() - cpu[1]) / wall}
        step.each_us = 1e6 * step.cores["aggregator"] * wall / max(1, self.acknowledged - first)
        took = sorted(self._took)
        step.ms = {"median": 1000 * statistics.median(took), "99 %": 1000 * took[int(0.99 * len(took))]} if took else {}
        step.memory_mb, step.refused, self._refused = _memory(pid), self._refused, {}
        return step

    def drain(self, seconds: float = 60.0) -> bool:
        """Wait until everything is acknowledged; whether it is."""
        until = time.monotonic() + seconds
        while any(box.flying for box in self.boxes) and time.monotonic() < until:
            self._hear(50)
        return not any(box.flying for box in self.boxes)


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """Resident memory, MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def start(folder: Path, linking: bool) -> tuple[subprocess.Popen[bytes], str]:
    """A real aggregator with keys of its own; where it listens."""
    keys = folder / "keys"
    write_server_keys(keys / "server.key", *new_pair())
    config: dict[str, Any] = {"listen": "tcp://127.0.0.1:0", "http": "127.0.0.1:0", "data": str(folder / "data"),
                              "keys": str(keys)}
    if not linking:
        config["linking"] = {"min_frames": 1_000_000}
    (folder / "aggregator.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-c", "from aggregator.cli import main; main()", "serve"]
    program = subprocess.Popen(
        [*command, "-c", str(folder / "aggregator.yaml"), "--ready-file", str(folder / "ready")],
        stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb"), env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    while not (folder / "ready").exists():
        assert program.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    return program, str(json.loads((folder / "ready").read_text())["listen"])


def told(step: Step) -> str:
    """One line."""
    ms = "  ".join(f"{name} {value:,.0f} ms" for name, value in step.ms.items())
    return (f"{f'{step.offered:,.0f}' if step.offered else 'all':>8} {step.taken:10,.0f} {step.visits:9,.0f} "
            f"{step.behind:9,d}   {step.cores['aggregator']:5.2f} {step.cores['agents']:5.2f} {step.each_us:8,.0f} "
            f"{step.memory_mb:8,.0f}   "
            f"{ms}{'   refused ' + str(step.refused) if step.refused else ''}")


def measure(given: argparse.Namespace, parts: int, linking: bool) -> list[Step]:
    """One site, rate by rate; printed."""
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        program, endpoint = start(folder, linking)
        fleet = Fleet(endpoint, given.agents, parts, folder / "keys")
        try:
            fleet.begin()
            print(f"{given.agents} agents over CURVE, {parts} tracklets a visit, "
                  f"{'with' if linking else 'without'} linking\n"
                  f"{'offered':>8} {'taken/s':>10} {'visits/s':>9} {'behind':>9}   {'cores of each':11} {'µs each':>8} "
                  f"{'MB':>8}")
            steps = []
            for rate in given.ramp or [given.rate]:
                steps.append(fleet.play(rate, given.seconds, program.pid))
                print(told(steps[-1]), flush=True)
            began = time.monotonic()
            drained = fleet.drain()
            print(f"then all was acknowledged after {time.monotonic() - began:.1f} s" if drained else
                  "not everything was acknowledged within a minute")
        finally:
            fleet.close()
            program.send_signal(signal.SIGTERM)
            program.wait(20)
        with sqlite3.connect(folder / "data" / "passage.db") as db:
            (stored,) = db.execute("SELECT count(*) FROM paths").fetchone()
            (identities,) = db.execute("SELECT count(*) FROM identities WHERE merged_into IS NULL").fetchone()
        print(f"acknowledged {fleet.acknowledged:,}, in the database {stored:,}, "
              f"{(folder / 'data' / 'passage.db').stat().st_size / 1e6:,.0f} MB; {len(fleet.people):,} people"
              f"{f', {identities:,} identities' if linking else ''}")
    return steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate, after three to warm up")
    parser.add_argument("--rate", type=float, default=0.0, help="tracklets a second; 0: all that are taken")
    parser.add_argument("--ramp", type=float, nargs="+", help="rates, one after the other")
    parser.add_argument("--parts", type=int, help="tracklets of one visit")
    parser.add_argument("--no-linking", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the database lies; on the disk that is asked about")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.parts or given.no_linking:
        sites = [(given.parts or 10, not given.no_linking)]
    else:
        sites = [(10, False), (2, True), (10, True)]
    steps = [(site, step) for site in sites for step in measure(given, *site)]
    if given.json:
        rows = [{"parts": parts, "linking": linking} | asdict(step) for (parts, linking), step in steps]
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
