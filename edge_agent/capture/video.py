"""Videos, streams and webcams, decoded by OpenCV."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import SourceError
from edge_agent.capture.diagnosis import why_unreadable
from edge_agent.capture.quiet import quiet_opencv
from edge_agent.capture.timeline import Timeline, sane_fps

log = logging.getLogger("passage.capture")

FALLBACK_FPS = 25.0
PROBED_FRAMES = 20
# Headers are off by a frame or two now and then; more than that is a file that was cut.
TOLERATED_FRAMES = 2
TOLERATED_SHARE = 0.01

quiet_opencv()


class Video:
    """Pictures from OpenCV's decoder.

    Args:
        capture: an opened `cv2.VideoCapture`.
        name: how people know the source.
        live: see `Source`.
        fps: frames a second, instead of those that the header states.
        stamped: whether the container's times are used, or only the frame rate.
        read_timeout: seconds after which a stream gives up; for the error's words.
    """

    def __init__(self, capture: Any, name: str, live: bool, fps: float | None = None, stamped: bool = True,
                 read_timeout: float = 0.0) -> None:
        self.live = live
        self.fps = fps or sane_fps(capture.get(cv2.CAP_PROP_FPS)) or 0.0
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        # Without a frame rate the count is only an estimate made from it.
        self.frames = int(count) if not live and 0 < count < 1e9 and sane_fps(capture.get(cv2.CAP_PROP_FPS)) else None
        self._capture, self._name, self._read_timeout = capture, name, read_timeout
        self._timeline = Timeline(self.fps or FALLBACK_FPS, stamped)
        self._grabbed = self._damaged = 0

    def grab(self) -> float | None:
        """See `Source`."""
        try:
            grabbed = self._capture.grab()
        except cv2.error as error:
            raise SourceError(f"{self._name}: {error}") from error
        if grabbed:
            self._grabbed += 1
            return 0.0 if self.live else self._timeline.advance(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        if self.live:
            raise SourceError(f"{self._name}: the stream ended, or gave no picture for {self._read_timeout:g} s")
        if self._grabbed == 0:
            raise SourceError(f"{self._name}: not one picture can be decoded; the file is damaged or cut off")
        return None

    def picture(self) -> NDArray[np.uint8] | None:
        """See `Source`."""
        found, image = self._capture.retrieve()
        if not found or image is None or image.size == 0:
            self._damaged += 1
            return None
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        picture: NDArray[np.uint8] = image
        return picture

    def problem(self) -> SourceError | None:
        """See `Source`."""
        read = self._grabbed - self._damaged
        promised = self.frames or 0
        if promised - read > max(TOLERATED_FRAMES, TOLERATED_SHARE * promised):
            return SourceError(f"{self._name} ended early: its header promises {promised} frames, {read} could be read",
                               "copy the file again; what is readable was used")
        if self._damaged:
            return SourceError(f"{self._name}: {self._damaged} of {self._grabbed} frames are damaged and were skipped")
        return None

    def close(self) -> None:
        """See `Source`."""
        self._capture.release()


def open_file(path: str, fps: float | None = None) -> Video:
    """A video file.

    Args:
        path: where.
        fps: frames a second, when the file's own are wrong.

    Raises:
        SourceError: no such file, empty, or no video in it.
    """
    _check_file(Path(path))
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise why_unreadable(Path(path))
    stated = capture.get(cv2.CAP_PROP_FPS)
    if fps is not None or sane_fps(stated) is not None:
        return Video(capture, path, live=False, fps=fps, stamped=fps is None)
    measured = _measured_fps(path)
    log.warning("%s: its header states %g frames a second; %s", path, stated,
                f"its times say {measured:.4g}" if measured else f"{FALLBACK_FPS:g} is taken instead (set fps: …)")
    return Video(capture, path, live=False, fps=measured or FALLBACK_FPS, stamped=measured is not None)


def open_stream(url: str, shown: str, fps: float | None, open_timeout: float, read_timeout: float) -> Video:
    """An RTSP or HTTP stream; over HTTP also a file, which then is read as one.

    Args:
        url: with user and password, if it needs them.
        shown: without.
        fps: frames a second, when the stream states wrong ones.
        open_timeout: seconds to connect.
        read_timeout: seconds of silence after which it counts as broken.

    Raises:
        SourceError: nobody answers in time, or what comes is no video.
    """
    # UDP loses packets, and with them parts of the picture; a user's own options win.
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_timeout * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(read_timeout * 1000)])
    if not capture.isOpened():
        raise SourceError(f"{shown}: no video came within {open_timeout:g} s",
                          "check address, user, password and that the camera can be reached: "
                          f"ffplay -rtsp_transport tcp {shown}")
    ends = url.startswith("http") and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
    return Video(capture, shown, live=not ends, fps=fps, stamped=fps is None,
                 read_timeout=read_timeout)


def open_webcam(device: str) -> Video:
    """A webcam by number or device path.

    Raises:
        SourceError: there is none, or it belongs to somebody else.
    """
    capture = (cv2.VideoCapture(int(device), cv2.CAP_ANY) if device.isdecimal()
               else cv2.VideoCapture(device, cv2.CAP_V4L2))
    if not capture.isOpened():
        raise SourceError(f"webcam:{device} does not open: there is none, another program has it, or it is not yours",
                          "ls -l /dev/video*; on Linux your user must be in the group 'video'")
    return Video(capture, f"webcam:{device}", live=True, read_timeout=10.0)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise SourceError(f"{path} is a folder", f"for the pictures in it write folder:{path}")
    if not path.exists():
        raise SourceError(f"{path} does not exist", "give the path of a video, rtsp://…, http://…, webcam:0 or "
                                                    "folder:PATH")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read by this user", f"chmod +r {path}")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes)", "copy or record it again")


def _measured_fps(path: str) -> float | None:
    """Frames a second from the times of a file's first frames."""
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    stamps: list[float] = []
    while len(stamps) < PROBED_FRAMES and capture.grab():
        stamps.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    capture.release()
    steps = np.diff(stamps)
    steps = steps[steps > 0]
    return sane_fps(float(1 / np.median(steps))) if len(steps) else None
