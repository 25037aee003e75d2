"""`Taking`: what agents send → the store, in the transaction that is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aggregator.engine.batch import Batch
from aggregator.engine.intake import check_dimensions
from aggregator.engine.opening import Opened, open_uploads
from aggregator.engine.site import Site
from aggregator.privacy.turn import Turn
from aggregator.store.writer import StoreWriter
from aggregator.visit import global_id
from common.clock import to_rfc3339
from common.errors import WireError
from common.messages import Event, Hello, Message, Refusal, Stats, Upload
from common.tracklet import PackedTracklet


class Taking:
    """Takes the messages of a batch: greetings and heartbeats in their order, then all tracklets, then all events.

    Args:
        store: to write to.
        site: whose camera is whose.
        is_there: whether an agent was heard of lately; agent and UTC seconds.
        ahead_s: how far ahead of the clock things may have happened.
        turn: by which embeddings are turned before they are kept.
    """

    def __init__(self, store: StoreWriter, site: Site, is_there: Callable[[str, float], bool], ahead_s: float,
                 turn: Turn | None) -> None:
        self._store, self._site, self._is_there = store, site, is_there
        self._ahead_s, self._turn = ahead_s, turn

    def take(self, items: Sequence[tuple[str, Message]], now: float, batch: Batch) -> None:
        """Write a batch down; what came of it is added to `batch`."""
        uploads: list[tuple[str, Upload]] = []
        seen: set[tuple[str, str]] = set()
        heads: dict[tuple[str, str], int] = {}
        self._store.heard_of(dict.fromkeys(agent for agent, _ in items), now)
        for agent, message in items:
            if isinstance(message, Upload):
                key, seq = (agent, message.spool), message.seq
                through = heads.get(key)
                if through is None:
                    through = heads[key] = self._store.through(agent, message.spool)
                if message.after <= through < seq:
                    if through and seq > through + 1:  # where there is none yet, what came before went elsewhere
                        batch.counts["skipped"] += seq - through - 1
                    heads[key] = seq
                    uploads.append((agent, message))
                else:
                    self._is_not_due(agent, message, through, batch)
            elif isinstance(message, Hello):
                self._advance(heads, batch)
                self._greet(agent, message, now, batch)
            elif isinstance(message, Stats):
                seen.update((agent, camera) for camera in message.cameras if self._site.owners.get(camera) == agent)
        self._advance(heads, batch)
        self._open(uploads, now, batch, seen)
        self._store.cameras_seen([(self._site.owners.get(camera, agent), camera) for agent, camera in seen], now)

    def events(self, events: list[Event], batch: Batch) -> None:
        """Write events down."""
        self._store.record_events(events)
        batch.counts["events"] += len(events)
        for event in events:
            batch.happened(event, *self._store.whose(event.camera, event.run, event.track))

    def _greet(self, agent: str, hello: Hello, now: float, batch: Batch) -> None:
        for error in self._site.greet(agent, hello, self._store, now, self._is_there):
            self._refuse(agent, 0, error, batch)
        # Where to go on, and what the overlays of its tracks are: it may have missed both.
        batch.acks[agent, hello.spool] = self._store.through(agent, hello.spool)
        known = self._store.open_tracks(agent, hello.run)
        if known:
            batch.tracks.setdefault(agent, []).extend((c, r, t, global_id(i)) for c, r, t, i in known)
        batch.news.append({"type": "agent", "time": to_rfc3339(now), "agent": agent, "software": hello.software,
                           "cameras": [info.camera for info in hello.cameras]})

    def _advance(self, heads: Mapping[tuple[str, str], int], batch: Batch) -> None:
        """Spools, (agent, spool), were taken up to these numbers; it is acknowledged with the batch."""
        for (agent, spool), seq in heads.items():
            if self._store.advance(agent, spool, seq) >= 0:
                batch.acks[agent, spool] = seq

    def _is_not_due(self, agent: str, upload: Upload, through: int, batch: Batch) -> None:
        """An entry is early, or a repeat."""
        key = agent, upload.spool
        if upload.after > through:
            if key not in batch.missed:
                batch.missed.add(key)
                batch.answers.append((agent, Refusal(
                    code="out_of_order", message=f"entry {upload.seq} came before {upload.after}: send again")))
            batch.counts["out_of_order"] += 1
        else:
            batch.acks[key] = through
            batch.counts["repeats"] += 1

    def _open(self, uploads: list[tuple[str, Upload]], now: float, batch: Batch, seen: set[tuple[str, str]]) -> None:
        agents: list[str] = []
        tracklets: list[PackedTracklet] = []
        events: list[Event] = []
        opened = open_uploads([upload.body for _, upload in uploads], self._site.dimensions, now + self._ahead_s)
        fine: set[tuple[str, str, str, str, int]] = set()
        for (agent, upload), content in zip(uploads, opened, strict=True):
            if type(content) is PackedTracklet and content.face is None:
                like = agent, content.camera, content.label, content.model, len(content.mean)
                if like in fine:
                    agents.append(agent)
                    tracklets.append(content)
                    continue
            else:
                like = None
            error = self._wrong(agent, content, now, seen)
            if error is not None:
                self._refuse(agent, upload.seq, error, batch)
            elif isinstance(content, PackedTracklet):
                agents.append(agent)
                tracklets.append(content)
                if like:
                    fine.add(like)
            elif isinstance(content, list):
                events += content
        if self._turn:
            tracklets = self._turn.tracklets(tracklets)
        visits, identities, taken = self._store.record_tracklets(agents, tracklets)
        batch.visits.update(visits)
        batch.identities.update(identities)
        batch.counts["tracklets"] += taken
        batch.counts["repeated_parts"] += len(tracklets) - taken
        self.events(events, batch)

    def _wrong(self, agent: str, content: Opened, now: float, seen: set[tuple[str, str]]) -> WireError | None:
        """Why this may not come in, if it may not. What may is taken note of in `seen`, (agent, camera)."""
        if isinstance(content, WireError):
            return content
        try:
            if isinstance(content, PackedTracklet):
                # Once more: one before it in this batch may have made its network known.
                networks = _networks(content)
                for _, model, length in networks:
                    check_dimensions(f"track {content.track} of camera '{content.camera}'", model, length,
                                     self._site.dimensions)
                cameras = {content.camera}
            else:
                cameras = {event.camera for event in content}
            for camera in cameras:
                if (agent, camera) not in seen:
                    self._site.admit(agent, camera, self._store, now, self._is_there)
            if isinstance(content, PackedTracklet):
                self._site.know_label(content.label)
                for task, model, length in networks:
                    self._site.know_model(task, model, length, self._store)
        except WireError as error:
            return error
        seen.update((agent, camera) for camera in cameras)
        return None

    def _refuse(self, agent: str, seq: int, error: WireError, batch: Batch) -> None:
        batch.refused[error.code] += 1
        text = f"{error.message}; {error.cure}" if error.cure else error.message
        batch.answers.append((agent, Refusal(code=error.code, message=text[:4000], seq=seq)))


def _networks(tracklet: PackedTracklet) -> list[tuple[str, str, int]]:
    """Task, fingerprint and length of embedding of those that a tracklet comes from."""
    found = [("embedding", tracklet.model, len(tracklet.mean) // 2)]
    if tracklet.face is not None:
        found.append(("face", tracklet.face.model, len(tracklet.face.mean)))
    return found
