"""What the store takes and answers as its history grows, and how much of it the engine passes on.

    python benchmarks/store.py [--visits 100000] [--folder DIR] [--json FILE]

Three tables: tracklets a second by size of transaction (each is on the disk before the next begins); tracklets a second
and milliseconds a question while the history grows; tracklets a second through the whole engine, linking included.
Tracklets are as large as real ones: 512 numbers, three exemplars, ten path points.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.engine import Bus, Engine, EngineSettings
from aggregator.linking.ids import IdAllocator
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.mailbox import Mailbox
from aggregator.store import StoreReader, StoreWriter, open_store
from aggregator.visit import Decision, Rival, Visit
from common.clock import ManualClock
from common.messages import Ack, Message, Upload, pack_tracklet
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet

DIMENSIONS = 512
CAMERAS = 20
PEOPLE_A_SECOND = 2.0


def tracklets(first: int, count: int) -> Iterator[Tracklet]:
    """Tracks 20 s long; every person passes four cameras."""
    random = np.random.default_rng(first)
    for track in range(first, first + count):
        person = np.random.default_rng(track // 4).normal(size=DIMENSIONS)
        rows = (person + random.normal(size=(4, DIMENSIONS)) / 2).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        start = track // 4 * (4 / PEOPLE_A_SECOND) + 40.0 * (track % 4)
        times = np.linspace(start, start + 20, 10)
        boxes = np.sort(random.random((10, 4)).astype(np.float32), axis=1)
        yield Tracklet(
            camera=f"camera {(track * 7 + track // 4) % CAMERAS}", run="run", track=track, part=0, final=True,
            start=start, end=start + 20, label="person", frames=300, confidence=0.8, model="0123456789abcdef",
            mean=rows[0], embeddings=rows[1:], quality=np.ones(3, np.float32), embedding_times=times[:3],
            path=VisitPath(times=times, frames=np.arange(10, dtype=np.int32), boxes=boxes))


def write(store: StoreWriter, rows: list[Tracklet], size: int) -> float:
    """Seconds to write `rows`, `size` in a transaction, each with the link that its person has."""
    began = time.perf_counter()
    for at in range(0, len(rows), size):
        with store.transaction():
            for tracklet in rows[at:at + size]:
                seq = tracklet.track + 1
                store.advance("box", "spool", seq)
                visit = store.record_tracklet("box", tracklet)
                assert visit is not None
                store.record_decisions([Decision(
                    operation="link", visit=visit.visit, identity=1 + tracklet.track // 4, score=3.0, confidence=0.9,
                    rivals=(Rival(identity=1, score=-1.0, probability=0.1),) * 3,
                    reason={"cosine": 0.7, "candidates": 12.0})], 0.0, "digest")
    return time.perf_counter() - began


def questions(reader: StoreReader, visits: int) -> dict[str, Callable[[], Any]]:
    """What people ask all the time; windows lie in the middle of the history."""
    middle = visits / 4 * (4 / PEOPLE_A_SECOND) / 2
    window = {"since": middle, "until": middle + 60.0}
    person = 1 + visits // 8
    return {
        "newest 100 visits": lambda: reader.visits(),
        "visits of a minute": lambda: reader.visits(**window),
        "identities of a minute": lambda: reader.identities(**window),
        "newest 100 identities": lambda: reader.identities(),
        "trajectory": lambda: reader.trajectory(person),
        "where": lambda: reader.where(person, now=0.0),
        "paths of a camera, an hour": lambda: reader.paths("camera 3", middle, middle + 3600.0),
        "why": lambda: reader.log(identity=person),
        "counts": reader.counts,
    }


def milliseconds(question: Callable[[], Any]) -> float:
    """Median of several."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        question()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def by_transaction(folder: Path, count: int) -> dict[int, float]:
    """Size of transaction → tracklets a second."""
    rates = {}
    for size in (1, 10, 50, 500):
        rows = list(tracklets(0, min(count, 40 * size, 2000)))
        with open_store(folder / f"by-{size}") as store:
            rates[size] = len(rows) / write(store, rows, size)
    return rates


def by_history(folder: Path, most: int) -> list[dict[str, Any]]:
    """Steps of a growing history: tracklets a second of the last few thousand, and milliseconds a question."""
    steps: list[dict[str, Any]] = []
    with open_store(folder / "history") as store, store.reader() as reader:
        written = 0
        for step in (1, 2, 5, 10):
            rate = 0.0
            while written < most * step // 10:
                rows = list(tracklets(written, min(2000, most * step // 10 - written)))
                rate = len(rows) / write(store, rows, 50)
                written += len(rows)
            steps.append({
                "visits": written, "tracklets_per_s": rate,
                "bytes_per_visit": store.path.stat().st_size / written,
                "ms": {name: milliseconds(ask) for name, ask in questions(reader, written).items()}})
    return steps


class Nobody(Linker):
    """Links nothing: what is left is the engine's own part."""

    def observe(self, visits: Sequence[Visit], now: float) -> list[Decision]:  # noqa: ARG002
        """Nothing."""
        return []


def through_engine(folder: Path, count: int, kind: type[Linker]) -> dict[str, float]:
    """Everything but the socket: decode, check, store, link, commit, acknowledge."""
    messages: Mailbox[tuple[str, Message]] = Mailbox()
    done: queue.Queue[int] = queue.Queue()
    settings = LinkingSettings()
    uploads = [Upload(spool="s", seq=t.track + 1, body=pack_tracklet(t)) for t in tracklets(0, count)]
    clock = ManualClock(count / 4 * (4 / PEOPLE_A_SECOND) + 1000)

    def send(_: str, message: Message) -> None:
        if isinstance(message, Ack):
            done.put(message.through)

    with open_store(folder / kind.__name__) as store:
        engine = Engine(store, lambda after: kind(settings, None, IdAllocator(after)), messages, send, clock,
                        EngineSettings(gather_s=0.0, batch=50), Bus())
        with engine:
            began = time.perf_counter()
            for upload in uploads:
                messages.put(("box", upload))
            while done.get(timeout=600) < count:
                pass
            seconds = time.perf_counter() - began
            indexed = engine.indexer.wait(600)
            later = time.perf_counter() - began
        began = time.perf_counter()
        with Engine(store, lambda after: kind(settings, None, IdAllocator(after)), messages, send, clock,
                    EngineSettings(), Bus()):
            restart = time.perf_counter() - began
    return {"tracklets": count, "tracklets_per_s": count / seconds, "restart_s": restart,
            "indexed_after_s": later if indexed else float("nan")}


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=100_000, help="how long the history gets")
    parser.add_argument("--engine", type=int, default=5_000, help="tracklets through the engine")
    parser.add_argument("--folder", type=Path, help="where to write; on the disk that is asked about")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        result = {"by_transaction": by_transaction(folder, given.visits)}
        print("tracklets a second by size of transaction")
        for size, rate in result["by_transaction"].items():
            print(f"  {size:4d}  {rate:8.0f}")
        result["by_history"] = steps = by_history(folder, given.visits)
        print("\nhistory, 50 in a transaction")
        print(f"  {'visits':28s}" + "".join(f"{s['visits']:>10d}" for s in steps))
        print(f"  {'tracklets a second':28s}" + "".join(f"{s['tracklets_per_s']:10.0f}" for s in steps))
        print(f"  {'bytes a visit':28s}" + "".join(f"{s['bytes_per_visit']:10.0f}" for s in steps))
        for ask in steps[0]["ms"]:
            print(f"  {ask + ', ms':28s}" + "".join(f"{s['ms'][ask]:10.2f}" for s in steps))
        for kind in (Nobody, Linker):
            result[kind.__name__] = numbers = through_engine(folder, given.engine, kind)
            print(f"\nthrough the engine, 50 in a transaction, {'with' if kind is Linker else 'without'} linking")
            for key, value in numbers.items():
                print(f"  {key:28s}{value:10.1f}")
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
