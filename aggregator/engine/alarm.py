"""`Alarm`: what is committed → rules → alerts, in the same transaction: none is lost or said twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aggregator.alerts.rules import Rule
from aggregator.alerts.watch import KIND, Alert, Watch
from aggregator.engine.batch import Batch
from aggregator.store.counts import CountReader
from aggregator.store.reader import StoreReader
from aggregator.store.writer import StoreWriter
from aggregator.visit import parse_global_id
from common.clock import to_rfc3339
from common.messages import Event, Message, Stats

_TICK_S = 1.0
_STALE_S = 30.0
_REMEMBERED = 1000


class Alarm:
    """A `Watch` that can be built anew from the store.

    Args:
        rules: see there.
        now: UTC seconds.
    """

    def __init__(self, rules: Sequence[Rule], now: float) -> None:
        self._rules = rules
        self._watch = Watch(rules, now)
        self._tick_at = 0.0

    def load(self, reader: StoreReader, now: float) -> None:
        """Begin with what the store knows."""
        self._watch = Watch(self._rules, now)
        runs = {row.agent: row.run for row in reader.agents()}
        latest = set(runs.values())
        inside = [((row.place.camera, row.run, row.track), row.place.name, row.entered)
                  for row in CountReader(reader).inside() if row.run in latest]
        going = [(row.camera, row.run, row.track) for row in reader.present(now, stale_s=_STALE_S)]
        said = [Event(camera=row.camera, run=row.run, kind=row.kind, time=row.time, track=row.track, data=row.data)
                for row in reversed(reader.events(kind=KIND, limit=_REMEMBERED).rows)]
        self._watch.restore(inside, going, [row.camera for row in reader.cameras()], said, reader.merged())

    def heard(self, message: Message, now: float) -> None:
        """A heartbeat tells which cameras are alive."""
        if isinstance(message, Stats):
            for camera, numbers in message.cameras.items():
                self._watch.heard(camera, numbers, now)

    def follow(self, batch: Batch, store: StoreWriter, now: float) -> None:
        """What a transaction is about to commit; alerts join it, and how many are in the zones that were passed."""
        alerts = self._watch.take(batch.events, now)
        zones = {(event.camera, str(event.data.get("zone"))) for event in batch.events
                 if event.kind in ("zone_entered", "zone_left")}
        batch.news += [{"type": "zone", "time": to_rfc3339(now), "camera": camera, "zone": zone,
                        "now": self._watch.inside(camera, zone)} for camera, zone in sorted(zones)]
        merges = [(parse_global_id(news["global_id"]), parse_global_id(news["other"])) for news in batch.news
                  if news["type"] == "link" and news["operation"] == "merge" and news["other"]]
        alerts += self._watch.linked(
            [(change.visit, (change.camera, change.run, change.track), change.identity) for change in batch.changes
             if change.identity is not None], merges, now)
        self.write(alerts, batch, store)

    def due(self, now: float) -> bool:
        """Whether it is time to look at the clock again; `now` in seconds of a clock that only runs forward."""
        if self._watch.idle or now < self._tick_at:
            return False
        self._tick_at = now + _TICK_S
        return True

    def tick(self, now: float) -> list[Alert]:
        """What follows from time having passed."""
        return self._watch.tick(now)

    def write(self, alerts: Iterable[Alert], batch: Batch, store: StoreWriter) -> None:
        """Alerts are events."""
        events = [alert.event() for alert in alerts]
        if events:
            store.record_events(events)
            batch.counts["alerts"] += len(events)
            for event in events:
                batch.happened(event, *store.whose(event.camera, event.run, event.track))
