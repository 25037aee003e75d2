"""`Source`: pictures one after another, whatever they come from."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from common.errors import SourceError
from edge_agent.capture.settings import CameraSettings
from edge_agent.tracking.given import Given

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 5.0


class Source(Protocol):
    """Something that was opened and gives pictures. Used by one thread.

    Attributes:
        live: pictures come when they come, and one that is not taken is gone; otherwise they wait, and end.
        fps: frames a second as stated, 0 when nothing believable is.
        frames: how many the header promises, None when it does not say.
    """

    live: bool
    fps: float
    frames: int | None

    def grab(self) -> float | None:
        """Go to the next picture: seconds since the first one (without meaning when live), None at the end.

        Raises:
            SourceError: a live source gave none in time.
        """
        ...

    def picture(self) -> NDArray[np.uint8] | None:
        """The picture just grabbed, (h, w, 3) uint8 BGR and nobody else's; None when it is damaged."""
        ...

    def problem(self) -> SourceError | None:
        """After the end: what could not be read."""
        ...

    def close(self) -> None:
        """Give the file, socket or device back."""
        ...


@runtime_checkable
class TrackedSource(Source, Protocol):
    """A source that knows itself who is where; neither detector nor tracker is asked."""

    def given(self) -> Given | None:
        """Who is in the picture just taken; pixels of it."""
        ...


def open_source(camera: CameraSettings, open_timeout: float = OPEN_TIMEOUT_S,
                read_timeout: float = READ_TIMEOUT_S) -> Source:
    """Open what a camera's `source` names.

    Args:
        camera: which.
        open_timeout: seconds that a stream may take to connect.
        read_timeout: seconds that a stream may be silent.

    Raises:
        SourceError: there is no such file, stream or device, or nothing readable in it.
        ConfigError: an environment variable in the source is not set.
    """
    from edge_agent.capture.dataset import Dataset
    from edge_agent.capture.folder import Folder
    from edge_agent.capture.video import open_file, open_stream, open_webcam

    address = camera.address
    if address.kind == "folder":
        return Folder(address.resolve(), camera.fps)
    if address.dataset:
        return Dataset(address, camera.fps)
    if address.kind == "webcam":
        return open_webcam(address.resolve())
    if address.kind == "stream":
        return open_stream(address.resolve(), address.shown, camera.fps, open_timeout, read_timeout)
    return open_file(address.resolve(), camera.fps)
