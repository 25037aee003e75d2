"""`Previewer`: a thread that paints what somebody looks at. The pipeline hands frames over and never waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common.bursts import Bursts
from common.detections import Detections
from common.errors import PassageError
from common.messages import Picture
from edge_agent.capture.frame import Frame
from edge_agent.preview.faces import FaceFinder
from edge_agent.preview.painter import Painter
from edge_agent.preview.settings import PreviewSettings
from edge_agent.tracking import TrackedFrame

log = logging.getLogger("passage.preview")

LEASE_S = 10.0
_EARLY = 0.8  # a frame may come this much before it is due, or 25 a second could not be thinned to 10


@dataclass(frozen=True, slots=True)
class _Wish:
    until: float
    width: int
    fps: float


_Seen = tuple[Frame, Detections, TrackedFrame, dict[int, str]]


class Previewer:
    """Pictures of the cameras that allow it, for those who asked within the last seconds.

    Args:
        cameras: settings by camera.
        names: of the detector's classes.
        faces: makes the face finder, in the previewer's thread, when it is first needed.
        monotonic: seconds that only rise.
    """

    def __init__(self, cameras: Mapping[str, PreviewSettings], names: Callable[[], Sequence[str]],
                 faces: Callable[[], FaceFinder | None], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = {name: settings for name, settings in cameras.items() if settings.allow}
        self._names, self._faces, self._monotonic = names, faces, monotonic
        self._sinks: dict[str, Callable[[Picture], None]] = {}
        self._changed = threading.Condition()
        self._wishes: dict[str, dict[str, _Wish]] = {}  # by camera, then by sink
        self._taken: dict[str, float] = {}
        self._waiting: dict[str, _Seen] = {}
        self._painters: dict[str, Painter] = {}
        self._bursts = Bursts()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="preview", daemon=True)

    @property
    def allowed(self) -> frozenset[str]:
        """The cameras that may be looked at."""
        return frozenset(self._settings)

    def add_sink(self, name: str, show: Callable[[Picture], None]) -> None:
        """Somebody who may ask under this name and gets pictures, in the previewer's thread. Before `start`."""
        self._sinks[name] = show

    def start(self) -> None:
        """Begin; without a camera that allows it, there is nothing to do."""
        if self._settings:
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)

    def ask(self, sink: str, camera: str, on: bool, width: int = 0, fps: float = 0.0) -> None:
        """A sink wants pictures of a camera for the next ten seconds, or no more. Of others it gets none."""
        if camera not in self._settings:
            return
        with self._changed:
            wishes = self._wishes.setdefault(camera, {})
            if on:
                wishes[sink] = _Wish(self._monotonic() + LEASE_S, width, fps)
            else:
                wishes.pop(sink, None)

    def offer(self, frame: Frame, found: Detections, tracked: TrackedFrame, global_ids: Mapping[int, str]) -> None:
        """A frame that went through the pipeline; taken when somebody looks and the last picture is old enough."""
        camera = frame.camera
        if not self._wishes.get(camera):
            return
        now = self._monotonic()
        with self._changed:
            wishes = self._living(camera, now)
            if not wishes:
                return
            settings = self._settings[camera]
            fps = min(settings.fps, max(wish.fps or settings.fps for wish in wishes.values()))
            if now - self._taken.get(camera, -1e9) < _EARLY / fps:
                return
            self._taken[camera] = now
            ids = {track: global_ids[track] for track in tracked.track.tolist() if track in global_ids}
            self._waiting[camera] = frame, found, tracked, ids
            self._changed.notify()

    def _living(self, camera: str, now: float) -> dict[str, _Wish]:
        wishes = {sink: wish for sink, wish in self._wishes.get(camera, {}).items() if wish.until > now}
        self._wishes[camera] = wishes
        return wishes

    def _run(self) -> None:
        faces = self._faces() if any(settings.blur_faces for settings in self._settings.values()) else None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                camera = next(iter(self._waiting))
                seen = self._waiting.pop(camera)
                wishes = self._living(camera, self._monotonic())
            if wishes:
                self._show(seen, wishes, faces)

    def _show(self, seen: _Seen, wishes: Mapping[str, _Wish], faces: FaceFinder | None) -> None:
        """Paint and hand out. What fails is not shown: better no picture than one with faces."""
        camera = seen[0].camera
        if camera not in self._painters:
            self._painters[camera] = Painter(self._settings[camera], self._names(), faces)
        widths = [wish.width for wish in wishes.values()]
        try:
            picture = self._painters[camera].paint(*seen, max(widths) if all(widths) else 0)
            for sink in wishes:
                self._sinks[sink](picture)
        except Exception as error:
            if told := self._bursts.due(camera, self._monotonic()):
                shown = error if isinstance(error, PassageError) else repr(error)
                log.error("camera %s: no picture can be shown (%d times): %s", camera, told, shown)
