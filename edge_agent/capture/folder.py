"""A folder of pictures, played as a video."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import SourceError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
DEFAULT_FPS = 25.0
_NAMED = 3


class Folder:
    """Pictures in the natural order of their names: 2.jpg comes before 10.jpg.

    Pictures that cannot be read, or have another size than the first, are skipped, keep their place in time, and
    are named at the end.

    Args:
        path: the folder.
        fps: pictures a second, 25 unless told.

    Raises:
        SourceError: no such folder, no pictures in it, or none of them readable.
    """

    live = False

    def __init__(self, path: str, fps: float | None = None) -> None:
        folder = Path(path)
        if not folder.is_dir():
            raise SourceError(f"folder:{path}: there is no such folder")
        self._paths = sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()),
                             key=lambda p: _natural(p.name))
        if not self._paths:
            raise SourceError(f"folder:{path}: there are no pictures in it ({' '.join(sorted(SUFFIXES))})")
        self.fps = fps or DEFAULT_FPS
        self.frames: int | None = len(self._paths)
        self._name = path
        self._at = -1
        self._size: tuple[int, ...] | None = None
        self._unreadable: list[str] = []

    def grab(self) -> float | None:
        """See `Source`."""
        self._at += 1
        if self._at < len(self._paths):
            return self._at / self.fps
        if self._size is None and self._unreadable:
            raise SourceError(f"folder:{self._name}: none of its {len(self._paths)} pictures can be read")
        return None

    def picture(self) -> NDArray[np.uint8] | None:
        """See `Source`."""
        path = self._paths[self._at]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is not None and self._size in (None, image.shape):
            self._size = image.shape
            return np.asarray(image, np.uint8)
        self._unreadable.append(path.name if image is None else
                                f"{path.name} ({image.shape[1]}×{image.shape[0]} pixels)")
        return None

    def problem(self) -> SourceError | None:
        """See `Source`."""
        if not self._unreadable:
            return None
        names = ", ".join(self._unreadable[:_NAMED]) + (", …" if len(self._unreadable) > _NAMED else "")
        return SourceError(f"folder:{self._name}: {len(self._unreadable)} of its {len(self._paths)} pictures cannot be "
                           f"read, or have another size than the first, and were skipped: {names}")

    def close(self) -> None:
        """See `Source`."""


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Numbers in a name count as numbers."""
    return [(0, int(part)) if part.isdecimal() else (1, part.lower()) for part in re.split(r"(\d+)", name) if part]
