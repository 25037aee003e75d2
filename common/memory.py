"""Memory that is free goes back to the system, in a thread of its own.

glibc keeps what was ever needed at one moment: pictures and batches that came and went leave holes in a dozen heaps,
one for each thread, which make a process look as if it grew for hours. Linking that learns anew needs ten megabytes for
a moment.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterator

EVERY_S = 2.0
"""To give back costs a tenth of a millisecond where there is little, four for hundreds of megabytes."""


def _find_trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


_trim = _find_trim()  # once: every look at a library leaves objects behind


def give_back() -> bool:
    """Give back what the allocator holds and nobody uses; whether there was any. There never is without glibc."""
    return _trim is not None and bool(_trim(0))


@contextlib.contextmanager
def given_back(every_s: float = EVERY_S) -> Iterator[None]:
    """`give_back` now and then while this is open."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every_s):
            give_back()

    thread = threading.Thread(target=run, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=1.0)
