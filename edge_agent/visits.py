"""`visits.npz`: the finished tracks of a run with their embeddings, as `aggregator link` and `replay` read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from common.tracklet import Tracklet


class VisitRows:
    """Gathers final tracklets. `embedder` names the array `embedding_NAME` (dashes become underscores)."""

    def __init__(self, embedder: str) -> None:
        self.array = "embedding_" + embedder.replace("-", "_").replace(".", "_")
        self._rows: list[Tracklet] = []

    def add(self, tracklets: list[Tracklet]) -> None:
        """Keeps those that are final and were embedded."""
        self._rows += [part for part in tracklets if part.final and len(part.mean)]

    def write(self, path: Path, began: float) -> None:
        """Row i is one visit: `camera`, `track`, `label`, `start`, `end` (s UTC), `images`, embedding (n, d) float16.

        Args:
            path: the file.
            began: UTC seconds of the run's first frame; `began`, (1,).
        """
        rows = sorted(self._rows, key=lambda row: row.end)
        columns: dict[str, Any] = {
            "camera": np.asarray([row.camera for row in rows], np.str_),
            "began": np.asarray([began], np.float64),
            "label": np.asarray([row.label for row in rows], np.str_),
            "track": np.asarray([row.track for row in rows], np.int64),
            "start": np.asarray([row.start for row in rows], np.float64),
            "end": np.asarray([row.end for row in rows], np.float64),
            "images": np.asarray([row.frames for row in rows], np.int32),
            self.array: np.asarray([row.mean for row in rows], np.float16),
        }
        np.savez_compressed(path, allow_pickle=False, **columns)
