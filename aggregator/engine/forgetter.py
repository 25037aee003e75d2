"""`Forgetter`: forgets people, and what is too old; in the engine's thread."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from aggregator.engine.indexer import Indexer
from aggregator.engine.live import Live
from aggregator.privacy.receipt import NobodyError, Receipt
from aggregator.privacy.settings import DAY_S, RetentionSettings
from aggregator.store.eraser import Gone
from aggregator.store.writer import StoreWriter
from aggregator.visit import global_id
from common.bursts import Bursts
from common.clock import Clock
from common.errors import StoreError

log = logging.getLogger("privacy")

AT_ONCE = 200
_SCRUB_TRIES = 20
_SCRUB_WAIT_S = 0.25
_SCRUB_AGAIN_S = 600.0


class Forgetter:
    """See the module.

    Args:
        store: to take out of.
        indexer: what searches find.
        live: what the API says of this moment.
        settings: how long what is kept.
        clock: UTC.
        anew: lets linking begin anew from the store if it has seen these visits, or in any case.
    """

    def __init__(self, store: StoreWriter, indexer: Indexer, live: Live, settings: RetentionSettings, clock: Clock,
                 anew: Callable[[Sequence[int] | None], None]) -> None:
        self._store = store
        self._indexer = indexer
        self._live = live
        self._settings = settings
        self._clock = clock
        self._anew = anew
        self._look_at = 0.0
        self._owed: bool | None = None  # whether a scrub is due; not known before the store was asked
        self._scrub_at = 0.0
        self._swept = False  # pages were changed, and the write-ahead log may hold what they were
        self._bursts = Bursts(600.0)
        self.counts: Counter[str] = Counter()

    def forget(self, identity: int) -> Receipt:
        """Forget somebody under all their numbers.

        Raises:
            NobodyError: there is no such identity.
            StoreError: nothing was taken out, or a damaged copy of the database could not be.
        """
        with self._store.reader() as reader:
            row = reader.identity(identity)
            if row is None:
                raise NobodyError(f"there is no identity {global_id(identity)}", "it may have been forgotten before")
            family = [row.identity, *reader.aliases(row.identity)]
            visits = reader.visits_of(row.identity)
        try:
            with self._store.transaction():
                gone, removed = self._store.eraser.visits(visits)
                removed += self._store.eraser.identities(family)
                removed["corrections"] = self._store.eraser.corrections(visits, family)
                self._store.eraser.record_again()
                self._store.eraser.owe_scrub()
        finally:
            self._anew(None)  # also when it failed: nothing must be known here that is not in the store
        removed["index_entries"] = self._drop(gone)
        self._live.forget(visits, family)
        removed["damaged_copies"] = self._store.drop_copies()
        scrubbed = self._scrub(_SCRUB_TRIES)
        self.counts["forgotten"] += 1
        log.warning("%s was forgotten: %s", global_id(row.identity),
                    ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in removed.items() if count))
        return Receipt(identity=row.identity, also=tuple(family[1:]), time=self._clock.now(), removed=dict(removed),
                       going_on=sum(not visit.final for visit in gone), scrubbed=scrubbed)

    def look(self) -> None:
        """Take out a little of what is too old or too much, when it is time to; a failure costs nothing."""
        self._make_up_for()
        if time.monotonic() < self._look_at:
            return
        try:
            more = self._sweep()
            if self._swept and not more:
                self._store.cut_log()
                self._swept = False
        except StoreError as error:
            more = False
            if self._bursts.due("sweep", time.monotonic()):
                log.error("what is too old could not be deleted: %s", error)
        # What is left of a long list comes soon, between batches.
        self._look_at = time.monotonic() + (0.05 if more else self._settings.every_s)

    def _sweep(self) -> bool:
        """One step; whether there is more."""
        kept, now, more = self._settings, self._clock.now(), False
        eraser, old = self._store.eraser, self._store.ages
        with self._store.transaction():
            visits = old.visits_before(_before(now, kept.visits_days), AT_ONCE)
            full = not visits and old.used_mb() > kept.max_mb
            if full:
                visits = old.oldest_visits(AT_ONCE)
            gone, removed = eraser.visits(visits)
            if full:  # what belongs to no visit is as old as the visits that go, or they would go for it
                removed["events"] += old.delete_events(old.oldest_end(), AT_ONCE)
                removed["log_entries"] += old.delete_log(old.oldest_end(), AT_ONCE)
                if not +removed:
                    removed["sums"] += old.delete_hours(AT_ONCE)
            bare = old.embedded_before(_before(now, kept.embeddings_days), AT_ONCE)
            removed["embeddings"] += eraser.embeddings([one.visit for one in bare])
            removed["paths"] += old.delete_paths(_before(now, kept.paths_days), AT_ONCE)
            removed["events"] += old.delete_events(_before(now, kept.events_days), AT_ONCE)
            removed["log_entries"] += old.delete_log(_before(now, kept.log_days), AT_ONCE)
            removed["moments"] += old.delete_moments(AT_ONCE)
            nobody = eraser.empty({one.identity for one in gone})
            removed += eraser.identities(nobody)
        if gone or bare:
            self._drop([*gone, *bare])
            self._live.forget([one.visit for one in gone], nobody)
            self._anew([one.visit for one in (*gone, *bare)])
        if kept.visits_days is not None:
            removed["damaged_copies"] += self._store.drop_copies(before=_before(now, kept.visits_days))
        more = bool(visits or bare or +removed)
        self._swept |= more
        self.counts.update(+removed)
        if +removed and self._bursts.due("swept", time.monotonic()):
            log.info("deleted what was too old: %s", dict(+removed))
        return more

    def _drop(self, gone: Sequence[Gone]) -> int:
        models: dict[str, list[int]] = {}
        for visit in gone:
            models.setdefault(visit.model, []).append(visit.visit)
        return self._indexer.drop(models)

    def _scrub(self, tries: int) -> bool:
        """Somebody who is reading holds the write-ahead log for as long as that takes."""
        try:
            for left in range(tries, 0, -1):
                if self._store.scrub():
                    self._owed = False
                    return True
                time.sleep(_SCRUB_WAIT_S * (left > 1))
            why = "somebody reads the database all the time"
        except StoreError as error:
            why = error.message
        self._owed, self._scrub_at = True, time.monotonic() + _SCRUB_AGAIN_S
        log.error("everything of who was forgotten is taken out, but bytes of it are left in the database's files: %s. "
                  "It is tried again every ten minutes", why)
        return False

    def _make_up_for(self) -> None:
        """What could not be scrubbed the last time, before a restart as well."""
        if self._owed is None:
            self._owed = self._store.eraser.owes_scrub()
        if self._owed and time.monotonic() >= self._scrub_at and self._scrub(1):
            log.warning("no bytes of who was forgotten are left in the database's files")


def _before(now: float, days: float | None) -> float | None:
    return None if days is None else now - days * DAY_S


