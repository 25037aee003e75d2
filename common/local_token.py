"""The token of this machine's own user: the aggregator makes one at each start, in a file that only its user can read.

Whoever runs the aggregator asks it from the same account without further ado, and nobody else on the machine can.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import platformdirs

_MOST = 200


def local_token_file(port: int) -> Path:
    """Where the token of the aggregator whose HTTP port is `port` lies."""
    return Path(platformdirs.user_state_dir("passage")) / "http" / f"{port}.token"


def write_local_token(port: int, secret: str) -> Path:
    """Leave the token for this user's programs; it is never readable by others.

    Raises:
        OSError: there is no place for it, such as without a home folder.
    """
    path = local_token_file(port)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    draft.replace(path)
    return path


def read_local_token(port: int) -> str | None:
    """The token that an aggregator of this user left; None when there is none, or when it is not this user's alone."""
    with contextlib.suppress(OSError, UnicodeDecodeError), local_token_file(port).open(encoding="ascii") as file:
        status = os.fstat(file.fileno())
        if os.name != "posix" or (status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o077):
            return file.read(_MOST).strip() or None
    return None


def remove_local_token(port: int, secret: str) -> None:
    """Take the token away, unless it is another aggregator's by now."""
    if read_local_token(port) == secret:
        with contextlib.suppress(OSError):
            local_token_file(port).unlink()
