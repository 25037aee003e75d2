"""An engine on a real store with the real linker, people who walk past its cameras, and somebody who corrects it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.corrections.asked import Asked
from aggregator.engine import Bus, Engine, EngineSettings
from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.mailbox import Mailbox
from aggregator.store import StoreReader, open_store
from aggregator.store.records import CorrectionRow
from aggregator.visit import Decision
from common.clock import ManualClock
from common.messages import Message, Upload, pack_tracklet
from common.tracklet import Face, Tracklet
from common.tracklet import Path as VisitPath

NOW = 1_750_000_000.0
MODEL = "0123456789abcdef"
FACE_MODEL = "fedcba9876543210"


def look(person: int, noise: float, seed: int) -> np.ndarray:
    vector = np.random.default_rng(person).normal(size=64)
    vector /= np.linalg.norm(vector)
    vector += noise * np.random.default_rng((person, seed)).normal(size=64) / 8
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def tracklet(camera: str, track: int, person: int, start: float, *, part: int = 0, final: bool = True) -> Tracklet:
    vector = look(person, 0.3, 7 * track + part)
    return Tracklet(
        camera=camera, run="r1", track=track, part=part, final=final, start=start, end=start + 3 + 3 * part,
        label="person", frames=20 + 20 * part, confidence=0.8, model=MODEL, mean=vector, embeddings=vector[None],
        quality=np.ones(1, np.float32), embedding_times=np.array([start]),
        path=VisitPath(times=np.array([start + 3 * part]), frames=np.zeros(1, np.int32),
                       boxes=np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)),
        face=Face(model=FACE_MODEL, mean=face(person, track + part), quality=0.5, seen=2) if camera == "c0" else None)


def face(person: int, seed: int = 0) -> np.ndarray:
    """Only camera c0 looks for faces."""
    return look(1000 + person, 0.3, seed)


def walks(people: int = 12, rounds: int = 3, first: int = 0) -> list[Tracklet]:
    """Everybody through three cameras, each visit in two parts; visit n is of person (n - 1) % people + 1."""
    parts = []
    for turn in range(first, first + rounds):
        for person in range(1, people + 1):
            start = NOW - 5000 + 300 * turn + 20 * person
            one = {"camera": f"c{turn % 3}", "track": 100 * turn + person, "person": person, "start": start}
            parts += [tracklet(**one, final=False), tracklet(**one, part=1)]
    return parts


class Thorough(Linker):
    """Looks at everything anew with every repair: a site so small is easy then."""

    def resolve(self, now: float, *, whole: bool = True) -> list[Decision]:
        return super().resolve(now, whole=whole)


class Rig:
    """One process's life over the store in `folder`."""

    def __init__(self, folder: Path, linking: LinkingSettings | None = None, kind: type[Linker] = Thorough,
                 **settings: Any) -> None:
        self.clock = ManualClock(NOW)
        self.messages: Mailbox[tuple[str, Message]] = Mailbox()
        self.news: list[dict[str, Any]] = []
        self.store = open_store(folder)
        bus = Bus()
        bus.subscribe(lambda news: self.news.append(dict(news)))
        options = {"gather_s": 0.0, "retry_least_s": 0.02, "resolve_every_s": 3600.0, **settings}
        self.engine = Engine(
            self.store, lambda after: kind(linking or LinkingSettings(), None, IdAllocator(after)), self.messages,
            lambda agent, message: None, self.clock, EngineSettings(**options), bus)

    def __enter__(self) -> Rig:
        self.engine.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.engine.stop()
        self.store.close()
        assert self.engine.failure is None, self.engine.failure

    def send(self, parts: list[Tracklet]) -> None:
        """One after the other, and wait until all are stored."""
        done = self.engine.stats()["counts"].get("messages", 0)
        first = self.store.through("box", "s") + 1
        for k, part in enumerate(parts):
            self.messages.put(("box", Upload(spool="s", seq=first + k, body=pack_tracklet(part))))
            self._until(lambda k=k: self.engine.stats()["counts"].get("messages", 0) == done + k + 1)

    def settle(self) -> None:
        """Repair what came, now."""
        self.engine._resolve_at = 0.0
        self._until(lambda: self.engine._resolve_at > 0.0)

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.engine.stats()
            assert self.engine.failure is None
            time.sleep(0.002)

    def correct(self, operation: Any, who: str = "Ann", **asked: Any) -> CorrectionRow:
        return self.engine.correct(Asked(operation=operation, who=who, **asked)).result(10)

    @contextlib.contextmanager
    def reader(self) -> Iterator[StoreReader]:
        with self.store.reader() as reader:
            yield reader

    def identities(self) -> dict[int, int]:
        """By visit."""
        with self.reader() as reader:
            return {v.visit: v.identity or 0 for v in reader.visits(limit=1000).rows}

    def of(self, identity: int) -> set[int]:
        return {v for v, i in self.identities().items() if i == identity}
