"""Memory that is free goes back to the system, in a thread of its own.

glibc keeps what was ever needed at one moment: pictures and batches that came and went leave holes in a dozen heaps,
one for each thread, which make a process look as if it grew for hours. Linking that learns anew needs ten megabytes for
a moment.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

EVERY_S = 2.0
"""To give back costs a tenth of a millisecond where there is little."""
SHARE = 0.005
"""Of the time at most: among a quarter of a gigabyte in small pieces it takes thirty milliseconds, in which nobody else
gets any memory."""

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # of malloc.h


def _libc() -> Any:
    """The C library if it is glibc, else None."""
    try:
        libc = ctypes.CDLL(None)
        return libc if libc.malloc_trim and libc.mallopt else None
    except (AttributeError, OSError, TypeError):
        return None


_glibc = _libc()  # once: every look at a library leaves objects behind


def give_back() -> bool:
    """Give back what the allocator holds and nobody uses; whether there was any. There never is without glibc."""
    return _glibc is not None and bool(_glibc.malloc_trim(0))


def one_heap() -> None:
    """One heap for all threads, and large arrays in it from the start; before the first thread.

    By itself glibc makes a heap for each thread, and begins to put arrays there when it has seen some of that size go:
    a process then grows by megabytes after an hour, without anything in it having grown.
    """
    if _glibc is not None:
        for parameter, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, 64 << 20)):
            _glibc.mallopt(parameter, value)


def kept() -> None:
    """For a command that reckons and ends: what was freed serves what comes next, and the collector does not look
    again and again through what was there from the start.

    By itself glibc gives large arrays back at once, and every new one is made of pages that the system must clear
    first: a tenth of the time that linking takes.
    """
    if _glibc is not None:
        for parameter, value in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, 1 << 30), (_TOP_PAD, 64 << 20)):
            _glibc.mallopt(parameter, value)
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def given_back(every_s: float = EVERY_S) -> Iterator[None]:
    """`give_back` now and then while this is open."""
    ended = threading.Event()

    def run() -> None:
        wait = every_s
        while not ended.wait(wait):
            began = time.monotonic()
            give_back()
            wait = max(every_s, (time.monotonic() - began) / SHARE)

    thread = threading.Thread(target=run, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=1.0)
