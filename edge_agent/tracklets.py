"""Tracks become tracklets: what to embed, what to keep, and when a part is due. Plain values in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from common.geometry import normalise
from common.messages import CameraInfo
from common.settings import Settings
from common.tracklet import Face, Path, Tracklet, zone_path
from edge_agent.crops import crop_quality
from edge_agent.tracking import TrackedFrame

NEVER = -np.inf
# Frame times are sums of fractions: five steps of 0.1 s must count as half a second.
GRACE_S = 1e-3

Counts = Mapping[int, Mapping[str, int]]
Paths = Mapping[int, Sequence[str]]
FaceOf = Callable[[int], Face | None]


class TrackletSettings(Settings):
    """What is said about a track, and how often."""

    mature_s: float = Field(0.7, ge=0, description="seconds that a track must last before anything is sent about it")
    mature_frames: int = Field(3, ge=1, description="frames that it must have been seen in")
    part_s: float = Field(5.0, gt=0, description="seconds between two parts of a lasting track")
    path_s: float = Field(0.5, gt=0, description="seconds between two points of its path")
    embed_s: float = Field(0.5, ge=0, description="a track is embedded at most once in so many seconds")
    min_quality: float = Field(0.35, ge=0, le=1, description="crops below this are not embedded (confidence × whole × "
                                                              "unoccluded × height), unless a track has no better")
    full_height: float = Field(96.0, gt=0, description="pixels; taller crops count as no better")
    exemplars: int = Field(3, ge=1, le=16, description="embeddings sent with a part, the best ones")


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Rows of a `TrackedFrame` worth embedding, (k,), and their quality, (k,) float32."""

    rows: NDArray[np.intp]
    quality: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class _Growing:
    """What gathers about one track between two parts. Touched a few times a second, not every frame."""

    label: str
    sum: NDArray[np.float32] | None = None
    embeddings: list[NDArray[np.float32]] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    embedding_times: list[float] = field(default_factory=list)
    path_times: list[float] = field(default_factory=list)
    path_frames: list[int] = field(default_factory=list)
    path_boxes: list[NDArray[np.float32]] = field(default_factory=list)
    part: int = 0
    zones: str = ""
    """Told of already."""

    def forget_sent(self) -> None:
        self.embeddings, self.quality, self.embedding_times = [], [], []
        self.path_times, self.path_frames, self.path_boxes = [], [], []


class TrackletBuilder:
    """One camera's tracks on their way to tracklets.

    What changes every frame is columnar (`_rows`, ordered by track id); what changes a few times a second is not.

    Args:
        camera: its view's size; paths are shares of it.
        run: this start of the agent.
        names: class names by class id.
        model, dimensions: fingerprint and length of the embeddings.
    """

    _COLUMNS = np.dtype([("track", np.int64), ("start", float), ("last", float), ("frames", np.int64),
                         ("confidence", float), ("embedded", float), ("pathed", float), ("sent", float)])

    def __init__(self, camera: CameraInfo, run: str, names: Sequence[str], model: str, dimensions: int,
                 settings: TrackletSettings) -> None:
        self.camera, self.run, self.names = camera, run, names
        self.model, self.dimensions, self.settings = model, dimensions, settings
        self._rows = np.zeros(0, self._COLUMNS)
        self._growing: dict[int, _Growing] = {}
        self._counts: Counts = {}
        self._zones: Paths = {}
        self._face_of: FaceOf | None = None

    def choose(self, tracked: TrackedFrame) -> Choice:
        """Which rows of this frame to embed now: those that are due and good, or due and without anything so far."""
        s = self.settings
        quality = crop_quality(tracked.xyxy, tracked.confidence, self.camera.width, self.camera.height, s.full_height)
        embedded = np.full(len(tracked.track), NEVER)
        place, known = self._find(tracked.track)
        embedded[known] = self._rows["embedded"][place[known]]
        good = quality >= s.min_quality
        # Somebody who is always half hidden still gets embeddings; the weight by quality lets better ones take over.
        for_want_of_better = (embedded == NEVER) & known & (quality >= s.min_quality / 4)
        for_want_of_better[known] &= self._rows["start"][place[known]] <= tracked.time - s.mature_s + GRACE_S
        rows = np.flatnonzero((tracked.time - embedded >= s.embed_s - GRACE_S) & (good | for_want_of_better))
        return Choice(rows, quality[rows])

    def update(self, frame: int, tracked: TrackedFrame, choice: Choice, embeddings: NDArray[np.float32],
               counts: Counts | None = None, face_of: FaceOf | None = None, zones: Paths | None = None
               ) -> list[Tracklet]:
        """Take in one frame; returns the parts that are due, final ones among them.

        Args:
            frame: its number in the source, from 0.
            tracked: who was where.
            choice: as `choose` said.
            embeddings: (k, d) float32 unit rows, one for every row of `choice`.
            counts: zone and line counts by track.
            face_of: what was seen of a track's face.
            zones: that tracks came into, in order.
        """
        self._counts, self._face_of, self._zones = counts or {}, face_of, zones or {}
        place = self._see(tracked)
        self._extend_paths(frame, tracked, place)
        self._take_embeddings(tracked, place, choice, embeddings)
        parts = [self._part(row, final=True) for row in self._take_out(tracked.ended)]
        return [part for part in parts if part] + self._due(tracked.time)

    def finish(self, tracks: NDArray[np.int64], counts: Counts | None = None, face_of: FaceOf | None = None,
               zones: Paths | None = None) -> list[Tracklet]:
        """The video is over: the final parts of `tracks` (m,)."""
        self._counts, self._face_of, self._zones = counts or {}, face_of, zones or {}
        return [part for row in self._take_out(tracks) if (part := self._part(row, final=True))]

    def _find(self, tracks: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Where each track stands in `_rows`, and whether it does."""
        place = np.searchsorted(self._rows["track"], tracks)
        known = place < len(self._rows)
        known[known] = self._rows["track"][place[known]] == tracks[known]
        return place, known

    def _see(self, tracked: TrackedFrame) -> NDArray[np.intp]:
        place, known = self._find(tracked.track)
        if not known.all():
            new = np.zeros(int((~known).sum()), self._COLUMNS)
            new["track"], new["start"] = tracked.track[~known], tracked.time
            new["embedded"] = new["pathed"] = NEVER
            new["sent"] = NEVER
            for track, class_id in zip(new["track"].tolist(), tracked.class_id[~known].tolist(), strict=True):
                self._growing[track] = _Growing(self.names[class_id])
            self._rows = np.concatenate([self._rows, new])
            self._rows.sort(order="track")
            place = np.searchsorted(self._rows["track"], tracked.track)
        self._rows["last"][place] = tracked.time
        self._rows["frames"][place] += 1
        self._rows["confidence"][place] += tracked.confidence
        return place

    def _extend_paths(self, frame: int, tracked: TrackedFrame, place: NDArray[np.intp]) -> None:
        due = np.flatnonzero(tracked.time - self._rows["pathed"][place] >= self.settings.path_s - GRACE_S)
        self._rows["pathed"][place[due]] = tracked.time
        boxes = normalise(tracked.xyxy[due], self.camera.width, self.camera.height)
        for track, box in zip(tracked.track[due].tolist(), boxes, strict=True):
            growing = self._growing[track]
            growing.path_times.append(tracked.time)
            growing.path_frames.append(frame)
            growing.path_boxes.append(box)

    def _take_embeddings(self, tracked: TrackedFrame, place: NDArray[np.intp], choice: Choice,
                         embeddings: NDArray[np.float32]) -> None:
        self._rows["embedded"][place[choice.rows]] = tracked.time
        chosen = zip(tracked.track[choice.rows].tolist(), choice.quality.tolist(), embeddings, strict=True)
        for track, quality, embedding in chosen:
            growing = self._growing[track]
            weighted = np.float32(quality) * embedding
            growing.sum = weighted if growing.sum is None else growing.sum + weighted
            growing.embeddings.append(embedding)
            growing.quality.append(quality)
            growing.embedding_times.append(tracked.time)

    def _take_out(self, tracks: NDArray[np.int64]) -> list[np.void]:
        gone = np.isin(self._rows["track"], tracks)
        rows = list(self._rows[gone])
        self._rows = self._rows[~gone]
        return rows

    def _due(self, now: float) -> list[Tracklet]:
        rows = self._rows
        due = (rows["last"] == now) & self._mature(rows) & (now - rows["sent"] >= self.settings.part_s - GRACE_S)
        parts = []
        for i in np.flatnonzero(due):
            if part := self._part(rows[i], final=False):
                parts.append(part)
            rows["sent"][i] = now
        return parts

    def _mature(self, rows: NDArray[np.void] | np.void) -> NDArray[np.bool_]:
        s = self.settings
        lasted = rows["last"] - rows["start"] >= s.mature_s - GRACE_S
        mature: NDArray[np.bool_] = np.logical_and(lasted, rows["frames"] >= s.mature_frames)
        return mature

    def _part(self, row: np.void, *, final: bool) -> Tracklet | None:
        """The next part of one track; None when it never became mature."""
        track = int(row["track"])
        growing = self._growing.pop(track) if final else self._growing[track]
        if not self._mature(row):
            return None
        best = np.argsort(growing.quality)[::-1][: self.settings.exemplars]
        best.sort()
        d = self.dimensions if growing.sum is not None else 0
        mean = growing.sum / np.linalg.norm(growing.sum) if growing.sum is not None else np.zeros(0, np.float32)
        part = Tracklet(
            camera=self.camera.camera, run=self.run, track=track, part=growing.part, final=final,
            start=float(row["start"]), end=float(row["last"]), label=growing.label, frames=int(row["frames"]),
            confidence=float(row["confidence"] / row["frames"]),
            model=self.model if d else "", mean=mean.astype(np.float32),
            embeddings=np.asarray([growing.embeddings[i] for i in best], np.float32).reshape(len(best), d),
            quality=np.asarray([growing.quality[i] for i in best], np.float32),
            embedding_times=np.asarray([growing.embedding_times[i] for i in best], np.float64),
            path=Path(times=np.asarray(growing.path_times, np.float64),
                      frames=np.asarray(growing.path_frames, np.int32),
                      boxes=np.asarray(growing.path_boxes, np.float32).reshape(-1, 4)),
            attributes=self._attributes(track, growing, final=final), counts=dict(self._counts.get(track, {})),
            face=self._face_of(track) if self._face_of else None,
        )
        growing.part += 1
        growing.forget_sent()
        return part

    def _attributes(self, track: int, growing: _Growing, *, final: bool) -> dict[str, str | float]:
        """What is new to tell of a track; all of it at its end."""
        path = zone_path(self._zones.get(track, ()))
        if not path or (path == growing.zones and not final):
            return {}
        growing.zones = path
        return {"zones": path}
