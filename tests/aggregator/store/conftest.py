from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregator.store import StoreReader, StoreWriter, open_store
from aggregator.visit import Decision
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[StoreWriter]:
    with open_store(tmp_path) as store:
        yield store


@pytest.fixture
def reader(writer: StoreWriter) -> Iterator[StoreReader]:
    with writer.reader() as opened:
        yield opened


@pytest.fixture
def tracklet() -> Callable[..., Tracklet]:
    """Makes part `part` of track `track`: 10 s long, two exemplars and five path points for each part."""

    def make(track: int = 1, part: int = 0, start: float = 1000.0, camera: str = "door", **other: Any) -> Tracklet:
        random = np.random.default_rng((track, part))
        rows = random.normal(size=(3, 8)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        begin, end = start + 10 * part, start + 10 * (part + 1)
        times = np.linspace(begin, end, 5)
        boxes = np.tile(np.array([0.1, 0.2, 0.3, 0.8], np.float32), (5, 1)) + np.float32(part / 100)
        values: dict[str, Any] = {
            "camera": camera, "run": "r1", "track": track, "part": part, "final": False, "start": start, "end": end,
            "label": "person", "frames": 100 * (part + 1), "confidence": 0.8, "model": "0123456789abcdef",
            "mean": rows[0], "embeddings": rows[1:], "quality": np.array([0.9, 0.5], np.float32),
            "embedding_times": np.array([begin, begin + 1]),
            "path": VisitPath(times=times, frames=np.arange(5, dtype=np.int32) + 100 * part, boxes=boxes),
        }
        return Tracklet(**{**values, **other})

    return make


@pytest.fixture
def decide() -> Callable[..., Decision]:
    def make(operation: Any, visit: int, identity: int, other: int = 0, **more: Any) -> Decision:
        return Decision(operation=operation, visit=visit, identity=identity, other=other,
                        **{"score": 3.0, "confidence": 0.9, **more})

    return make
