"""What SQLite says, in words that name the file and the cure."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from common.errors import StoreError


class StoreFullError(StoreError):
    """No space is left where the store lies. Nothing of the transaction was kept."""


class StoreLockedError(StoreError):
    """Another process writes to the store."""


class StoreVersionError(StoreError):
    """The store was written by a newer release, or is no store of ours."""


class StoreDamagedError(StoreError):
    """The file cannot be read as what it should be."""


_FULL = ("disk is full", "disk i/o error", "no space left")
_DAMAGED = ("not a database", "malformed", "unsupported file format")


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """`error` as one of ours. Python 3.10 gives no error codes, so the message decides."""
    text = str(error)
    lower = text.lower()
    if any(sign in lower for sign in _FULL):
        # A write past a file size limit or a quota shows as an I/O error; the cure is the same.
        return StoreFullError(f"{path}: cannot be written ({text})",
                              f"make space on the disk of {path.parent} (df -h {path.parent}) or check its quota; "
                              "agents keep what is not stored")
    if any(sign in lower for sign in _DAMAGED):
        return StoreDamagedError(f"{path}: is damaged or no aggregator's database ({text})",
                                 f"move {path.name} away, or put a backup in its place, and start again")
    if "readonly" in lower or "read-only" in lower or "unable to open" in lower:
        return StoreError(f"{path}: cannot be opened for this ({text})",
                          f"see that it exists and that this user may write to {path.parent}")
    if "locked" in lower or "busy" in lower:
        return StoreLockedError(f"{path}: another process keeps it locked ({text})",
                                "end the program that has it open (see: fuser -v " + str(path) + ")")
    return StoreError(f"{path}: {text}")
