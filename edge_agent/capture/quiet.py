"""FFmpeg and OpenCV print their own complaints to stderr behind our back; what matters is said by our errors."""

from __future__ import annotations

import os

import cv2


def quiet_opencv() -> None:
    """Silence both, unless the user set their variables. Works only before OpenCV first opens a video."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
