"""Why a file is no video: a look at its first bytes."""

from __future__ import annotations

from pathlib import Path

from common.errors import SourceError

_KINDS = ((4, b"ftyp", "MP4 file"), (0, b"RIFF", "AVI file"), (0, b"\x1aE\xdf\xa3", "Matroska file"),
          (0, b"\x89PNG", "PNG picture"), (0, b"\xff\xd8\xff", "JPEG picture"), (0, b"ID3", "MP3 file"),
          (0, b"PK", "ZIP archive"), (0, b"\x1f\x8b", "gzip archive"))
_MOST_BOXES = 10_000


def why_unreadable(path: Path) -> SourceError:
    """The error for a file that OpenCV does not open."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        return SourceError(f"{path}: {error.strerror}")
    kind = next((name for at, magic, name in _KINDS if head[at:at + len(magic)] == magic), None)
    if kind == "MP4 file" and not _has_index(path):
        return SourceError(f"{path} is an MP4 file that was cut off: its index (moov), which stands at the end, is "
                           "missing, and nothing in it can be read", "copy it again, or repair it with a tool such as "
                                                                     "untrunc")
    return SourceError(f"{path} holds no video stream that can be decoded"
                       + (f"; it looks like: {kind}" if kind else ""), f"look at it: ffprobe {path}")


def _has_index(path: Path) -> bool:
    """Whether one of an MP4's top-level boxes (ISO 14496-12, 4.2) is the index and whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        for _ in range(_MOST_BOXES):
            file.seek(at)
            head = file.read(16)
            if len(head) < 8:
                return False
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:
                length = size - at
            if name == b"moov":
                return at + length <= size
            if length < 8:
                return False
            at += length
    return False
