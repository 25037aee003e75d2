"""`RunOutputs`: everything that one camera's run leaves behind, in one folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from common.messages import Event
from edge_agent.capture.frame import Frame
from edge_agent.outputs.drawing import Overlay
from edge_agent.outputs.events import EventsJsonl
from edge_agent.outputs.interrupts import held_interrupts
from edge_agent.outputs.lines import write_error
from edge_agent.outputs.summary import Counts, write_summary
from edge_agent.outputs.tracks import MotText, TracksCsv
from edge_agent.outputs.video import AnnotatedVideo
from edge_agent.outputs.window import Window
from edge_agent.tracking import TrackedFrame


class RunOutputs:
    """tracks.csv, events.jsonl and mot.txt as the run goes, summary.json and annotated.mp4 at its end.

    What an earlier run left in the folder is replaced. After `close`, also one that follows Ctrl-C, every file is
    whole. Pictures go into annotated.mp4 on this machine's disk and nowhere else.

    Args:
        directory: the folder; made if it is not there.
        camera: the camera's name.
        size: width and height of its view, pixels.
        fps: frames a second of annotated.mp4; 0 when unknown.
        annotate: whether to write annotated.mp4.
        show: whether to show the pictures in a window; closing it ends the run as Ctrl-C does.

    Raises:
        StoreError: the folder or a file cannot be written; also from the methods.
        ConfigError: `show` without a screen.
    """

    def __init__(self, directory: Path, camera: str, size: tuple[int, int], fps: float, annotate: bool = False,
                 show: bool = False) -> None:
        self.directory = directory
        self._window = Window(f"{camera} – q ends") if show else None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for stale in ("summary.json", "annotated.mp4"):
                (directory / stale).unlink(missing_ok=True)
        except OSError as error:
            raise write_error(directory, error) from error
        self._overlay = Overlay(size) if annotate or show else None
        self._video = (AnnotatedVideo(directory / "annotated.mp4", self._overlay.size, fps)
                       if annotate and self._overlay else None)
        self._tracks = TracksCsv(directory / "tracks.csv")
        self._mot = MotText(directory / "mot.txt")
        self._events = EventsJsonl(directory / "events.jsonl")
        self._counts = Counts(camera, size)
        self._closed: dict[str, Any] | None = None

    def frame(self, frame: Frame, tracked: TrackedFrame, names: Sequence[str], global_ids: Mapping[int, str]) -> None:
        """One frame and its tracks.

        Args:
            frame: the picture.
            tracked: who was seen in it.
            names: class names by class id.
            global_ids: local track → global id such as `G17`, as far as they are known.

        Raises:
            KeyboardInterrupt: the window was closed.
        """
        with held_interrupts():  # or the files and their summary would differ by this frame
            self._counts.frame(frame, tracked, names)
            self._tracks.frame(frame, tracked, names, global_ids)
            self._mot.frame(frame, tracked)
        if self._overlay:
            picture = self._overlay.draw(frame, tracked, names, global_ids)
            if self._video:
                self._video.write(picture)
            if self._window:
                self._window.show(picture)

    def events(self, events: Iterable[Event]) -> None:
        """What happened, in the order of time."""
        events = list(events)
        self._counts.events(events)
        self._events.events(events)

    def close(self, summary: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Finish every file; may be called again.

        Args:
            summary: what the run knows beyond these counts: models, stage rates, notices.

        Returns:
            What summary.json holds.
        """
        if self._closed is not None:
            return self._closed
        # The counts win: a summary of a whole agent speaks of all its cameras.
        self._closed = dict(summary or {}) | self._counts.as_dict()
        if self._video:
            self._closed["annotated"] = {"file": "annotated.mp4", "codec": self._video.codec}
        with ExitStack() as stack:  # a file that fails to close does not keep the others open
            for file in (self._tracks, self._mot, self._events, self._video, self._window):
                if file:
                    stack.callback(file.close)
        write_summary(self.directory / "summary.json", self._closed)
        return self._closed

    def __enter__(self) -> RunOutputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
