"""Frames → boxes → tracks → tracklets: one detector batch, one tracker step, one embedder batch for the whole box."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.detections import Detections
from common.messages import CameraInfo, Event
from common.places import Places
from common.tracklet import Face, Tracklet
from edge_agent.capture.frame import Frame
from edge_agent.capture.mask import Mask
from edge_agent.crops import cut, sharpness
from edge_agent.events import ended_events, track_events
from edge_agent.faces import FaceSettings, FaceWatch, Reader
from edge_agent.no_detector import PERSON, NoDetector
from edge_agent.tracking import Look, TrackedFrame, Tracker
from edge_agent.tracking.given import GivenTracks
from edge_agent.tracklets import Choice, TrackletBuilder, TrackletSettings
from edge_agent.zones import CountingSettings, PlaceCounter
from models.detector import Detector
from models.embedder import Embedder


@dataclass(slots=True)
class StageTimes:
    """Seconds spent in every stage, and frames that went through."""

    frames: int = 0
    crops: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(
        ("detect", "track", "embed", "faces", "build"), 0.0))

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the time of the block to `stage`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start

    def fps(self) -> dict[str, float]:
        """Frames a second that each stage alone would reach."""
        return {stage: self.frames / spent for stage, spent in self.seconds.items() if spent > 0}


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What came of one frame: `found` is everything the detector told, `tracked` what is followed."""

    frame: Frame
    found: Detections
    tracked: TrackedFrame
    tracklets: list[Tracklet]
    events: list[Event]


class Pipeline:
    """All cameras of one box. Not thread-safe: one thread steps it.

    Args:
        cameras: names, in the tracker's order.
        masks: for the cameras that look away from something.
        places: zones and lines, for the cameras that have some.
        counting: how these count.
        faces: those cameras that look for faces, what finds them, and how; None: no camera does.
        run: this start of the agent.
    """

    def __init__(self, cameras: Sequence[str], detector: Detector | NoDetector, embedder: Embedder, tracker: Tracker,
                 settings: TrackletSettings, run: str, masks: Mapping[str, Mask] | None = None,
                 on_camera: Callable[[CameraInfo], None] | None = None, places: Mapping[str, Places] | None = None,
                 counting: CountingSettings | None = None,
                 faces: tuple[Collection[str], Reader, FaceSettings] | None = None) -> None:
        self.detector, self.embedder, self.tracker = detector, embedder, tracker
        self.run, self.settings, self.masks = run, settings, masks or {}
        self.times = StageTimes()
        self.infos: dict[str, CameraInfo] = {}
        self._cameras = tuple(cameras)
        self._builders: dict[str, TrackletBuilder] = {}
        self._places = dict(places or {})
        self._counters = {camera: PlaceCounter(
            run, *self._places.get(camera, ((), ())), detector.names,
            **(counting or CountingSettings()).model_dump(exclude={"drawn"}), mature_s=settings.mature_s,
            mature_frames=settings.mature_frames) for camera in cameras}
        self._on_camera = on_camera
        self._last: dict[str, tuple[int, float]] = {}
        self._given = GivenTracks()
        self._person = detector.names.index(PERSON) if PERSON in detector.names else 0
        self.faces = FaceWatch(*faces, self._person) if faces else None

    def step(self, frames: Sequence[Frame]) -> list[Result]:
        """One frame each of some of the cameras, all in one batch."""
        for frame in frames:
            self._meet(frame)
            self._last[frame.camera] = frame.index, frame.time
        with self.times.measure("detect"):
            found = self._find(frames)
        with self.times.measure("track"):
            tracked = self._follow(frames, found)
        with self.times.measure("embed"):
            choices, embeddings = self._embed(frames, tracked)
            for seen, choice, vectors in zip(tracked, choices, embeddings, strict=True):
                if seen.camera not in self._given.cameras:
                    self.tracker.learn(seen.camera, seen.track[choice.rows], vectors)
        if self.faces:
            with self.times.measure("faces"):
                for frame, seen in zip(frames, tracked, strict=True):
                    self.faces.look(frame, seen)
        with self.times.measure("build"):
            results = [
                self._result(frame, boxes, seen, choice, vectors)
                for frame, boxes, seen, choice, vectors in zip(frames, found, tracked, choices, embeddings, strict=True)
            ]
        self.times.frames += len(frames)
        return results

    def finish(self) -> tuple[list[Tracklet], list[Event]]:
        """No more frames will come: every open track ends."""
        tracklets, events = [], []
        for camera, ids in (self.tracker.finish() | self._given.finish()).items():
            if camera in self._builders:
                frame, now = self._last[camera]
                counter = self._counters[camera]
                events += counter.finish(camera, frame, ids)
                tracklets += self._builders[camera].finish(ids, counter.counts, self._face_of(camera), counter.paths)
                events += ended_events(camera, self.run, now, frame, ids)
        return tracklets, events

    def draw(self, camera: str, places: Places) -> list[Event]:
        """Count other zones and lines in a camera from now on; returns what that means for who is in them."""
        if places == self._places.get(camera, ((), ())):
            return []
        self._places[camera] = places
        frame, _ = self._last.get(camera, (0, 0.0))
        events = self._counters[camera].replace(camera, frame, *places)
        if camera in self.infos:
            self.infos[camera] = info = dataclasses.replace(self.infos[camera], zones=places[0], lines=places[1])
            if self._on_camera:
                self._on_camera(info)
        return events

    def _result(self, frame: Frame, found: Detections, seen: TrackedFrame, choice: Choice,
                vectors: NDArray[np.float32]) -> Result:
        height, width = frame.image.shape[:2]
        counter = self._counters[frame.camera]
        counted = counter.update(frame.index, seen, width, height)
        parts = self._builders[frame.camera].update(frame.index, seen, choice, vectors, counter.counts,
                                                    self._face_of(frame.camera), counter.paths)
        if self.faces:
            self.faces.forget(frame.camera, seen.ended.tolist())
        return Result(frame, found, seen, parts, track_events(frame.index, seen, self.run) + counted)

    def _face_of(self, camera: str) -> Callable[[int], Face | None] | None:
        return functools.partial(self.faces.of, camera) if self.faces else None

    def _meet(self, frame: Frame) -> None:
        """A camera's first frame tells its size; a frame of another size is another view, with paths of its own."""
        height, width = frame.image.shape[:2]
        info = self.infos.get(frame.camera)
        if info is None or (info.width, info.height) != (width, height):
            zones, lines = self._places.get(frame.camera, ((), ()))
            info = CameraInfo(camera=frame.camera, width=width, height=height, view=frame.view, zones=zones,
                              lines=lines)
            self.infos[frame.camera] = info
            if frame.camera in self._builders:
                self._builders[frame.camera].camera = info
            else:
                self._builders[frame.camera] = TrackletBuilder(
                    info, self.run, self.detector.names, self.embedder.fingerprint, self.embedder.dimensions,
                    self.settings)
            if self._on_camera:
                self._on_camera(info)

    def _find(self, frames: Sequence[Frame]) -> list[Detections]:
        """Who is in each frame: as the source says, else as the detector does."""
        asked = [frame for frame in frames if frame.given is None]
        answers = iter(self.detector.detect([frame.image for frame in asked])) if asked else iter(())
        return [self._unmasked(frame, next(answers)) if frame.given is None else
                Detections(frame.given.xyxy, np.ones(len(frame.given.track), np.float32)) for frame in frames]

    def _follow(self, frames: Sequence[Frame], found: Sequence[Detections]) -> list[TrackedFrame]:
        """Whose visit each box is of: as the source says, else as the tracker does."""
        asked = [(frame, boxes) for frame, boxes in zip(frames, found, strict=True) if frame.given is None]
        some = [frame for frame, _ in asked], [boxes for _, boxes in asked]
        answers = iter(self.tracker.step([(frame.camera, frame.time, boxes) for frame, boxes in asked],
                                         self._look(*some)))
        return [next(answers) if frame.given is None else
                self._given.step(frame.camera, frame.time, frame.given, self._person) for frame in frames]

    def _unmasked(self, frame: Frame, found: Detections) -> Detections:
        mask = self.masks.get(frame.camera)
        if mask is None or not len(found):
            return found
        height, width = frame.image.shape[:2]
        return found[mask.keep(found, width, height)]

    def _look(self, frames: Sequence[Frame], found: Sequence[Detections]) -> Look:
        """How the tracker may see some of the detections, one batch for all frames."""
        def look(rows: Sequence[NDArray[np.intp]]) -> list[NDArray[np.float32]]:
            cuts = [cut(frame.image, boxes.xyxy[mine]) for frame, boxes, mine in zip(frames, found, rows, strict=True)]
            crops = [crop for some in cuts for crop in some]
            self.times.crops += len(crops)
            return np.split(self.embedder.embed(crops), np.cumsum([len(some) for some in cuts])[:-1])

        return look

    def _embed(self, frames: Sequence[Frame], tracked: Sequence[TrackedFrame]
               ) -> tuple[list[Choice], list[NDArray[np.float32]]]:
        choices, crops = [], []
        for frame, seen in zip(frames, tracked, strict=True):
            choice = self._builders[frame.camera].choose(seen)
            cuts = cut(frame.image, seen.xyxy[choice.rows])
            # A blurred crop weighs less, but is not thrown away: a whole camera may be soft.
            sharp = np.asarray([0.5 + 0.5 * sharpness(crop) for crop in cuts], np.float32)
            choices.append(Choice(choice.rows, choice.quality * sharp))
            crops += cuts
        self.times.crops += len(crops)
        if not crops:
            return choices, [np.zeros((0, self.embedder.dimensions), np.float32) for _ in choices]
        vectors = self.embedder.embed(crops)
        return choices, np.split(vectors, np.cumsum([len(choice.rows) for choice in choices])[:-1])
