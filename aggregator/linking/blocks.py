"""Many visits block by block: what is between stays in the processor's cache, and large work is shared among cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

SHARED = 8
"""Blocks from which on it is worth asking other threads: some milliseconds of work."""
MOST = 4
"""Threads: linking is not alone on its machine."""


def in_blocks(count: int, size: int, work: Callable[[slice], None], shared: int = SHARED) -> None:
    """Call `work` for each slice of `size` out of `count`.

    Many blocks are done by several threads at once, as NumPy lets others run while it reckons. Each writes what is its
    own, so nothing depends on who comes first. The threads end before this does. With fewer than `shared` blocks it is
    done by this thread alone.
    """
    parts = [slice(low, min(count, low + size)) for low in range(0, count, size)]
    # Asking how many cores there are takes longer than the work on a few visits.
    threads = min(MOST, os.cpu_count() or 1) if len(parts) >= shared else 1
    if threads < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="linking") as pool:
        for _ in pool.map(work, parts):
            pass
