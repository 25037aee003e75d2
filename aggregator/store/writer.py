"""`StoreWriter`: the one way into the store. One transaction per batch; what is committed is on the disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from aggregator.store.visit_writer import Recorded, VisitWriter
from aggregator.visit import Decision, Visit
from common.errors import StoreError
from common.messages import CameraInfo, Event, ModelInfo
from common.private_files import KEPT, drop_aside
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
        self._eraser = Eraser(connection)
        self.ages = Ages(connection)
        self.turned = TurnedTable(connection)
        self.faces = FaceTable(connection)
        self._visits = VisitWriter(connection, self.counting, self.faces)
        self._db = connection
        self._lock = lock
        self._closed = False
        self._received: dict[tuple[str, str], int] = {}  # of the transaction that is open

    def reader(self) -> StoreReader:
        """One more connection that reads; from any thread."""
        return StoreReader(self.path)

    @property
    def eraser(self) -> Eraser:
        """What takes people out."""
        self._visits.forget()
        return self._eraser

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
            return self._eraser.scrub()

    def cut_log(self) -> None:
        """See `Eraser.cut_log`; outside of a transaction."""
        with explained(self.path):
            self._eraser.cut_log()

    def drop_copies(self, *, before: float | None = None) -> int:
        """Delete copies of the database that were damaged and set aside: those last written before, UTC seconds, or
        all; how many.

        Raises:
            StoreError: one cannot be deleted.
        """
        try:
            return drop_aside(self.path, keep=0 if before is None else KEPT, before=before)
        except OSError as error:
            raise StoreError(f"{self.path.name}.broken-…: cannot be deleted: {error.strerror}",
                             f"delete it, and see that this user may write to {self.path.parent}") from error

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
            self._visits.forget()
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

    def heard_of(self, agents: Iterable[str], now: float) -> None:
        """Note that agents spoke at `now`."""
        self._db.executemany("""
            INSERT INTO agents VALUES (?1, '', '', ?2, ?2) ON CONFLICT (agent) DO UPDATE SET last_seen = ?2""",
            [(agent, now) for agent in agents])

    def cameras_seen(self, cameras: Iterable[tuple[str, str]], now: float) -> None:
        """Something came from cameras, (agent, camera); those that nobody announced get a row without sizes."""
        self._db.executemany("""
            INSERT INTO cameras VALUES (?2, ?1, 0, 0, 0.0, 0.0, 0.0, ?3)
            ON CONFLICT (camera) DO UPDATE SET agent = ?1, last_seen = ?3""",
            [(agent, camera, now) for agent, camera in cameras])

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
        visits, _, _ = self.record_tracklets([agent], [PackedTracklet.of(tracklet)])
        return next(iter(visits.values()), None)

    def record_tracklets(self, agents: Sequence[str], tracklets: Sequence[PackedTracklet]) -> Recorded:
        """Parts of tracks, each with the agent that sent it, in order: their visits begin or grow.

        Returns:
            Visits as they are now, and the identities of those that have one, by number; and how many parts were taken:
            the others were there already, or a later one of their track.
        """
        return self._visits.record(agents, tracklets)

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
        self._db.executemany("""
            INSERT INTO log (time, operation, visit, identity, other, score, confidence, rivals, reason, settings)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""", [(
                now, decision.operation, decision.visit, decision.identity, decision.other, decision.score,
                decision.confidence,
                columns.to_json([(r.identity, r.score, r.probability, r.walk) for r in decision.rivals]),
                columns.to_json(decision.reason), settings) for decision in decisions])
        self._visits.changed((change.visit, change.identity) for change in changes)
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

    def linked(self, visits: Mapping[tuple[str, str, int], int]) -> None:
        """How many visits ever got an identity: by fingerprint of the network, label, and length of embedding."""
        self._db.executemany(
            "INSERT OR REPLACE INTO linked (model, label, dimensions, visits) VALUES (?, ?, ?, ?)",
            [(*kind, count) for kind, count in visits.items()])

    def next_identity(self) -> int:
        """The lowest number that was never given to an identity, nor is higher than one that was."""
        return int(self._db.execute(_NEXT_IDENTITY).fetchone()[0])


_NEXT_IDENTITY = """
SELECT max(coalesce((SELECT max(identity) FROM identities), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'last_identity'), 0)) + 1"""
_CHANGED = "RETURNING visit, agent, camera, run, track, final, model, identity"
