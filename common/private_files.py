"""Files that only their owner's account can read, whatever the umask says; and copies of them that were set aside."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

KEPT = 2
"""Damaged copies of a file that are kept for people to look at."""
_BESIDE = ("-wal", "-shm", "-journal")


def create_private(path: Path) -> None:
    """Make `path`, empty, if it is not there.

    One that cannot be made is left to whoever opens it next and has the words for it.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def keep_private(path: Path) -> None:
    """Take everybody else's rights to `path` away, and to what SQLite has put beside it; later it gives the same."""
    for one in (path, *_beside(path)):
        with contextlib.suppress(OSError):
            if one.stat().st_mode & 0o077:
                one.chmod(0o600)


def set_aside(path: Path) -> list[Path]:
    """Copies of `path` that were damaged and set aside, the oldest first."""
    found = [one for one in path.parent.glob(f"{path.name}.broken-*") if not one.name.endswith(_BESIDE)]
    return sorted(found, key=lambda one: (one.stat().st_mtime, one.name))


def drop_aside(path: Path, *, keep: int = KEPT, before: float | None = None) -> int:
    """Delete copies that were set aside: all but the latest `keep`, and what was last written before, UTC seconds.

    Returns:
        How many went.

    Raises:
        OSError: one cannot be deleted.
    """
    copies = set_aside(path)
    gone = [one for at, one in enumerate(copies)
            if at < len(copies) - keep or (before is not None and one.stat().st_mtime < before)]
    for one in gone:
        for part in (one, *_beside(one)):
            part.unlink(missing_ok=True)
    return len(gone)


def _beside(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + ending) for ending in _BESIDE)
