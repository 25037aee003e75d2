"""A window to watch a run in."""

from __future__ import annotations

import os
import re
import socket
import sys
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError

_CURE = "leave --show out, and use --annotate to get a video instead"
_X11 = re.compile(r"^(?P<host>[^:]*):(?P<number>\d+)(\.\d+)?$")


def require_display() -> None:
    """Raises when there is no screen to show a window on.

    Asked before OpenCV opens a window, because its toolkit ends the whole program when it finds no display.

    Raises:
        ConfigError: no display, or nobody answers there.
    """
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise ConfigError("--show needs a screen, and this session has none (DISPLAY is not set)", _CURE)
    match = _X11.match(display)
    if match is None or not _answers(match["host"], int(match["number"])):
        raise ConfigError(f"--show needs a screen, and nobody answers at DISPLAY={display}", _CURE)


def _answers(host: str, number: int) -> bool:
    """Whether an X server listens there."""
    addresses: list[tuple[Any, Any]] = []
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        addresses = [(socket.AF_UNIX, "\0" + path), (socket.AF_UNIX, path)]
    else:
        addresses = [(socket.AF_INET, (host, 6000 + number))]
    for family, address in addresses:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(2.0)
            try:
                probe.connect(address)
            except OSError:
                continue
            return True
    return False


class Window:
    """Shows pictures as they come. Closing it, q or Esc end the run as Ctrl-C does.

    Raises:
        ConfigError: there is no screen, or this OpenCV was built without windows.
    """

    def __init__(self, title: str) -> None:
        require_display()
        self._title = title
        self._open = False
        # OpenCV's wheels carry Qt without fonts, and Qt says so again and again; a user's own rules win.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise ConfigError("this OpenCV was built without windows (opencv-python-headless)",
                              "pip uninstall opencv-python-headless && pip install opencv-python") from error
        self._open = True
        self._sized = False

    def show(self, image: NDArray[np.uint8]) -> None:
        """Show a picture, (h, w, 3) uint8 BGR.

        Raises:
            KeyboardInterrupt: the user has seen enough.
        """
        if not self._open:
            return
        if not self._sized:
            cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
            self._sized = True
        cv2.imshow(self._title, image)
        key = cv2.waitKey(1) & 0xFF
        if key in (ord("q"), 27) or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            self.close()
            raise KeyboardInterrupt

    def close(self) -> None:
        """Close it; may be called again."""
        if self._open:
            self._open = False
            if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1:
                cv2.destroyWindow(self._title)

    def __enter__(self) -> Window:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
