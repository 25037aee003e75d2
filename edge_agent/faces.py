"""Whose faces were seen, in cameras that were told to look: one face embedding a track, the mean of the good ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from common.settings import Settings
from common.tracklet import Face
from edge_agent.capture.frame import Frame
from edge_agent.tracking import TrackedFrame
from models.faces import NO_FACES, Faces

LONG_SIDE = 320
"""Pixels of a person's upper part that the detector looks at."""
ENOUGH = 8
"""Faces of a track after which only a better one is embedded."""


class FaceSettings(Settings):
    """Faces, in cameras with `faces: true`."""

    every_s: float = Field(0.5, ge=0, description="a person's face is looked for at most once in so many seconds")
    min_quality: float = Field(0.35, ge=0, le=1, description="faces below this are not embedded (sureness × size × how "
                                                              "straight they look at the camera); size is 0 with 6 "
                                                              "pixels between the eyes, 1 with 20")


class Reader(Protocol):
    """What `models.faces.FaceReader` is, as far as it is needed here."""

    @property
    def name(self) -> str:
        """Of the embedder."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of the embedder's weights."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""
        ...

    def find(self, image: NDArray[np.uint8], long_side: int = 0) -> Faces:
        """Faces in a (h, w, 3) uint8 BGR picture."""
        ...

    def embed(self, image: NDArray[np.uint8], faces: Faces) -> NDArray[np.float32]:
        """(n, d) float32, unit rows."""
        ...


@dataclass(slots=True, eq=False)
class _Seen:
    """One track's face so far."""

    looked: float = -np.inf
    sum: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    count: int = 0
    best: float = 0.0


class FaceWatch:
    """The faces of the tracks of those cameras. Not thread-safe.

    Args:
        cameras: that look for faces.
        reader: finds and embeds them.
        settings: how often, and what counts.
        person: class id of people.
    """

    def __init__(self, cameras: Collection[str], reader: Reader, settings: FaceSettings, person: int) -> None:
        self.reader = reader
        self._settings, self._person = settings, person
        self._seen: dict[str, dict[int, _Seen]] = {camera: {} for camera in cameras}

    def look(self, frame: Frame, tracked: TrackedFrame) -> None:
        """Look for the faces of those who are due."""
        known = self._seen.get(frame.camera)
        if known is None or not len(tracked.track):
            return
        heads = head_regions(tracked.xyxy)
        for row in np.flatnonzero(tracked.class_id == self._person).tolist():
            seen = known.setdefault(int(tracked.track[row]), _Seen())
            if tracked.time - seen.looked >= self._settings.every_s - 1e-3:
                seen.looked = tracked.time
                self._look_at(frame.image, heads, row, seen)

    def of(self, camera: str, track: int) -> Face | None:
        """What was seen of a track's face."""
        seen = self._seen.get(camera, {}).get(track)
        if seen is None or not seen.count:
            return None
        return Face(model=self.reader.fingerprint, mean=seen.sum / np.linalg.norm(seen.sum), quality=seen.best,
                    seen=seen.count)

    def forget(self, camera: str, tracks: Sequence[int]) -> None:
        """These have ended."""
        known = self._seen.get(camera, {})
        for track in tracks:
            known.pop(track, None)

    def _look_at(self, image: NDArray[np.uint8], heads: NDArray[np.float32], row: int, seen: _Seen) -> None:
        height, width = image.shape[:2]
        left, top, right, bottom = np.clip(np.rint(heads[row]), 0, [width, height, width, height]).astype(int).tolist()
        if right - left < 16 or bottom - top < 16:
            return
        faces = self.reader.find(image[top:bottom, left:right], LONG_SIDE).moved(left, top)
        best = self._best(faces, heads)
        if not len(best):
            return
        quality = float(best.quality()[0])
        if seen.count >= ENOUGH and quality <= seen.best:
            return
        weighted = np.float32(quality) * self.reader.embed(image, best)[0]
        seen.sum = weighted if not seen.count else seen.sum + weighted
        seen.count, seen.best = seen.count + 1, max(seen.best, quality)

    def _best(self, faces: Faces, heads: NDArray[np.float32]) -> Faces:
        """The face that tells most, if it is good enough. One that might be of two people is nobody's."""
        quality = faces.quality()
        quality[quality < self._settings.min_quality] = 0
        middle = (faces.xyxy[:, :2] + faces.xyxy[:, 2:]) / 2
        inside = (middle[:, None] >= heads[:, :2]) & (middle[:, None] <= heads[:, 2:])
        quality[inside.all(axis=2).sum(axis=1) != 1] = 0
        if not len(faces) or not quality.max():
            return NO_FACES
        one = [int(quality.argmax())]
        return Faces(faces.xyxy[one], faces.points[one], faces.score[one])


def head_regions(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where in people's boxes (n, 4) a face may be, (n, 4) float32: as much of the top as the box is wide.

    Who stands upright is two and a half times as tall as wide; of who is cut off below, the whole box is left.
    """
    out = xyxy.astype(np.float32, copy=True)
    width, height = xyxy[:, 2] - xyxy[:, 0], xyxy[:, 3] - xyxy[:, 1]
    out[:, 1] -= 0.05 * height
    out[:, 3] = xyxy[:, 1] + np.minimum(height, width)
    return out
