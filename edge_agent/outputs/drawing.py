"""Who is who, drawn on what the camera saw: boxes, the way they came, and labels that can be read."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from common import geometry
from common.clock import to_rfc3339
from edge_agent.capture.frame import Frame
from edge_agent.outputs.colours import Colour, colour_of, ink_on
from edge_agent.outputs.lettering import Lettering
from edge_agent.outputs.tracks import label_of
from edge_agent.tracking import TrackedFrame

TRAIL_S = 3.0
LEAST_SIDE = 320  # smaller pictures are enlarged, so that letters have room
_DARK: Colour = (24, 24, 24)
_SHIFT = 3  # OpenCV draws lines on eighths of a pixel
_ONE = 1 << _SHIFT
_TRAIL_STEPS = 4
_SMOOTH = 3  # points to either side


class Overlay:
    """Draws frame after frame of one camera. Line widths and letters follow the picture's size.

    A colour belongs to a global id, or to a local track as long as there is none.

    Args:
        size: width and height of the view, pixels.
        caption: whether to write the camera's name and the time in the corner.
        labels: whether to write what somebody is beside who they are.
        least_side: smaller pictures are enlarged to it, so that letters have room; pixels.

    Attributes:
        view: as given.
        size: width and height of what `draw` gives, pixels.
    """

    def __init__(self, size: tuple[int, int], caption: bool = True, labels: bool = True,
                 least_side: int = LEAST_SIDE) -> None:
        self.view = size
        self._zoom = max(1, math.ceil(least_side / min(size)))
        self.size = (size[0] * self._zoom, size[1] * self._zoom)
        short = min(self.size)
        self._line = max(2, round(short / 300))
        self._letters = Lettering(max(9, round(short / 50)))
        self._caption, self._labels = caption, labels
        self._trails: dict[int, deque[tuple[float, float, float]]] = {}

    def draw(self, frame: Frame, tracked: TrackedFrame, names: Sequence[str], global_ids: Mapping[int, str]
             ) -> NDArray[np.uint8]:
        """A new picture, (h, w, 3) uint8 BGR; the frame itself stays as it is."""
        image = (frame.image.copy() if self._zoom == 1 else np.asarray(
            cv2.resize(frame.image, None, fx=self._zoom, fy=self._zoom, interpolation=cv2.INTER_CUBIC), np.uint8))
        boxes = tracked.xyxy * self._zoom
        tracks = tracked.track.tolist()
        ids = [global_ids.get(track) or f"#{track}" for track in tracks]
        colours = [colour_of(name) for name in ids]
        self._remember(frame.time, tracks, boxes)
        for track, colour in zip(tracks, colours, strict=True):
            self._draw_trail(image, self._trails[track], colour)
        # Who stands nearer is drawn later, over who stands behind.
        order = np.argsort(boxes[:, 3], kind="stable").tolist()
        for row in order:
            self._draw_box(image, boxes[row].tolist(), colours[row])
        taken: list[tuple[int, int, int, int]] = []
        for row in reversed(order):
            text = f"{ids[row]} {label_of(names, int(tracked.class_id[row]))}" if self._labels else ids[row]
            self._draw_label(image, boxes[row].tolist(), text, colours[row], taken)
        if self._caption:
            self._draw_caption(image, f"{frame.camera}  {to_rfc3339(frame.time)}")
        return image

    def _remember(self, now: float, tracks: list[int], boxes: NDArray[np.float32]) -> None:
        for track, (x, y) in zip(tracks, geometry.foot_points(boxes).tolist(), strict=True):
            self._trails.setdefault(track, deque()).append((now, x, y))
        for track in list(self._trails):
            trail = self._trails[track]
            while trail and now - trail[0][0] > TRAIL_S:
                trail.popleft()
            if not trail:
                del self._trails[track]

    def _draw_trail(self, image: NDArray[np.uint8], trail: deque[tuple[float, float, float]], colour: Colour) -> None:
        """Thinner the older it is."""
        points = np.asarray(trail, np.float64)[:, 1:]
        if len(points) < 2:
            return
        fixed = np.round(_smooth(points) * _ONE).astype(np.int32)
        bounds = np.linspace(0, len(fixed) - 1, _TRAIL_STEPS + 1).astype(int)
        for step in range(_TRAIL_STEPS):
            part = fixed[bounds[step]:bounds[step + 1] + 1]
            if len(part) > 1:
                width = max(1, round(self._line * (step + 2) / _TRAIL_STEPS))
                cv2.polylines(image, [part], False, _DARK, width + max(1, self._line // 2), cv2.LINE_AA, _SHIFT)
                cv2.polylines(image, [part], False, colour, width, cv2.LINE_AA, _SHIFT)

    def _draw_box(self, image: NDArray[np.uint8], box: list[float], colour: Colour) -> None:
        left, top, right, bottom = (round(value * _ONE) for value in box)
        # The dark rim keeps a bright box visible on a bright ground.
        for ink, width in ((_DARK, self._line + 2), (colour, self._line)):
            cv2.rectangle(image, (left, top), (right, bottom), ink, width, cv2.LINE_AA, _SHIFT)

    def _draw_label(self, image: NDArray[np.uint8], box: list[float], text: str, colour: Colour,
                    taken: list[tuple[int, int, int, int]]) -> None:
        """Above the box, or where there is room: never beyond the picture, and not over another label if possible."""
        letters = self._letters
        pad = max(2, letters.height // 3)
        width, height = letters.width(text) + 2 * pad, letters.height + 2 * pad
        rows, columns = image.shape[:2]
        left = round(min(max(box[0] - self._line / 2, 0), max(columns - width, 0)))
        top, bottom = round(box[1]), round(box[3])
        tries = [top - height, bottom, top, *(top - height * k for k in (2, 3)), *(bottom + height * k for k in (1, 2))]
        places = [(left, min(max(at, 0), max(rows - height, 0))) for at in tries]
        x, y = next((place for place in places if not _overlaps(place, width, height, taken)), places[0])
        taken.append((x, y, x + width, y + height))
        cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), colour, cv2.FILLED)
        letters.write(image, text, x + pad, y + height - pad, ink_on(colour))

    def _draw_caption(self, image: NDArray[np.uint8], text: str) -> None:
        letters = self._letters
        pad = max(2, letters.height // 2)
        rows, columns = image.shape[:2]
        width, height = min(letters.width(text) + 2 * pad, columns), letters.height + 2 * pad
        corner = image[rows - height:, :width]
        corner[:] = corner // 3
        letters.write(image, text, pad, rows - pad, (235, 235, 235))


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A moving mean that leaves the ends in place: boxes tremble more than people do. (n, 2) → (n, 2)."""
    reach = min(_SMOOTH, (len(points) - 1) // 2)
    if reach == 0:
        return points
    padded = np.concatenate([points[:1].repeat(reach, 0), points, points[-1:].repeat(reach, 0)])
    sums = np.concatenate([np.zeros((1, 2)), padded.cumsum(axis=0)])
    window = 2 * reach + 1
    smooth = (sums[window:] - sums[:-window]) / window
    smooth[0], smooth[-1] = points[0], points[-1]
    result: NDArray[np.float64] = smooth
    return result


def _overlaps(place: tuple[int, int], width: int, height: int, taken: list[tuple[int, int, int, int]]) -> bool:
    x, y = place
    return any(x < right and left < x + width and y < bottom and top < y + height
               for left, top, right, bottom in taken)
