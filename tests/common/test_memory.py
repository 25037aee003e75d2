"""Memory that is not used any more is given back while a program runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from common import memory
from common.memory import give_back, given_back

PIECES = 200_000


def resident_mb() -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) / 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_holes_between_what_stays_are_given_back_again_and_again() -> None:
    if not give_back() and not give_back():
        pytest.skip("another allocator than glibc's")
    with given_back(every_s=0.05):
        before = resident_mb()
        # Larger than Python keeps by itself: every piece is the allocator's, and every tenth stays.
        pieces = [bytes([k % 256]) * 1000 for k in range(PIECES)]
        grown = resident_mb() - before
        kept = pieces[::4000]
        del pieces
        until = time.monotonic() + 10
        while resident_mb() - before > grown / 4 and time.monotonic() < until:
            time.sleep(0.02)
        assert grown > 100
        assert resident_mb() - before < grown / 4
        assert len(kept) == PIECES / 4000
    assert "memory" not in {thread.name for thread in threading.enumerate()}


def test_to_give_back_takes_little_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[float] = []

    def slow() -> bool:
        began.append(time.monotonic())
        time.sleep(0.02)
        return True

    monkeypatch.setattr(memory, "give_back", slow)
    with given_back(every_s=0.01):
        until = time.monotonic() + 60
        while len(began) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    assert began[1] - began[0] >= 0.02 / memory.SHARE


FAULTS = """
import resource, sys
import numpy as np
from common.memory import kept
if sys.argv[1] == "kept":
    kept()
def reckon():
    return sum(float(np.ones(15_000_000, np.float32)[-1]) for _ in range(5))
reckon()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
reckon()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_what_was_freed_serves_what_comes_next_in_a_command_that_ends() -> None:
    if not give_back() and not give_back():
        pytest.skip("another allocator than glibc's")
    pages = {}
    for how in ("kept", "as it is"):
        done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True,
                              timeout=60, env=os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"})
        pages[how] = int(done.stdout)
    assert pages["kept"] < 1000 < pages["as it is"]
