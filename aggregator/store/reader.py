"""`StoreReader`: every question that is asked of the store. All SQL that reads for people is here and in `queries`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.store import columns, queries, records
from aggregator.store.database import explained, open_read_only
from aggregator.store.faces import face_of
from aggregator.store.queries import Filter
from aggregator.store.records import CorrectionRow, Moment
from aggregator.store.rows import (
    AgentRow,
    CameraRow,
    Counts,
    EventRow,
    IdentityRow,
    Leg,
    LogRow,
    Member,
    Page,
    PathPoints,
    Place,
    StoredVisit,
    VisitEmbeddings,
    VisitRow,
)
from aggregator.store.scope import show_only
from aggregator.visit import Rival, Visit, reason_within
from common.messages import ModelInfo
from common.tracklet import Face, zones_of
from common.tracklet import Path as VisitPath

Row = tuple[Any, ...]


class StoreReader:
    """A read-only connection. Use one per thread; each call sees what was committed when it began.

    Windows of time are taken as overlap: a visit is in [since, until] when it began before `until` and ended after
    `since`. Lists come newest first, in pages: hand `Page.next` back as `cursor` with otherwise the same question.

    Args:
        path: the file, or the data folder that holds it.

    Raises:
        StoreError: there is none, it is not ours, or of a newer release. Later also when a read fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_read_only(path)
        self._cameras: frozenset[str] | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def show_only(self, cameras: Collection[str]) -> None:
        """From now on every answer is as if there were no other cameras."""
        with explained(self.path):
            show_only(self._connection, cameras)
        self._cameras = frozenset(cameras)

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[Row]:
        """The rows of a query that this package wrote; values only ever as parameters."""
        with explained(self.path):
            return self._connection.execute(sql, parameters or {}).fetchall()

    def _row(self, sql: str, parameters: dict[str, Any] | None = None) -> Row | None:
        with explained(self.path):
            row: Row | None = self._connection.execute(sql, parameters or {}).fetchone()
            return row

    # Sites, boxes, networks

    def agents(self) -> list[AgentRow]:
        """By name."""
        return [AgentRow(agent=r[0], software=r[1], run=r[2], first_seen=r[3], last_seen=r[4])
                for r in self.rows(queries.AGENTS)]

    def cameras(self) -> list[CameraRow]:
        """By name."""
        return [_camera(r) for r in self.rows(queries.CAMERAS)]

    def camera(self, camera: str) -> CameraRow | None:
        """One camera."""
        row = self._row(queries.CAMERA, {"camera": camera})
        return _camera(row) if row else None

    def models(self) -> list[ModelInfo]:
        """The networks that agents said they use."""
        return [ModelInfo(fingerprint=r[0], task=r[1], name=r[2], dimensions=r[3])
                for r in self.rows(queries.MODELS)]

    def counts(self) -> Counts:
        """How much there is."""
        row = self._row(queries.COUNTS)
        assert row is not None
        return Counts(visits=row[0], identities=row[1], events=row[2], cameras=row[3], agents=row[4], decisions=row[5])

    # Visits

    def visits(
        self, *, camera: str | None = None, identity: int | None = None, label: str | None = None,
        since: float | None = None, until: float | None = None, limit: int = 100, cursor: str | None = None,
        zone: str | None = None, longer_s: float | None = None, shorter_s: float | None = None,
        attribute: tuple[str, str] | None = None,
    ) -> Page[VisitRow]:
        """Visits, latest start first; those of a merged identity are found under either number.

        Args:
            zone: that they came into.
            longer_s, shorter_s: bounds of how long they lasted.
            attribute: name and value.

        Raises:
            ValueError: `cursor` is none.
        """
        where = Filter().equals("camera", camera).equals("label", label)
        if identity is not None:
            where.equals("identity", self.resolve(identity))
        where.at_least('"end" - start', longer_s).at_most('"end" - start', shorter_s)
        where.holds(queries.IN_ZONE, zone).holds(queries.HAS_ATTRIBUTE, *(attribute or (None,)))
        where.overlaps(since, until, self._longest(since)).before("start", "visit", cursor)
        rows = self.rows(queries.VISITS.format(where=where), where.values(limit + 1))
        return _page([_visit(r) for r in rows], limit, lambda v: f"{v.start!r}:{v.visit}")

    def visit(self, visit: int) -> VisitRow | None:
        """One visit."""
        row = self._row(queries.VISIT, {"visit": visit})
        return _visit(row) if row else None

    def numbered(self, visits: Collection[int]) -> dict[int, VisitRow]:
        """Visits by their numbers; those that are not there are left out."""
        rows = self.rows(queries.NUMBERED, {"visits": json.dumps(list(visits))})
        return {r[0]: _visit(r) for r in rows}

    def visits_of(self, identity: int) -> list[int]:
        """The numbers of all visits of an identity."""
        return [int(r[0]) for r in self.rows("SELECT visit FROM visits WHERE identity = :identity",
                                              {"identity": self.resolve(identity)})]

    def track(self, camera: str, run: str, track: int) -> VisitRow | None:
        """The visit of a camera's local track."""
        row = self._row(queries.TRACK, {"camera": camera, "run": run, "track": track})
        return _visit(row) if row else None

    def visit_path(self, visit: int) -> VisitPath:
        """The whole path of one visit."""
        return columns.path(self.rows(queries.PATH, {"visit": visit}))

    def looks(self, visit: int) -> tuple[str, NDArray[np.float32]] | None:
        """What a visit looked like on average: network and (d,) unit vector; None when there is no such visit."""
        row = self._row(queries.MEAN, {"visit": visit})
        return None if row is None else (row[0], columns.embedding(row[1]))

    def embeddings(self, visit: int) -> VisitEmbeddings | None:
        """What a visit looked like, on average and at its best moments; None when there is no such visit."""
        looks = self.looks(visit)
        if looks is None:
            return None
        model, mean = looks
        rows = self.rows(queries.EXEMPLARS, {"visit": visit})
        flat = np.frombuffer(b"".join(r[2] for r in rows), "<f2").astype(np.float32)
        return VisitEmbeddings(
            visit=visit, model=model, mean=mean,
            exemplars=columns.unit(flat.reshape(len(rows), -1 if rows else len(mean))),
            times=np.array([r[0] for r in rows], np.float64), quality=np.array([r[1] for r in rows], np.float32))

    def face(self, visit: int) -> Face | None:
        """What was seen of a visit's face."""
        row = self._row(queries.FACE_OF, {"visit": visit})
        return face_of(row) if row else None

    def all_visits(self) -> Iterator[StoredVisit]:
        """Every visit with its identity, in order of their numbers."""
        return self._visits(queries.RESTORE_ALL, {})

    def recent_visits(self, since: float, latest: int) -> Iterator[StoredVisit]:
        """Those that ended after `since` and the `latest` by their number, in order of it: what linking needs when it
        starts, however much is kept."""
        return self._visits(queries.RESTORE_RECENT, {"since": since, "latest": latest})

    def _visits(self, query: str, values: dict[str, float]) -> Iterator[StoredVisit]:
        with explained(self.path):
            for r in self._connection.execute(query, values):
                yield StoredVisit(identity=r[9], visit=Visit(
                    visit=r[0], camera=r[1], start=r[2], end=r[3], label=r[4], frames=r[5], final=bool(r[6]),
                    model=r[7], embedding=columns.embedding(r[8]), zones=zones_of(r[10]),
                    face=face_of(r[11:])))

    def newest(self) -> float:
        """When the latest visit ended, UTC seconds; -inf where there is none."""
        row = self._row('SELECT max("end") FROM visits', {})
        return -math.inf if row is None or row[0] is None else float(row[0])

    def linked(self) -> dict[tuple[str, str, int], int]:
        """How many visits ever got an identity: by fingerprint of the network, label, and length of embedding."""
        return {(r[0], r[1], r[2]): r[3] for r in self.rows("SELECT model, label, dimensions, visits FROM linked")}

    # Identities

    def resolve(self, identity: int) -> int:
        """The number under which `identity` goes today: itself unless it was merged."""
        row = self._row(queries.RESOLVE, {"identity": identity})
        return int(row[0]) if row else identity

    def merged(self) -> dict[int, int]:
        """Every identity that was merged → the one that it is today."""
        into = {int(r[0]): int(r[1]) for r in self.rows(queries.MERGED)}

        def end(identity: int) -> int:
            while identity in into:
                identity = into[identity]
            return identity

        return {identity: end(identity) for identity in into}

    def aliases(self, identity: int) -> list[int]:
        """The numbers that were merged into `identity`, rising."""
        return [int(r[0]) for r in self.rows(queries.ALIASES, {"identity": identity})]

    def identity(self, identity: int) -> IdentityRow | None:
        """One identity, or the one it was merged into. None when there never was such a number.

        One that has lost all its visits has 0 of them, and its creation as first and last sight.
        """
        row = self._row(queries.IDENTITY, {"identity": self.resolve(identity)})
        return _identity(row) if row else None

    def identities(
        self, *, since: float | None = None, until: float | None = None, camera: str | None = None,
        label: str | None = None, min_visits: int = 1, limit: int = 100, cursor: str | None = None,
    ) -> Page[IdentityRow]:
        """Identities, latest seen first. With a window or a camera, only visits within these count.

        Raises:
            ValueError: `cursor` is none.
        """
        having = Filter("h").before("last", "identity", cursor).at_least("visits", min_visits).equals("label", label)
        if camera is None and since is None and until is None:
            rows = self._latest(having, cursor, limit + 1)
        else:
            where = Filter().equals("camera", camera).overlaps(since, until, self._longest(since))
            rows = self.rows(queries.IDENTITIES.format(where=where, having=having),
                              {**where.parameters, **having.values(limit + 1)})
        return _page([_identity(r) for r in rows], limit, lambda i: f"{i.last!r}:{i.identity}")

    def _latest(self, having: Filter, cursor: str | None, count: int) -> list[Row]:
        """The list of all identities, without adding up those that are not shown: as long as the list, not the past."""
        where = Filter().equals("identity", 0)
        sql = queries.SUMMARY.format(where=where, having=having)
        last = float(cursor.partition(":")[0]) if cursor else math.inf
        rows: list[Row] = []
        done: set[int] = set()
        with explained(self.path), contextlib.closing(self._connection.cursor()) as visits:
            for (identity,) in visits.execute(queries.LATEST, {"last": last}):
                if len(rows) == count:
                    break
                if identity not in done:
                    done.add(identity)
                    rows += self.rows(sql, {**having.parameters, "w0": identity})
        return rows

    def trajectory(self, identity: int, since: float | None = None, until: float | None = None) -> list[Leg]:
        """The visits of an identity in the order of their start, each with its whole path."""
        where = Filter().equals("identity", self.resolve(identity)).overlaps(since, until, self._longest(since))
        visits = [_visit(r) for r in self.rows(queries.LEGS.format(where=where), where.parameters)]
        return [Leg(visit=visit, path=self.visit_path(visit.visit)) for visit in visits]

    def where(self, identity: int, now: float, stale_s: float = 30.0) -> Place | None:
        """Where an identity was seen last; None when it has no visits.

        Args:
            now: UTC seconds.
            stale_s: a visit that has not ended but was not heard of for so long does not count as still going on.
        """
        row = self._row(queries.WHERE, {"identity": self.resolve(identity)})
        if row is None:
            return None
        visit = _visit(row)
        last = self._row(queries.LAST_PART, {"visit": visit.visit})
        box = None
        if last:
            left, top, right, bottom = np.frombuffer(last[0], "<f4")[-4:].tolist()
            box = (left, top, right, bottom)
        return Place(visit=visit, time=visit.end, box=box, here=not visit.final and now - visit.end <= stale_s)

    def present(self, now: float, camera: str | None = None, stale_s: float = 30.0) -> list[VisitRow]:
        """Visits that are going on, by camera; `now` and `stale_s` as in `where`."""
        where = Filter().equals("camera", camera).at_least('"end"', now - stale_s)
        query = queries.PRESENT if camera is None else queries.PRESENT_AT
        return [_visit(r) for r in self.rows(query.format(where=where), where.parameters)]

    # Paths, events, log

    def paths(self, camera: str, since: float | None = None, until: float | None = None) -> PathPoints:
        """The path points seen by a camera in [since, until], visit by visit."""
        where = Filter().equals("camera", camera).overlaps(since, until, self._longest(since))
        rows = self.rows(queries.PATHS.format(where=where), where.parameters)
        times = np.frombuffer(b"".join(r[1] for r in rows), "<f8")
        boxes = np.frombuffer(b"".join(r[2] for r in rows), "<f4").reshape(-1, 4)
        lengths = np.array([len(r[1]) // 8 for r in rows], np.int64)
        visits = np.repeat(np.array([r[0] for r in rows], np.int64), lengths)
        keep = np.ones(len(times), bool)
        if since is not None:
            keep &= times >= since
        if until is not None:
            keep &= times <= until
        return PathPoints(visits=visits[keep], times=times[keep], boxes=boxes[keep])

    def events(
        self, *, camera: str | None = None, kind: str | None = None, identity: int | None = None,
        visit: int | None = None, since: float | None = None, until: float | None = None, limit: int = 100,
        cursor: str | None = None,
    ) -> Page[EventRow]:
        """What happened, latest first.

        Raises:
            ValueError: `cursor` is none.
        """
        where = Filter().equals("e.camera", camera).equals("e.kind", kind).equals("v.visit", visit)
        if identity is not None:
            where.equals("v.identity", self.resolve(identity))
        where.at_least("e.time", since).at_most("e.time", until).before("e.time", "e.event", cursor)
        # For one person the way leads from their visits to the events; for all, along the events by time.
        sql = queries.EVENTS if identity is None and visit is None else queries.EVENTS_OF_VISITS
        rows = self.rows(sql.format(where=where), where.values(limit + 1))
        return _page([_event(r) for r in rows], limit, lambda e: f"{e.time!r}:{e.event}")

    def log(
        self, *, visit: int | None = None, identity: int | None = None, limit: int = 1000,
    ) -> list[LogRow]:
        """Decisions about a visit or an identity (under any of its numbers), or all of them; oldest first.

        When there are more than `limit`, the latest.
        """
        if visit is not None:
            rows = self.rows(queries.LOG_OF_VISIT, {"visit": visit, "limit": limit})
        elif identity is not None:
            rows = self.rows(queries.LOG_OF_IDENTITY, {"identity": self.resolve(identity), "limit": limit})
        else:
            rows = self.rows(queries.LOG, {"limit": limit})
        entries = [_log(r) for r in reversed(rows)]
        return entries if self._cameras is None else [self._without_hidden(entry, self._cameras) for entry in entries]

    def _without_hidden(self, entry: LogRow, cameras: frozenset[str]) -> LogRow:
        """Who was never where this reader sees is not named, nor is the way from or to another camera."""
        def seen(identity: int) -> bool:
            row = self.identity(identity) if identity else None
            return row is not None and row.visits > 0

        other, reason = entry.other if seen(entry.other) else 0, reason_within(entry.reason, cameras)
        if other != entry.other:
            reason.pop("words", None)  # they name both
        return dataclasses.replace(entry, other=other, reason=reason,
                                   rivals=tuple(rival for rival in entry.rivals if seen(rival.identity)))

    # What people corrected, and what linking was asked

    def members(self, identity: int) -> list[Member]:
        """The visits of an identity, in the order of their start."""
        return [Member(visit=r[0], start=r[1], certainty=1.0 if r[2] is None else r[2])
                for r in self.rows(queries.MEMBERS, {"identity": identity})]

    def whose(self, visit: int) -> int:
        """A visit's identity; 0 for none."""
        row = self._row("SELECT identity FROM visits WHERE visit = :visit", {"visit": visit})
        return int(row[0] or 0) if row else 0

    def corrections(self, *, after: int = 0) -> list[CorrectionRow]:
        """Those with numbers above `after`, in their order."""
        sql = records.CORRECTIONS.format(where="c.correction > :after")
        return [records.correction_row(r) for r in self.rows(sql, {"after": after})]

    def correction(self, correction: int) -> CorrectionRow | None:
        """One correction."""
        row = self._row(records.CORRECTIONS.format(where="c.correction = :one"), {"one": correction})
        return records.correction_row(row) if row else None

    def all_decisions(self) -> Iterator[LogRow]:
        """The whole log, oldest first."""
        with explained(self.path):
            for r in self._connection.execute(queries.WHOLE_LOG):
                yield _log(r)

    def moment_count(self) -> int:
        """How many there are."""
        row = self._row("SELECT count(*) FROM moments")
        return int(row[0]) if row else 0

    def moments(self) -> Iterator[Moment]:
        """Everything that linking was asked, in order."""
        with explained(self.path):
            arrivals = self._connection.execute(records.ARRIVALS)
            arrival = arrivals.fetchone()
            for number, kind, time, decisions, data in self._connection.execute(records.MOMENTS).fetchall():
                visits = []
                while arrival is not None and arrival[0] <= number:
                    visits.append(records.arrival(arrival[1:]))
                    arrival = arrivals.fetchone()
                yield Moment(kind=kind, time=time, visits=visits, decisions=decisions, data=json.loads(data))

    def explain(self, sql: str, parameters: dict[str, Any]) -> list[str]:
        """How SQLite would go about a query: for tests and `doctor`."""
        return [str(r[3]) for r in self.rows(f"EXPLAIN QUERY PLAN {sql}", parameters)]

    def _longest(self, since: float | None) -> float:
        """Seconds of the longest visit; only asked for where a window has a beginning."""
        if since is None:
            return 0.0
        row = self._row(queries.LONGEST)
        return float(row[0]) if row else 0.0


def _page(rows: list[Any], limit: int, cursor: Any) -> Page[Any]:
    return Page(rows=tuple(rows[:limit]), next=cursor(rows[limit - 1]) if len(rows) > limit else None)


def _camera(r: Row) -> CameraRow:
    return CameraRow(camera=r[0], agent=r[1], width=r[2], height=r[3], fps=r[4], view=(r[5], r[6]), last_seen=r[7])


def _visit(r: Row) -> VisitRow:
    return VisitRow(visit=r[0], agent=r[1], camera=r[2], run=r[3], track=r[4], start=r[5], end=r[6], label=r[7],
                    frames=r[8], parts=r[9], final=bool(r[10]), confidence=r[11], model=r[12],
                    attributes=json.loads(r[13]), identity=r[14], certainty=r[15])


def _identity(r: Row) -> IdentityRow:
    return IdentityRow(identity=r[0], label=r[1], created=r[2], visits=r[3], first=r[4], last=r[5],
                       cameras=tuple(sorted(json.loads(r[6]))))


def _event(r: Row) -> EventRow:
    return EventRow(event=r[0], time=r[1], camera=r[2], run=r[3], kind=r[4], track=r[5], data=json.loads(r[6]),
                    visit=r[7], identity=r[8])


def _log(r: Row) -> LogRow:
    rivals = tuple(Rival(identity=one[0], score=one[1], probability=one[2], walk=one[3] if len(one) > 3 else None)
                   for one in json.loads(r[8]))
    return LogRow(entry=r[0], time=r[1], operation=r[2], visit=r[3], identity=r[4], other=r[5], score=r[6],
                  confidence=r[7], rivals=rivals, reason=json.loads(r[9]), settings=r[10])
