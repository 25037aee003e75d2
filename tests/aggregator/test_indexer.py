"""The index over history goes on beside the engine; far behind, it holds the engine up rather than fill the memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregator.engine.indexer import Indexer
from aggregator.linking.history import HistoryIndex
from aggregator.store import open_store
from aggregator.visit import Visit

MODEL = "0123456789abcdef"


def some(first: int) -> list[tuple[Visit, int | None]]:
    return [(Visit(visit=n, camera="door", start=0.0, end=5.0, label="person", frames=5, final=True, model=MODEL,
                   embedding=np.ones(4, np.float32) / 2), n) for n in range(first, first + 20)]


def eventually(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_engine_waits_for_an_index_that_is_far_behind_but_not_for_one_that_failed(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.engine.indexer.MOST", 10)
    monkeypatch.setattr("aggregator.engine.indexer._PATIENCE_S", 20.0)
    going, broken = threading.Event(), threading.Event()

    class Slow(HistoryIndex):
        def add(self, *args: Any) -> None:
            if broken.is_set():
                raise RuntimeError("no memory")
            assert going.wait(20)

    with open_store(tmp_path) as store:
        indexer = Indexer(store.reader, Slow())
        indexer.start()
        indexer.follow(some(1), [])
        eventually(lambda: indexer.backlog == 0)  # the thread has taken them, and stands
        indexer.follow(some(21), [])
        waiting = threading.Thread(target=indexer.follow, args=(some(41), []))
        waiting.start()
        time.sleep(0.1)
        assert waiting.is_alive()
        assert indexer.backlog == 20
        going.set()
        waiting.join(10)
        assert not waiting.is_alive()
        assert indexer.wait(10)
        broken.set()
        indexer.follow(some(61), [])
        eventually(lambda: indexer.backlog == -1)
        for _ in range(3):
            indexer.follow(some(81), [])
        assert not indexer._visits
        indexer.stop()
