"""`Indexer`: keeps the index over all history beside the engine, so that a slow insertion delays no link."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.history import HistoryIndex
from aggregator.store.reader import StoreReader
from aggregator.store.writer import Change
from aggregator.visit import Visit

log = logging.getLogger("engine")

_CHUNK = 256
_GROWN_S = 30.0
MOST = 100_000
"""Visits that wait; while there are so many, the engine waits too."""
_PATIENCE_S = 60.0


class Indexer:
    """One thread that first reads all visits from the store, then follows what the engine commits.

    Searching works from the start; it finds what is indexed so far.

    Args:
        open_reader: makes a reader of the store.
        history: the index to fill.
    """

    def __init__(self, open_reader: Callable[[], StoreReader], history: HistoryIndex) -> None:
        self.history = history
        self._open_reader = open_reader
        self._condition = threading.Condition()
        self._visits: dict[int, tuple[Visit, int]] = {}
        self._moved: dict[str, dict[int, int]] = {}
        self._ends: dict[int, float] = {}
        self._dropped: set[int] = set()
        self._faces: set[str] = set()  # fingerprints: what is searched by face is beside what is searched by looks
        self._restored = False
        self._busy = False
        self._stopping = self._failed = False
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 0.5) -> None:
        """End soon; nothing is lost, the index is filled from the store."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout=timeout_s)

    def follow(self, visits: Iterable[tuple[Visit, int | None]], changes: Sequence[Change]) -> None:
        """What was committed: visits that began or grew with their identities, and identities that changed.

        A visit that goes on is indexed when it is new and now and then, not with every part. While very many wait, this
        waits too.
        """
        with self._condition:
            if self._failed:
                return
            self._condition.wait_for(lambda: len(self._visits) < MOST or self._stopping or self._failed, _PATIENCE_S)
            if len(self._ends) > MOST:  # of agents that died; what goes on is indexed once more
                self._ends.clear()
            for visit, identity in visits:
                if not len(visit.embedding) and visit.face is None:
                    continue
                if visit.final:
                    self._ends.pop(visit.visit, None)
                elif visit.end < self._ends.get(visit.visit, -np.inf) + _GROWN_S:
                    continue
                else:
                    self._ends[visit.visit] = visit.end
                self._visits[visit.visit] = (visit, identity or 0)
            for change in changes:
                if change.visit in self._visits:  # it may be added after this change would have been carried out
                    self._visits[change.visit] = (self._visits[change.visit][0], change.identity or 0)
                else:
                    self._moved.setdefault(change.model, {})[change.visit] = change.identity or 0
            self._condition.notify_all()

    def drop(self, visits: Mapping[str, Sequence[int]], timeout_s: float = 10.0) -> int:
        """Forget visits, by model; how many were in the index. What is just being added is waited for."""
        with self._condition:
            for numbers in visits.values():
                self._dropped.update(numbers)
                for number in numbers:
                    self._visits.pop(number, None)
                    self._ends.pop(number, None)
            for moved in self._moved.values():
                for number in self._dropped & moved.keys():
                    del moved[number]
            self._condition.wait_for(lambda: not self._busy, timeout_s)
        before = len(self.history)
        for model, numbers in visits.items():
            for one in {model, *self._faces}:
                self.history.remove(one, numbers)
        with self._condition:
            # Who reads the store for the first time may still come upon them; afterwards nobody speaks of them again.
            if self._restored and not self._busy:
                self._dropped.clear()
        return before - len(self.history)

    def wait(self, timeout_s: float) -> bool:
        """Wait until everything that was handed in is indexed: for tests and tools. Whether it is."""
        with self._condition:
            return self._condition.wait_for(
                lambda: self._restored and not self._busy and not self._visits and not self._moved, timeout_s)

    @property
    def backlog(self) -> int:
        """Visits that wait to be indexed; -1 while the store is still being read, and once indexing has failed."""
        return -1 if self._failed or not self._restored else len(self._visits)

    def _run(self) -> None:
        try:
            self._restore()
            while True:
                with self._condition:
                    self._busy = False
                    self._condition.notify_all()
                    self._condition.wait_for(lambda: self._stopping or self._visits or self._moved)
                    if self._stopping:
                        return
                    visits = [self._visits.pop(number) for number in list(islice(self._visits, _CHUNK))]
                    moved, self._moved = self._moved, {}
                    self._busy = True
                self._add(visits)
                for model, identities in moved.items():
                    for one in {model, *self._faces}:
                        self.history.reassign(one, identities)
        except Exception:
            log.exception("the index over history failed: searching finds only what was indexed until now. Restart")
            with self._condition:
                self._failed, self._busy = True, False
                self._visits.clear()
                self._moved.clear()
                self._condition.notify_all()

    def _restore(self) -> None:
        with self._open_reader() as reader:
            rows = reader.all_visits()
            while not self._stopping and (chunk := list(islice(rows, _CHUNK))):
                self._add([(row.visit, row.identity or 0) for row in chunk])
        self._restored = True

    def _add(self, visits: Sequence[tuple[Visit, int]]) -> None:
        models: dict[str, list[tuple[Visit, int, NDArray[np.float32]]]] = {}
        for visit, identity in visits:
            if visit.visit in self._dropped:
                continue
            if len(visit.embedding):
                models.setdefault(visit.model, []).append((visit, identity, visit.embedding))
            if visit.face is not None:
                self._faces.add(visit.face.model)
                models.setdefault(visit.face.model, []).append((visit, identity, visit.face.mean))
        for model, rows in models.items():
            self.history.add(
                model, [v.visit for v, *_ in rows], [identity for _, identity, _ in rows],
                np.stack([vector for *_, vector in rows]), [v.camera for v, *_ in rows],
                [v.start for v, *_ in rows], [v.end for v, *_ in rows])
