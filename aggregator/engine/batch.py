"""`Batch`: what one transaction did, kept apart until it is on the disk: only then is anything said or counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aggregator.engine.bus import News
from aggregator.store.records import CorrectionRow
from aggregator.store.writer import Change
from aggregator.visit import Decision, Visit, global_id
from common.clock import to_rfc3339
from common.messages import Ack, Assign, Event, Message


@dataclass(slots=True)
class Batch:
    """The effects of a batch of messages.

    Attributes:
        acks: up to which number an agent's spool was taken, by (agent, spool).
        answers: other messages, in order.
        tracks: (camera, run, track, global id) to tell agents, by agent.
        visits: that began or grew, in their latest shape, by number.
        news: for the bus.
        links: the latest decisions, as the API shows them.
        identities: of `visits`, as far as they have one.
        events: that were written.
        changes: identities decided or changed.
        missed: (agent, spool) of which something lacks; they are asked to send again.
        counts, refused: what to add up.
    """

    acks: dict[tuple[str, str], int] = field(default_factory=dict)
    answers: list[tuple[str, Message]] = field(default_factory=list)
    tracks: dict[str, list[tuple[str, str, int, str]]] = field(default_factory=dict)
    visits: dict[int, Visit] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    identities: dict[int, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    missed: set[tuple[str, str]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def decided(self, decisions: Sequence[Decision], changes: Iterable[Change], cameras: dict[int, str],
                now: float) -> None:
        """Decisions that were written, and the visits that they touched; `cameras` by visit.

        Agents hear of their tracks. Of visits that were moved by a merge and have ended they do not: that is history.
        """
        named, time = {decision.visit for decision in decisions}, to_rfc3339(now)
        for change in changes:
            self.changes.append(change)
            if change.identity is not None and (not change.final or change.visit in named):
                self.tracks.setdefault(change.agent, []).append(
                    (change.camera, change.run, change.track, global_id(change.identity)))
        for decision in decisions:
            self.counts[decision.operation] += 1
            self.links.append({
                "visit": decision.visit, "camera": cameras.get(decision.visit, ""), "time": time,
                "global_id": global_id(decision.identity), "operation": decision.operation,
                "confidence": decision.confidence})
            self.news.append({
                "type": "link", "time": time, "operation": decision.operation, "visit": decision.visit,
                "camera": cameras.get(decision.visit), "global_id": global_id(decision.identity),
                "other": global_id(decision.other) if decision.other else None,
                "confidence": decision.confidence, "score": decision.score, "reason": dict(decision.reason)})

    def settle_identities(self) -> None:
        """What was decided is what `visits` have now."""
        for change in self.changes:
            if change.identity is None:
                self.identities.pop(change.visit, None)
            elif change.visit in self.visits:
                self.identities[change.visit] = change.identity

    def happened(self, event: Event, visit: int | None, identity: int | None) -> None:
        """An event that was written, and whose it is as far as is known yet."""
        self.events.append(event)
        self.news.append({
            "type": "event", "time": to_rfc3339(event.time), "camera": event.camera, "run": event.run,
            "kind": event.kind, "track": event.track, "visit": visit,
            "global_id": None if identity is None else global_id(identity), "data": event.data})

    def corrected(self, row: CorrectionRow) -> None:
        """A person's correction that was written, with the ids that visits had and have now."""
        self.counts["corrections"] += 1
        self.news.append({
            "type": "correction", "time": to_rfc3339(row.time), "correction": row.correction, "who": row.who,
            "operation": row.operation, "note": row.note, "undoes": row.undoes,
            "moved": [{"visit": change.visit, "before": global_id(change.before), "after": global_id(change.after)}
                      for change in row.changed if change.before != change.after]})

    def outgoing(self) -> list[tuple[str, Message]]:
        """Everything to send, acknowledgements first."""
        acks: list[tuple[str, Message]] = [
            (agent, Ack(spool=spool, through=through)) for (agent, spool), through in self.acks.items()]
        assigned: list[tuple[str, Message]] = [
            (agent, Assign(tracks=tuple(rows))) for agent, rows in self.tracks.items()]
        return [*acks, *self.answers, *assigned]
