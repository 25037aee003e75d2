"""`Engine`: the one thread that writes. Messages in; visits, decisions and acknowledgements out.

A batch of messages is one transaction. Nothing is acknowledged, said or counted before it is on the disk. When a write
fails, everything in memory that ran ahead of the store (linking above all) is built anew from it, and the same batch
is tried again; agents keep in their spools what is not acknowledged.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from aggregator.alerts.rules import Rule
from aggregator.corrections.asked import Asked, CorrectionError
from aggregator.engine.alarm import Alarm
from aggregator.engine.batch import Batch
from aggregator.engine.bus import Bus
from aggregator.engine.corrector import Corrector, correct, said_so_far
from aggregator.engine.digest import digest
from aggregator.engine.errands import Errands
from aggregator.engine.failures import Abandoned, LinkingError
from aggregator.engine.forgetter import Forgetter
from aggregator.engine.hours import Hours
from aggregator.engine.indexer import Indexer
from aggregator.engine.keeper import Keeper
from aggregator.engine.live import Live
from aggregator.engine.recorder import Recorder
from aggregator.engine.settings import EngineSettings
from aggregator.engine.site import Site, seen_of_cameras
from aggregator.engine.taking import Taking
from aggregator.linking.history import HistoryIndex
from aggregator.linking.linker import Linker
from aggregator.linking.ways import SiteMap
from aggregator.mailbox import Mailbox
from aggregator.privacy.receipt import Receipt
from aggregator.privacy.settings import RetentionSettings
from aggregator.privacy.turn import Turn
from aggregator.store.errors import StoreDamagedError
from aggregator.store.records import CorrectionRow
from aggregator.store.writer import Change, StoreWriter
from aggregator.visit import Decision, Visit
from common.bursts import Bursts
from common.clock import Clock
from common.errors import StoreError
from common.memory import give_back
from common.messages import Hello, Message, Refusal, Upload

log = logging.getLogger("engine")

Item = tuple[str, Message]
_SEEN_EVERY_S = 30.0
_HOURS_AT_ONCE = 4
_REPAIR_SHARE = 0.1
LOOK_BACK = 8
"""Linking starts anew from so many samples of the latest visits, and from all that it still compares with: as far back
as its last lesson, but where nobody came any more after very many had."""
_LINKED_AT_ONCE = 256
"""Visits that linking is shown between two looks at whether to stop."""


class Engine:
    """Takes messages off a queue until stopped.

    Args:
        store: to write to; used by the engine's thread only from `start` on.
        new_linker: makes an empty linker whose new identities come after the given one. Called again after a failure.
        messages: (agent, message), as `Inbox` puts them there.
        send: takes an answer to an agent; from the engine's thread.
        clock, settings: UTC; see there.
        bus: where to tell what was committed.
        on_failure: called from the engine's thread when it cannot go on; `failure` then says why.
        history: an empty index over all visits, to be filled here; None makes one.
        rules: when to say something.
        retention: how long what is kept.
        turn: by which embeddings are turned before they are kept.

    Attributes:
        failure: what ended the thread, None as long as it lives.
        wire: what the inbox counts, for `stats`.
    """

    def __init__(
        self,
        store: StoreWriter,
        new_linker: Callable[[int], Linker],
        messages: Mailbox[Item],
        send: Callable[[str, Message], None],
        clock: Clock,
        settings: EngineSettings,
        bus: Bus,
        on_failure: Callable[[], None] | None = None,
        history: HistoryIndex | None = None,
        rules: Sequence[Rule] = (),
        retention: RetentionSettings | None = None,
        turn: Turn | None = None,
    ) -> None:
        self.failure: BaseException | None = None
        self.wire: Callable[[], Mapping[str, Any]] = dict
        self._store = store
        self._new_linker = new_linker
        self._messages = messages
        self._send = send
        self._clock = clock
        self._settings = settings
        self._bus = bus
        self._on_failure = on_failure
        self._live = Live(settings.agent_timeout_s, clock.now())
        self._site = Site()
        self._indexer = Indexer(store.reader, history or HistoryIndex())
        self._keeper = Keeper(self._indexer.history, settings.measure_index_every_s,
                              lambda: messages.peak() > settings.queue // 8)
        self._linker: Linker | None = None
        self._digest = ""
        self._recorder = Recorder()
        self._corrector = Corrector()
        self._errands = Errands()
        self._taking = Taking(store, self._site, self._live.is_there, settings.max_clock_ahead_s, turn)
        self._forgetter = Forgetter(store, self._indexer, self._live, retention or RetentionSettings(), clock,
                                    self._begin_anew)
        self._hours = Hours(store.counting, settings.quiet_s)
        self._alarm = Alarm(rules, clock.now())
        self._bursts = Bursts()
        self._stopping = threading.Event()
        self._resolve_at = 0.0
        self._seen_at = 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> Engine:
        """Load what the store knows, then begin.

        Raises:
            StoreError: it cannot be read.
        """
        self._load()
        self._indexer.start()
        self._keeper.start()
        self._thread.start()
        return self

    def stop(self, timeout_s: float = 2.5) -> bool:
        """End soon. What is not stored by then is not acknowledged, so agents send it again.

        Returns:
            Whether it has ended; if not, the store must be left alone.
        """
        self._stopping.set()
        self._indexer.stop()  # the engine may be waiting for it
        if self._thread.ident is not None:
            self._thread.join(timeout=timeout_s)
        self._keeper.stop()
        return not self._thread.is_alive()

    def __enter__(self) -> Engine:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def history(self) -> HistoryIndex:
        """Everybody ever seen, by what they looked like; to search in from any thread."""
        return self._indexer.history

    @property
    def indexer(self) -> Indexer:
        """What fills `history`."""
        return self._indexer

    def correct(self, asked: Asked) -> Future[CorrectionRow]:
        """Let a person correct what was decided; from any thread.

        Returns:
            The correction as it was written, once it is on the disk; or `CorrectionError`, `StoreError`.
        """
        return self._corrector.ask(asked)

    def forget(self, identity: int) -> Future[Receipt]:
        """Forget somebody; from any thread. What went, or `NobodyError`, `StoreError`."""
        return self._errands.ask(lambda: self._forgetter.forget(identity))

    def site_map(self) -> SiteMap:
        """What was learned of ways and clocks, as of the last repair. From any thread."""
        return self._site.map

    def stats(self) -> dict[str, Any]:
        """How things stand; see `Live.snapshot`. From any thread."""
        return {**self._live.snapshot(self._clock.now()), "alive": self._thread.is_alive(),
                "queue": self._messages.qsize(), "queue_limit": self._settings.queue,
                "wire": self.wire(), "index_backlog": self._indexer.backlog, "index": self.history.figures()}

    def _run(self) -> None:
        try:
            self._resolve_at = time.monotonic() + self._settings.resolve_every_s
            while not self._stopping.is_set():
                items = self._gather()
                if items:
                    self._settle(items)
                else:
                    self._add_up()
                self._correct()
                self._tick()
                self._errands.do()
                self._forgetter.look()
                if (began := time.monotonic()) >= self._resolve_at:
                    self._resolve()
                    took = time.monotonic() - began
                    # Very many visits are repaired less often, so that new ones are taken meanwhile.
                    self._resolve_at = began + max(self._settings.resolve_every_s, took / _REPAIR_SHARE)
        except BaseException as error:
            log.critical("the engine cannot go on; agents keep what is not stored", exc_info=True)
            self.failure = error
            self._live.trouble(f"the engine has ended: {error}")
            if self._on_failure is not None:
                self._on_failure()
        finally:
            self._corrector.end()
            self._errands.end()

    def _add_up(self) -> None:
        """Sums by the hour; a failure costs nothing, they stay due."""
        try:
            if self._hours.ready(time.monotonic()):
                with self._store.transaction():
                    self._hours.step(_HOURS_AT_ONCE)
        except (StoreError, sqlite3.Error) as error:
            if such := self._bursts.due(("hours",), time.monotonic()):
                log.error("sums by the hour could not be brought up to date (%d times): %s", such, error)

    def _tick(self) -> None:
        """What follows from nothing happening; a failure costs nothing, it is said the next time."""
        now, batch = self._clock.now(), Batch()
        if self._linker is None or not self._alarm.due(time.monotonic()):
            return
        try:
            if alerts := self._alarm.tick(now):
                with self._store.transaction():
                    self._alarm.write(alerts, batch, self._store)
        except StoreError as error:
            log.error("alerts could not be stored: %s", error)
            self._linker = None
        else:
            self._tell(batch)

    def _gather(self) -> list[Item]:
        """The messages that wait, and those that come within `gather_s` of the first."""
        patience = min(0.05, max(0.0, self._resolve_at - time.monotonic()))
        return self._messages.take(self._settings.batch, patience, self._settings.gather_s)

    def _settle(self, items: list[Item]) -> None:
        """Store a batch, however long it takes."""
        now = self._clock.now()
        for agent, message in items:
            if not isinstance(message, Upload):
                self._live.heard(agent, message, now)
                self._alarm.heard(message, now)
        for agent in {agent for agent, _ in items}:
            self._live.heard(agent, None, now)
        wait, link, failed_at = self._settings.retry_least_s, True, 0.0
        while True:
            try:
                if self._linker is None:
                    self._load()
                batch = self._write(items, link)
                break
            except LinkingError as error:
                log.error("linking failed; these visits are stored without an identity", exc_info=error.__cause__)
                self._linker, link = None, False
            except StoreDamagedError:
                self._store.doubt()
                raise  # trying again mends nothing; the next start does
            except StoreError as error:
                self._linker = None
                failed_at = failed_at or time.monotonic()
                self._live.trouble(error.message)
                log.error("nothing can be stored, and nothing is acknowledged; next try in %.1f s: %s", wait, error)
                if self._stopping.wait(wait):
                    return
                wait = min(2 * wait, self._settings.retry_most_s)
            except Abandoned:
                self._linker = None
                return
        if failed_at:
            self._live.forgive(time.monotonic() - failed_at)
            self._live.trouble("")
            log.warning("storing goes on after %.1f s", time.monotonic() - failed_at)
        self._tell(batch)

    def _write(self, items: list[Item], link: bool) -> Batch:
        now, batch = self._clock.now(), Batch()
        uploads = any(isinstance(message, Hello | Upload) for _, message in items)
        batch.counts["messages"] = len(items)
        if not uploads and now - self._seen_at < _SEEN_EVERY_S:
            return batch
        with self._store.transaction():
            self._taking.take(items, now, batch)
            if link and batch.visits:
                self._link(list(batch.visits.values()), now, batch)
            elif batch.visits:
                self._recorder.kept(list(batch.visits.values()), now)
            self._recorder.write(self._store)
            batch.settle_identities()
            self._alarm.follow(batch, self._store, now)
        self._seen_at = now
        batch.counts["commits"] = 1
        return batch

    def _link(self, visits: list[Visit], now: float, batch: Batch) -> None:
        assert self._linker is not None
        decisions: list[Decision] = []
        visits.sort(key=lambda visit: (visit.end, visit.visit))
        for first in range(0, len(visits), _LINKED_AT_ONCE):
            group = visits[first : first + _LINKED_AT_ONCE]
            if self._stopping.is_set():
                raise Abandoned
            try:
                found = self._linker.observe(group, now)
            except Exception as error:
                raise LinkingError from error
            self._recorder.observed(group, len(found), now)
            decisions += found
        if decisions:
            self._store.linked(self._linker.seen())
        self._record(decisions, now, batch)
        self._taking.events(seen_of_cameras(self._linker, now), batch)

    def _record(self, decisions: list[Decision], now: float, batch: Batch) -> None:
        changes: list[Change] = self._store.record_decisions(decisions, now, self._digest)
        cameras = {visit.visit: visit.camera for visit in batch.visits.values()}
        cameras.update((change.visit, change.camera) for change in changes)
        batch.decided(decisions, changes, cameras, now)

    def _resolve(self) -> None:
        """Repair the recent past. A failure costs nothing: the next time comes soon."""
        now, batch = self._clock.now(), Batch()
        try:
            if self._linker is None:
                self._load()
            assert self._linker is not None
            if not self._recorder.news:
                return
            try:
                decisions = self._linker.resolve(now)
            except Exception as error:
                raise LinkingError from error
            self._recorder.resolved(len(decisions), now)
            self._site.map = self._linker.site_map()
            if decisions:
                with self._store.transaction():
                    self._record(decisions, now, batch)
                    self._recorder.write(self._store)
                    self._alarm.follow(batch, self._store, now)
        except LinkingError as error:
            log.error("repairing the recent past failed", exc_info=error.__cause__)
            self._linker = None
        except StoreError as error:
            log.error("repairs could not be stored: %s", error)
            self._linker = None
        else:
            self._tell(batch)

    def _correct(self) -> None:
        """Carry out what people asked for, one after the other, each in a transaction of its own."""
        while (order := self._corrector.next()) is not None:
            asked, answer = order
            now, batch = self._clock.now(), Batch()
            try:
                if self._linker is None:
                    self._load()
                assert self._linker is not None
                with self._store.reader() as reader:
                    done = correct(asked, self._linker, reader, now, LinkingError)
                self._recorder.corrected(done.row.correction, len(done.decisions), now)
                with self._store.transaction():
                    self._store.corrections.add(done.row)
                    self._record(done.decisions, now, batch)
                    self._recorder.write(self._store)
                    self._alarm.follow(batch, self._store, now)
            except CorrectionError as error:
                answer.set_exception(error)
            except (StoreError, LinkingError) as error:
                log.error("a correction could not be carried out: %s", error, exc_info=error.__cause__)
                self._linker = None
                answer.set_exception(error)
            else:
                batch.corrected(done.row)
                self._tell(batch)
                answer.set_result(done.row)

    def _tell(self, batch: Batch) -> None:
        """It is on the disk: say so."""
        now = self._clock.now()
        for agent, message in batch.outgoing():
            self._send(agent, message)
        for visit in batch.visits.values():
            self._live.visit(visit.visit, batch.identities.get(visit.visit), visit.final, now)
        for change in batch.changes:
            self._live.identified(change.visit, change.identity)
        self._indexer.follow(((visit, batch.identities.get(visit.visit)) for visit in batch.visits.values()),
                             batch.changes)
        self._live.linked(batch.links)
        self._live.count(batch.counts, batch.refused, now)
        if batch.counts["skipped"]:
            log.warning("%d entries were given up by their agents before they came here", batch.counts["skipped"])
        for agent, message in batch.answers:
            if isinstance(message, Refusal) and (such := self._bursts.due((agent, message.code), time.monotonic())):
                log.warning("refused %d message(s) of '%s': %s: %s", such, agent, message.code, message.message)
        self._bus.publish(batch.news)

    def _begin_anew(self, gone: Sequence[int] | None) -> None:
        if gone is None or (self._linker is not None and self._linker.knows(gone)):
            self._linker = None

    def _load(self) -> None:
        """Everything that is a cache of the store, from the store."""
        with self._store.reader() as reader:
            linker = self._new_linker(self._store.next_identity() - 1)
            last = linker.ids.last
            linking = linker.settings
            since = min(reader.newest(), self._clock.now()) - linking.time_to_live
            recent = reader.recent_visits(since, LOOK_BACK * linking.sample)
            linker.restore(((s.visit, s.identity or 0) for s in recent), reader.merged(), said_so_far(reader),
                           reader.linked())
            self._site.load(reader)
            self._alarm.load(reader, self._clock.now())
            for row in reader.agents():
                self._live.assume_heard(row.agent, row.last_seen)
        self._recorder.started(linker.settings.model_dump(mode="json"), linker.topology, last, self._clock.now())
        self._digest = digest(linker.settings)
        self._site.map = linker.site_map()
        self._linker = linker
        give_back()  # it took megabytes for a moment, and the one before is gone
