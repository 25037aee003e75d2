"""`Painter`: one camera's frame → the JPEG that leaves. First smaller, then faces, then boxes, then encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from common.detections import Detections
from common.errors import SourceError
from common.messages import Mark, Picture
from edge_agent.capture.frame import Frame
from edge_agent.outputs.drawing import Overlay
from edge_agent.preview.blur import hide
from edge_agent.preview.faces import FaceFinder
from edge_agent.preview.heads import Held, head_parts
from edge_agent.preview.settings import PreviewSettings
from edge_agent.tracking import TrackedFrame

PERSON = "person"


class Painter:
    """Pictures of one camera. Not thread-safe.

    Args:
        settings: the camera's.
        names: of the detector's classes.
        faces: finds faces besides those of tracked people, or None.
    """

    def __init__(self, settings: PreviewSettings, names: Sequence[str], faces: FaceFinder | None) -> None:
        self._settings, self._names, self._faces = settings, names, faces
        self._held = Held()
        self._overlay: Overlay | None = None

    def paint(self, frame: Frame, found: Detections, tracked: TrackedFrame, global_ids: Mapping[int, str],
              width: int = 0) -> Picture:
        """The frame as it may leave; the frame itself stays as it is.

        Args:
            frame: what the camera saw.
            found: everything that the detector told, unsure ones too.
            tracked: who is followed in it.
            global_ids: by local track.
            width: pixels across that are of use; 0 for all that the settings allow.

        Raises:
            SourceError: OpenCV could not encode it.
        """
        rows, columns = frame.image.shape[:2]
        most = min(self._settings.width, columns, width or columns)
        scale = most / columns
        size = most, max(1, round(rows * scale))
        image = (np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
                 if scale < 1 else frame.image.copy())
        boxes = tracked.xyxy * np.float32(scale)
        if self._settings.blur_faces:
            hide(image, self._held.with_recent(self._to_hide(image, scale, found, tracked) / np.float32(most),
                                               frame.time) * np.float32(most))
        if self._settings.overlay:
            image = self._draw(image, frame, replace(tracked, xyxy=boxes), global_ids)
        done, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, self._settings.quality))
        if not done:
            raise SourceError(f"camera {frame.camera}: a picture of it could not be encoded")
        shares = tracked.xyxy / np.asarray([columns, rows, columns, rows], np.float32)
        return Picture(
            camera=frame.camera, number=1, time=frame.time, width=image.shape[1], height=image.shape[0],
            jpeg=jpeg.tobytes(), marks=tuple(
                Mark(track=track, name=global_ids.get(track, ""), box=(left, top, right, bottom))
                for track, (left, top, right, bottom) in zip(tracked.track.tolist(), shares.round(4).tolist(),
                                                             strict=True)))

    def _to_hide(self, image: NDArray[np.uint8], scale: float, found: Detections, tracked: TrackedFrame
                 ) -> NDArray[np.float32]:
        """(n, 4) pixels of the picture. A detector that knows no persons may call them anything: then everybody."""
        boxes = np.concatenate([found.xyxy, tracked.xyxy]) * np.float32(scale)
        if PERSON in self._names:
            boxes = boxes[np.concatenate([found.class_id, tracked.class_id]) == self._names.index(PERSON)]
        regions = head_parts(boxes)
        if self._faces is not None:
            regions = np.concatenate([regions, self._faces.find(image)])
        return regions

    def _draw(self, image: NDArray[np.uint8], frame: Frame, tracked: TrackedFrame, global_ids: Mapping[int, str]
              ) -> NDArray[np.uint8]:
        size = image.shape[1], image.shape[0]
        if self._overlay is None or self._overlay.view != size:
            self._overlay = Overlay(size, caption=False, labels=False, least_side=1)
        return self._overlay.draw(replace(frame, image=image), tracked, self._names, global_ids)
