"""`StoreWriter`: the one way into the store. One transaction per batch; what is committed is on the disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.store import columns
from aggregator.store.ages import Ages
from aggregator.store.count_writer import CountWriter
from aggregator.store.database import explained
from aggregator.store.eraser import Eraser
from aggregator.store.errors import explain
from aggregator.store.faces import FaceTable
from aggregator.store.mend import suspect
from aggregator.store.reader import StoreReader
from aggregator.store.records import CorrectionTable, MomentTable
from aggregator.store.turned import TurnedTable
from aggregator.visit import Decision, Visit
from common.messages import CameraInfo, Event, ModelInfo
from common.tracklet import PackedTracklet, Tracklet


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A visit whose identity was decided or has changed; None when it has none any more."""

    visit: int
    agent: str
    camera: str
    run: str
    track: int
    final: bool
    model: str
    identity: int | None


class StoreWriter:
    """Writes, from one thread. Made by `open_store`. All writing methods belong inside `with writer.transaction():`.

    Attributes:
        path: the file.
        corrections, moments: records that only grow.
        counting: what zones and lines count.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: int) -> None:
        self.path = path
        self.corrections = CorrectionTable(connection)
        self.moments = MomentTable(connection)
        self.counting = CountWriter(connection)
        self.eraser = Eraser(connection)
        self.ages = Ages(connection)
        self.turned = TurnedTable(connection)
        self.faces = FaceTable(connection)
        self._db = connection
        self._lock = lock
        self._closed = False
        self._received: dict[tuple[str, str], int] = {}  # of the transaction that is open

    def reader(self) -> StoreReader:
        """One more connection that reads; from any thread."""
        return StoreReader(self.path)

    def doubt(self) -> None:
        """Damage was met: the next start looks at all of the file."""
        with contextlib.suppress(OSError):
            suspect(self.path).touch()

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of both. Twice does no harm."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        os.close(self._lock)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scrub(self) -> bool:
        """See `Eraser.scrub`; outside of a transaction.

        Raises:
            StoreError: no space for it, and the like.
        """
        with explained(self.path):
            return self.eraser.scrub()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside is on the disk when this ends, or not there at all when it raises.

        Raises:
            StoreFullError: no space; and the other `StoreError`s. Nothing of the inside was kept.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self.counting.flush()
            self._db.executemany("INSERT INTO received VALUES (?, ?, ?) "
                                 "ON CONFLICT (agent, spool) DO UPDATE SET through = excluded.through",
                                 [(agent, spool, seq) for (agent, spool), seq in self._received.items()])
            self._db.execute("COMMIT")
        except BaseException as error:
            # SQLite may have rolled back by itself (disk full), or not even begun.
            with contextlib.suppress(sqlite3.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise explain(error, self.path) from error
            raise
        finally:
            self._received.clear()
            self.counting.forget()

    # Who is there

    def agent_seen(self, agent: str, now: float, software: str = "", run: str = "") -> None:
        """Note that an agent spoke at `now`; what is empty stays as it was."""
        self._db.execute("""
            INSERT INTO agents VALUES (:agent, :software, :run, :now, :now)
            ON CONFLICT (agent) DO UPDATE SET last_seen = :now, software = iif(:software = '', software, :software),
                run = iif(:run = '', run, :run)""",
            {"agent": agent, "now": now, "software": software, "run": run})

    def camera_known(self, agent: str, info: CameraInfo, now: float) -> None:
        """What an agent says about a camera of its own; it owns the camera from now on."""
        self._db.execute("""
            INSERT INTO cameras VALUES (:camera, :agent, :width, :height, :fps, :left, :top, :now)
            ON CONFLICT (camera) DO UPDATE SET agent = :agent, width = :width, height = :height, fps = :fps,
                view_left = :left, view_top = :top, last_seen = :now""",
            {"camera": info.camera, "agent": agent, "width": info.width, "height": info.height, "fps": info.fps,
             "left": info.view[0], "top": info.view[1], "now": now})
        self.counting.places_known(info)

    def camera_seen(self, agent: str, camera: str, now: float) -> None:
        """Something came from a camera; one that nobody announced gets a row without sizes."""
        self._db.execute("""
            INSERT INTO cameras VALUES (:camera, :agent, 0, 0, 0.0, 0.0, 0.0, :now)
            ON CONFLICT (camera) DO UPDATE SET agent = :agent, last_seen = :now""",
            {"camera": camera, "agent": agent, "now": now})

    def model_known(self, model: ModelInfo) -> None:
        """A network in use."""
        self._db.execute("""
            INSERT INTO models VALUES (:fingerprint, :task, :name, :dimensions)
            ON CONFLICT (fingerprint) DO UPDATE SET task = :task, name = :name, dimensions = :dimensions""",
            {"fingerprint": model.fingerprint, "task": model.task, "name": model.name,
             "dimensions": model.dimensions})

    # What is received

    def through(self, agent: str, spool: str) -> int:
        """The number up to which the entries of an agent's spool were taken, 0 for none."""
        known = self._received.get((agent, spool))
        if known is not None:
            return known
        row = self._db.execute("SELECT through FROM received WHERE agent = ? AND spool = ?", (agent, spool)).fetchone()
        return int(row[0]) if row else 0

    def advance(self, agent: str, spool: str, seq: int) -> int:
        """Take note of entry `seq`.

        Returns:
            How many entries were skipped to get there: 0 for the one that was due or the first of its spool, -1 for one
            that was taken before, which the caller drops.
        """
        through = self.through(agent, spool)
        if seq <= through:
            return -1
        through = through or seq - 1  # what came before went to another aggregator
        self._received[agent, spool] = seq
        return seq - through - 1

    def record_tracklet(self, agent: str, tracklet: Tracklet) -> Visit | None:
        """A part of a track: its visit begins or grows.

        Returns:
            The visit as it is now; None when this part, or a later one, was there already and nothing changed.
        """
        (found,) = self.record_tracklets([agent], [PackedTracklet.of(tracklet)])
        return found[0] if found else None

    def record_tracklets(self, agents: Sequence[str], tracklets: Sequence[PackedTracklet],
                         ) -> list[tuple[Visit, int | None] | None]:
        """Parts of tracks, each with the agent that sent it, in order: their visits begin or grow.

        Returns:
            For each the visit as it is now, with its identity; None as `record_tracklet` says.
        """
        execute, touch = self._db.execute, self.counting.touch
        known: list[tuple[Any, ...] | None] = []
        exemplars: list[tuple[Any, ...]] = []
        paths: list[tuple[Any, ...]] = []
        means: list[bytes] = []
        for agent, part in zip(agents, tracklets, strict=True):
            row = execute(_UPSERT_VISIT, (
                agent, part.camera, part.run, part.track, part.start, part.end, part.label, part.frames, part.part + 1,
                part.final, part.confidence, part.model, part.mean,
                columns.to_json(part.attributes) if part.attributes else "{}")).fetchone()
            known.append(row)
            if row is None:
                continue
            visit = row[0]
            means.append(part.mean or row[7])
            touch(part.camera, part.start, part.end)
            exemplars += columns.exemplar_rows(visit, part)
            if part.path_times:
                times = np.frombuffer(part.path_times, "<f8").tolist()
                paths.append((visit, part.part, part.camera, min(times), max(times), part.path_times, part.path_frames,
                              part.path_boxes))
            if part.face is not None:
                self.faces.put(visit, part.face)
        self._db.executemany("INSERT INTO exemplars VALUES (?, ?, ?, ?)", exemplars)
        self._db.executemany("INSERT INTO paths VALUES (?, ?, ?, ?, ?, ?, ?, ?)", paths)
        looks = iter(columns.embeddings(means))
        return [None if row is None else (Visit(
            visit=row[0], camera=part.camera, start=row[1], end=row[2], label=row[3], frames=row[4], final=bool(row[5]),
            model=row[6], embedding=next(looks), face=self.faces.of(row[0])), row[8])
            for part, row in zip(tracklets, known, strict=True)]

    def record_events(self, events: Iterable[Event]) -> None:
        """Things that happened."""
        events = list(events)
        self.counting.record(events)
        self._db.executemany("INSERT INTO events (time, camera, run, kind, track, data) VALUES (?, ?, ?, ?, ?, ?)", [
            (e.time, e.camera, e.run, e.kind, e.track, columns.to_json(e.data)) for e in events])

    # What linking says

    def record_decisions(self, decisions: Sequence[Decision], now: float, settings: str) -> list[Change]:
        """Carry decisions out and append them to the log.

        Args:
            decisions: in the order in which they were made.
            now: UTC seconds.
            settings: digest of the linking settings that led to them.

        Returns:
            Every visit whose identity was decided or changed, in that order.
        """
        changes: list[Change] = []
        for decision in decisions:
            changes += [Change(visit=r[0], agent=r[1], camera=r[2], run=r[3], track=r[4], final=bool(r[5]), model=r[6],
                               identity=r[7]) for r in self._carry_out(decision, now)]
            self._db.execute("""
                INSERT INTO log (time, operation, visit, identity, other, score, confidence, rivals, reason, settings)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""", (
                now, decision.operation, decision.visit, decision.identity, decision.other, decision.score,
                decision.confidence,
                columns.to_json([(r.identity, r.score, r.probability, r.walk) for r in decision.rivals]),
                columns.to_json(decision.reason), settings))
        return changes

    def _carry_out(self, decision: Decision, now: float) -> list[tuple[Any, ...]]:
        values = {"visit": decision.visit, "identity": decision.identity, "other": decision.other, "now": now,
                  "certainty": decision.confidence}
        if decision.operation == "retract":
            return self._db.execute(
                f"UPDATE visits SET identity = NULL, certainty = NULL WHERE visit = :visit {_CHANGED}",
                values).fetchall()
        self._db.execute("""
            INSERT INTO identities (identity, label, created)
            SELECT :identity, coalesce((SELECT label FROM visits WHERE visit = :visit), ''), :now
            WHERE NOT EXISTS (SELECT 1 FROM identities WHERE identity = :identity)""", values)
        if decision.operation == "restore":
            self._db.execute("UPDATE identities SET merged_into = NULL WHERE identity = :identity", values)
        if decision.operation == "merge":
            self._db.execute("UPDATE identities SET merged_into = :identity WHERE identity = :other", values)
            return self._db.execute(
                f"UPDATE visits SET identity = :identity WHERE identity = :other {_CHANGED}", values).fetchall()
        return self._db.execute(
            f"UPDATE visits SET identity = :identity, certainty = :certainty WHERE visit = :visit {_CHANGED}",
            values).fetchall()

    def whose(self, camera: str, run: str, track: int) -> tuple[int | None, int | None]:
        """The visit of a camera's local track and its identity, as far as they are known."""
        row = self._db.execute("SELECT visit, identity FROM visits WHERE camera = ? AND run = ? AND track = ?",
                               (camera, run, track)).fetchone() if track >= 0 else None
        return (row[0], row[1]) if row else (None, None)

    def open_tracks(self, agent: str, run: str) -> list[tuple[str, str, int, int]]:
        """(camera, run, track, identity) of an agent's visits that have not ended."""
        return self._db.execute("""
            SELECT camera, run, track, identity FROM visits
            WHERE final = 0 AND run = :run AND agent = :agent AND identity IS NOT NULL""",
            {"agent": agent, "run": run}).fetchall()

    def next_identity(self) -> int:
        """The lowest number that was never given to an identity, nor is higher than one that was."""
        return int(self._db.execute(_NEXT_IDENTITY).fetchone()[0])


_NEXT_IDENTITY = """
SELECT max(coalesce((SELECT max(identity) FROM identities), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'last_identity'), 0)) + 1"""
_CHANGED = "RETURNING visit, agent, camera, run, track, final, model, identity"

# The latest part speaks of the whole track, so it replaces; a part that comes twice, or late, changes nothing.
_UPSERT_VISIT = """
INSERT INTO visits (visit, agent, camera, run, track, start, "end", label, frames, parts, final, confidence, model,
                    mean, attributes)
VALUES (max(coalesce((SELECT max(visit) FROM visits), 0),
            coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'last_visit'), 0)) + 1,
        ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (camera, run, track) DO UPDATE SET
    start = min(start, excluded.start), "end" = max("end", excluded."end"), label = excluded.label,
    frames = max(frames, excluded.frames), parts = excluded.parts, final = max(final, excluded.final),
    confidence = excluded.confidence,
    model = iif(length(excluded.mean) > 0, excluded.model, model),
    mean = iif(length(excluded.mean) > 0, excluded.mean, mean),
    attributes = iif(excluded.attributes = '{}', attributes, json_patch(attributes, excluded.attributes))
WHERE excluded.parts > visits.parts
RETURNING visit, start, "end", label, frames, final, model, iif(length(?13) > 0, NULL, mean), identity"""
