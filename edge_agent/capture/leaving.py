"""Ending the program while a read hangs.

Nothing interrupts a read inside OpenCV. If it returns while Python shuts down, its thread is unwound through C++ that
does not allow that, and the process aborts. So the program either waits for such threads, or leaves without a shutdown.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Longer than any time-out of a read: V4L's own is ten seconds.
LONGEST_S = 15.0


def wait_at_exit(threads: Sequence[threading.Thread]) -> None:
    """When the program ends, wait until these have ended, for as long as a read may take."""
    atexit.register(_wait, threads)


@contextmanager
def leave_hanging_reads() -> Iterator[None]:
    """For the program's outermost function: what it ends with ends the process at once if a read hangs.

    Everything worth closing must be closed inside. Does nothing when no read hangs.
    """
    try:
        yield
        code = 0
    except SystemExit as end:
        if not _hanging():
            raise
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
    except BaseException:
        if not _hanging():
            raise
        traceback.print_exc()
        code = 1
    if _hanging():
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _hanging() -> bool:
    from edge_agent.capture.worker import CameraThread

    return any(isinstance(thread, CameraThread) for thread in threading.enumerate())


def _wait(threads: Sequence[threading.Thread]) -> None:
    deadline = time.monotonic() + LONGEST_S
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
