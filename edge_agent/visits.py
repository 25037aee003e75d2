"""`visits.npz`: the finished tracks of a run with their embeddings, as `aggregator link` and `replay` read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from common.tracklet import Tracklet


class VisitRows:
    """Gathers final tracklets.

    Args:
        embedder: names the array `embedding_NAME` (dashes become underscores).
        faces: likewise of the network that faces were embedded with; empty for none.
        face_dimensions: of it.
    """

    def __init__(self, embedder: str, faces: str = "", face_dimensions: int = 0) -> None:
        self.array = "embedding_" + _plain(embedder)
        self._faces, self._face_dimensions = faces and "face_" + _plain(faces), face_dimensions
        self._rows: list[Tracklet] = []

    def add(self, tracklets: list[Tracklet]) -> None:
        """Keeps those that are final and were embedded."""
        self._rows += [part for part in tracklets if part.final and len(part.mean)]

    def write(self, path: Path, began: float) -> None:
        """Row i is one visit: `camera`, `track`, `label`, `start`, `end` (s UTC), `images`, embedding (n, d) float16.

        `zones` that they came into where there are some, see `zone_path`.
        Where a camera looked for faces, `face_NAME` (n, d) float16 too, zeros for who showed none, and `face_quality`.

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
        zones = [str(row.attributes.get("zones", "")) for row in rows]
        if any(zones):
            columns["zones"] = np.asarray(zones, np.str_)
        if self._faces:
            none = np.zeros(self._face_dimensions, np.float32)
            columns[self._faces] = np.asarray(
                [none if row.face is None else row.face.mean for row in rows], np.float16).reshape(len(rows), -1)
            columns["face_quality"] = np.asarray(
                [0.0 if row.face is None else row.face.quality for row in rows], np.float32)
        np.savez_compressed(path, allow_pickle=False, **columns)


def _plain(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")
