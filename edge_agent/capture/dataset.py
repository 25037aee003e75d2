"""A re-identification data set, played as the cameras of a site (`common.reid_replay` says when and where)."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, SourceError
from common.reid_layouts import Layout, pictures_folder, read_pictures
from common.reid_replay import CELL_HEIGHT, CELL_WIDTH, FPS, Showing, boxes, plan
from edge_agent.capture.address import Address
from edge_agent.capture.settings import CameraSettings
from edge_agent.tracking.given import Given

BACKGROUND = 32
_NAMED = 3
_reading = threading.Lock()


class Dataset:
    """One camera of the data set: people side by side, each visit in a cell of its own, from its first picture to its
    last. Its tracks are given, as the set does not say where in the view anybody was.

    Args:
        address: of a kind in `common.reid_layouts.LAYOUTS`, with the camera's number after `#`.
        fps: frames a second of the recordings, 25 unless told.

    Raises:
        SourceError: no such data set, or not that camera in it.
        ConfigError: the address names no camera.
    """

    live = False

    def __init__(self, address: Address, fps: float | None = None) -> None:
        path, number = _parted(address)
        if number is None:
            raise ConfigError(f"{address.kind}:{path}: which of its cameras? {_choices(address, fps)}",
                              f"{address.kind}:{path}#1")
        shown = _plan(path, _layout(address), fps or FPS)
        if number not in shown:
            raise SourceError(f"{address.kind}:{path}: has no camera {number}; {_choices(address, fps)}")
        self.fps = fps or FPS
        self._show: Showing = shown[number]
        self.frames: int | None = int(self._show.frame[-1]) + 1
        self._first = np.searchsorted(self._show.frame, np.arange(self.frames + 1))
        self._at, self._told = -1, 0
        width, height = self._show.size
        self._canvas = np.full((height, width, 3), BACKGROUND, np.uint8)
        self._name = f"{address.kind}:{path}#{number}"
        self._given: Given | None = None
        self._left: list[int] = []
        self._unreadable: list[str] = []

    def grab(self) -> float | None:
        """See `Source`."""
        self._at += 1
        if self.frames is None or self._at >= self.frames:
            return None
        return float(self._show.seconds[self._first[self._at]])

    def picture(self) -> NDArray[np.uint8] | None:
        """See `Source`."""
        show, begin, end = self._show, int(self._first[self._at]), int(self._first[self._at + 1])
        # Frames may have been skipped since the last one that was asked for; who left in them has left.
        skipped, now = _last(show, self._told, begin), _last(show, begin, end)
        for cell in (*self._left, *show.cell[skipped].tolist()):
            self._cell(cell)[:] = BACKGROUND
        rows = []
        for row in range(begin, end):
            image = cv2.imread(show.path[row], cv2.IMREAD_COLOR)
            if image is None:
                self._unreadable.append(Path(show.path[row]).name)
                continue
            cell = int(show.cell[row])
            self._cell(cell)[:] = cv2.resize(image, (CELL_WIDTH, CELL_HEIGHT), interpolation=cv2.INTER_LINEAR)
            rows.append(row)
        self._left = show.cell[now].tolist()
        over = np.concatenate([skipped, now])
        self._told = end
        self._given = Given(show.track[rows], boxes(show.cell[rows]), show.track[over])
        return self._canvas.copy()

    def given(self) -> Given | None:
        """See `TrackedSource`."""
        return self._given

    def problem(self) -> SourceError | None:
        """See `Source`."""
        if not self._unreadable:
            return None
        names = ", ".join(self._unreadable[:_NAMED]) + (", …" if len(self._unreadable) > _NAMED else "")
        return SourceError(f"{self._name}: {len(self._unreadable)} of its {len(self._show.frame)} pictures cannot be "
                           f"read and were skipped: {names}")

    def close(self) -> None:
        """See `Source`."""

    def _cell(self, number: int) -> NDArray[np.uint8]:
        left, top, right, bottom = boxes(np.array([number]))[0].astype(int).tolist()
        return self._canvas[top:bottom, left:right]


def every_camera(cameras: Iterable[CameraSettings]) -> tuple[CameraSettings, ...]:
    """Cameras with a whole data set as their source become one for each of its cameras: `site` becomes `site-c1` ….

    Raises:
        SourceError: there is no such data set.
    """
    found: list[CameraSettings] = []
    for camera in cameras:
        if not camera.address.dataset or _parted(camera.address)[1] is not None:
            found.append(camera)
            continue
        path = _parted(camera.address)[0]
        found += [camera.model_copy(update={"id": f"{camera.id}-c{number}", "source": f"{camera.source}#{number}"})
                  for number in _plan(path, _layout(camera.address), camera.fps or FPS)]
    return tuple(found)


def _last(show: Showing, begin: int, end: int) -> NDArray[np.intp]:
    """Rows from `begin` to before `end` that are a visit's last."""
    return np.arange(begin, end)[show.last[begin:end]]


def _plan(path: str, layout: Layout, fps: float) -> dict[int, Showing]:
    with _reading:  # one camera's thread reads, the others wait for it
        return _planned(path, layout, fps)


@lru_cache(maxsize=4)
def _planned(path: str, layout: Layout, fps: float) -> dict[int, Showing]:
    shown = plan(read_pictures(pictures_folder(Path(path), layout), layout), layout, fps)
    if not shown:
        raise SourceError(f"{layout}:{path}: holds pictures of nobody but distractors")
    return shown


def _layout(address: Address) -> Layout:
    return "mars" if address.kind == "mars" else "market1501"


def _parted(address: Address) -> tuple[str, int | None]:
    """Path and camera number of `PATH#3` or `PATH#c3`."""
    path, _, number = address.resolve().rpartition("#")
    if not path:
        return number, None
    if not number.removeprefix("c").isdecimal():
        raise ConfigError(f"{address.kind}:{path}#{number}: is no camera's number", f"{address.kind}:{path}#1")
    return path, int(number.removeprefix("c"))


def _choices(address: Address, fps: float | None) -> str:
    shown = _plan(_parted(address)[0], _layout(address), fps or FPS)
    return f"it has {', '.join(map(str, shown))}"
