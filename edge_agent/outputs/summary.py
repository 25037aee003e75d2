"""summary.json: the run in numbers."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from common.clock import to_rfc3339
from common.messages import Event
from edge_agent.capture.frame import Frame
from edge_agent.outputs.lines import write_error
from edge_agent.outputs.tracks import label_of
from edge_agent.tracking import TrackedFrame


class Counts:
    """Adds up what a run saw.

    Args:
        camera: its name.
        size: width and height of the view, pixels.
        monotonic: seconds that only rise.
    """

    def __init__(self, camera: str, size: tuple[int, int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self.camera, self.size = camera, size
        self._monotonic, self._began = monotonic, monotonic()
        self._frames = self._boxes = 0
        self._first = self._last = 0.0
        self._labels: dict[int, str] = {}
        self._events: Counter[str] = Counter()

    def frame(self, frame: Frame, tracked: TrackedFrame, names: Sequence[str]) -> None:
        """One frame more."""
        if not self._frames:
            self._first = frame.time
        self._last = frame.time
        self._frames += 1
        self._boxes += len(tracked)
        self._labels.update((track, label_of(names, class_id)) for track, class_id
                            in zip(tracked.track.tolist(), tracked.class_id.tolist(), strict=True))

    def events(self, events: Iterable[Event]) -> None:
        """Events more."""
        self._events.update(event.kind for event in events)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        elapsed = self._monotonic() - self._began
        return {
            "camera": self.camera,
            "width": self.size[0],
            "height": self.size[1],
            "frames": self._frames,
            "first_time": to_rfc3339(self._first) if self._frames else None,
            "last_time": to_rfc3339(self._last) if self._frames else None,
            "seconds": round(self._last - self._first, 3),
            "boxes": self._boxes,
            "tracks": len(self._labels),
            "tracks_by_label": dict(Counter(self._labels.values()).most_common()),
            "events": dict(sorted(self._events.items())),
            "elapsed_s": round(elapsed, 3),
            "fps": round(self._frames / elapsed, 2) if elapsed > 0 else 0.0,
        }


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write JSON in one step: whoever reads it sees all of it, or what was there before.

    Raises:
        StoreError: it cannot be written.
    """
    draft = path.with_suffix(".part")
    try:
        draft.write_text(json.dumps(summary, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
        os.replace(draft, path)  # noqa: PTH105
    except OSError as error:
        raise write_error(path, error) from error
