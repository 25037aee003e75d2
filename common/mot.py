"""MOTChallenge text: one box a line, `frame,id,left,top,width,height,confidence,class,…`, frames from 1, pixels."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.detections import Detections
from common.errors import SourceError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MotRows:
    """A file's lines, column by column, ordered by frame.

    Attributes:
        frame: (n,) int32, from 1.
        id: (n,) int64, −1 in detections.
        xyxy: (n, 4) float32, left, top, right, bottom in pixels.
        confidence: (n,) float32, as in the file.
    """

    frame: NDArray[np.int32]
    id: NDArray[np.int64]
    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frame)

    def detections(self, frames: int | None = None) -> Iterator[tuple[int, Detections]]:
        """Frame number and boxes of every frame from 1 to `frames` (the last one that has a box), empty ones too."""
        last = int(self.frame[-1]) if len(self) else 0
        bounds = np.searchsorted(self.frame, np.arange(1, (frames or last) + 2))
        for i in range(len(bounds) - 1):
            part = slice(bounds[i], bounds[i + 1])
            confidence = np.clip(self.confidence[part], 0, 1)
            yield i + 1, Detections(self.xyxy[part], confidence, np.zeros(len(confidence), np.int32))


def read_mot(path: Path) -> MotRows:
    """Read MOTChallenge text, packed by gzip or not.

    Raises:
        SourceError: no such file, or a line that is no box.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    table = _parse(path, text)
    table = table[np.argsort(table[:, 0], kind="stable")]
    xyxy = table[:, 2:6].copy()
    xyxy[:, 2:] += xyxy[:, :2]
    return MotRows(
        frame=table[:, 0].astype(np.int32),
        id=table[:, 1].astype(np.int64),
        xyxy=xyxy.astype(np.float32),
        confidence=table[:, 6].astype(np.float32),
    )


def _parse(path: Path, text: str) -> NDArray[np.float64]:
    """The first seven numbers of each line, (n, 7)."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        cells = line.replace(",", " ").split()
        try:
            values = [float(cell) for cell in cells[:7]]
        except ValueError:
            values = []
        if len(values) < 7 or not np.isfinite(values).all() or values[0] < 1:
            raise SourceError(
                f"{path}:{number}: is no MOTChallenge box: {line[:80]!r}",
                "a line is frame,id,left,top,width,height,confidence with frames from 1",
            )
        rows.append(values)
    return np.array(rows, np.float64).reshape(-1, 7)


Tracks = tuple[int, NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]


def mot_lines(
    frame: int, ids: NDArray[np.int64], xyxy: NDArray[np.float32], confidence: NDArray[np.float32]
) -> str:
    """One frame's tracks as MOTChallenge lines; arguments as one item of `write_mot`'s `frames`."""
    columns = zip(ids.tolist(), xyxy.tolist(), confidence.tolist(), strict=True)
    return "".join(
        f"{frame},{i},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},{score:.4f},-1,-1,-1\n"
        for i, (left, top, right, bottom), score in columns
    )


def write_mot(path: Path, frames: Iterable[Tracks]) -> None:
    """Write tracks as MOTChallenge text; packed when the name ends in `.gz`.

    Args:
        path: the file.
        frames: frame number from 1, track ids (n,), boxes (n, 4) xyxy in pixels and confidences (n,) of each frame.
    """
    out = io.StringIO()
    for tracks in frames:
        out.write(mot_lines(*tracks))
    data = out.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
