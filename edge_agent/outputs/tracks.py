"""tracks.csv and mot.txt: where everybody was, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.mot import mot_lines
from edge_agent.capture.frame import Frame
from edge_agent.outputs.lines import LineFile
from edge_agent.tracking import TrackedFrame


def label_of(names: Sequence[str], class_id: int) -> str:
    """A class's name; its number where the detector has none."""
    return names[class_id] if 0 <= class_id < len(names) else str(class_id)


class TracksCsv(LineFile):
    """tracks.csv, one line for every track seen in a frame.

    Columns: `frame` (from 0, as in the source), `time` (UTC seconds), `camera`, `track` (local id), `label`,
    `confidence` (0 to 1), `x1`, `y1`, `x2`, `y2` (left, top, right, bottom in pixels of the view), `global_id` (such
    as G17; empty as long as the aggregator had not said who it is).
    """

    COLUMNS = ("frame", "time", "camera", "track", "label", "confidence", "x1", "y1", "x2", "y2", "global_id")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.write(",".join(self.COLUMNS) + "\n")

    def frame(self, frame: Frame, tracked: TrackedFrame, names: Sequence[str], global_ids: Mapping[int, str]) -> None:
        """Append one frame's tracks."""
        head = f"{frame.index},{frame.time:.3f},{_cell(frame.camera)}"
        columns = zip(tracked.track.tolist(), tracked.class_id.tolist(), tracked.confidence.tolist(),
                      tracked.xyxy.tolist(), strict=True)
        self.write("".join(
            f"{head},{track},{_cell(label_of(names, class_id))},{confidence:.4f},"
            f"{box[0]:.2f},{box[1]:.2f},{box[2]:.2f},{box[3]:.2f},{_cell(global_ids.get(track, ''))}\n"
            for track, class_id, confidence, box in columns))


class MotText(LineFile):
    """mot.txt, MOTChallenge's text: frame (from 1), track, left, top, width, height, confidence, −1, −1, −1."""

    def frame(self, frame: Frame, tracked: TrackedFrame) -> None:
        """Append one frame's tracks."""
        self.write(mot_lines(frame.index + 1, tracked.track, tracked.xyxy, tracked.confidence))


def _cell(text: str) -> str:
    """RFC 4180: a cell with a comma, quote or line end stands in quotes."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
