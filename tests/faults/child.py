"""How the processes of a round begin, and the clock that a round can set."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import struct
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_OFFSET = struct.Struct("<d")


class Clockwork:
    """A computer's clock that can be set: seconds to add, in a file. Only UTC jumps, as on a real computer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def set(self, seconds: float) -> None:
        """For all processes that follow this clock, at once."""
        draft = self.path.with_suffix(".new")
        draft.write_bytes(_OFFSET.pack(seconds))
        draft.replace(self.path)

    def install(self) -> None:
        """In this process `time.time` follows the file from now on."""
        real, checked, offset = time.time, [0.0], [0.0]

        def now() -> float:
            if time.monotonic() - checked[0] > 0.01:
                checked[0] = time.monotonic()
                offset[0] = _OFFSET.unpack(self.path.read_bytes())[0] if self.path.exists() else 0.0
            return real() + offset[0]

        time.time = now


def begin_child(log: Path, clock: Clockwork, kill_at: int) -> None:
    """Log to a file, follow the round's clock, end with whoever started us, and die at a write if told to."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    logging.basicConfig(level=logging.INFO, format="%(process)d %(relativeCreated)d %(name)s %(message)s", force=True)
    clock.install()
    if kill_at:
        ctypes.CDLL(None).plug_arm(ctypes.c_long(kill_at))
