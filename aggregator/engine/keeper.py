"""`Keeper`: moves what is new into the graphs of the history, and measures how well they find, in the background."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable

from aggregator.linking.history import GOOD, HistoryIndex

log = logging.getLogger("engine")

LOOK_EVERY_S = 2.0
NICENESS = 10
GROWTH = 1.5
"""Measured again when there are so many times as many visits, whatever the interval."""
AT_ONCE = 4096
"""While more keep coming, so many wait for the graph. To look at all of them takes a millisecond, and who has grown or
left by then is put in once."""
AT_MOST = 32768
"""So many wait while the engine has more to do than it can: what is for searching comes after what is for keeping. To
look at all of them takes ten milliseconds."""


class Keeper:
    """One thread. Searching goes on while it works, and finds what is not in a graph yet by looking at all of it.

    Args:
        history: to look after.
        measure_every_s: seconds between measurements of recall.
        pressed: whether the engine has more to do than it can; from this thread.
    """

    def __init__(self, history: HistoryIndex, measure_every_s: float, pressed: Callable[[], bool] = lambda: False,
                 ) -> None:
        self._history, self._pressed = history, pressed
        self._measure_every_s = measure_every_s
        self._ended = threading.Event()
        self._measured_at, self._measured = -float("inf"), 0
        self._before = 0
        self._thread = threading.Thread(target=self._run, name="index-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 0.5) -> None:
        """End soon; a graph that is half built is given up."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=timeout_s)

    def _run(self) -> None:
        # Linux gives each thread a priority of its own; elsewhere it stays as it is.
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while not self._ended.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        try:
            visits = len(self._history)
            quiet, self._before = visits == self._before, visits
            pressed = self._pressed()
            self._history.maintain(least=AT_MOST if pressed else 1 if quiet else AT_ONCE,
                                   go_on=lambda: not self._ended.is_set())
            if not pressed:
                self._measure()
        except Exception:
            log.exception("looking after the index over history failed; searching goes on")

    def _measure(self) -> None:
        visits = len(self._history)
        due = time.monotonic() >= self._measured_at + self._measure_every_s or visits > GROWTH * self._measured
        if self._ended.is_set() or not due:
            return
        found = self._history.settle(go_on=lambda: not self._ended.is_set())
        if not found:
            return  # no graph yet, so everything is found
        self._measured_at, self._measured = time.monotonic(), visits
        for model, recall in found.items():
            if recall.at_10 < GOOD:
                log.warning("searching %d visits of model %s finds only %.1f %% of what it should",
                            recall.visits, model, 100 * recall.at_10)
