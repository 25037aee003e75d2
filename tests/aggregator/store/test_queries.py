"""Questions with windows, filters and pages, against a list; and whether the hot ones use an index."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.store import StoreReader, StoreWriter, open_store, queries
from aggregator.store.queries import Filter
from aggregator.visit import Decision
from common.messages import Event
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet

EMPTY = np.zeros(0, np.float32)


def visit(track: int, start: float, length: float, camera: str, label: str = "person") -> Tracklet:
    times = np.arange(start, start + length + 1e-9, 1.0)
    boxes = np.full((len(times), 4), track, np.float32)
    return Tracklet(
        camera=camera, run="r", track=track, part=0, final=True, start=start, end=start + length, label=label,
        frames=1, confidence=0.5, model="", mean=EMPTY, embeddings=np.zeros((0, 0), np.float32), quality=EMPTY,
        embedding_times=np.zeros(0), path=VisitPath(times=times, frames=np.arange(len(times), dtype=np.int32),
                                                    boxes=boxes))


Row = tuple[int, float, float, str, int]  # visit, start, end, camera, identity (0: none)


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    rows = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.sampled_from("ab"), st.integers(0, 4)),
                         min_size=1, max_size=25))
    return [(i, float(s), float(s + d), c, g) for i, (s, d, c, g) in enumerate(rows, 1)]


def write(store: StoreWriter, rows: list[Row]) -> None:
    with store.transaction():
        for number, start, end, camera, identity in rows:
            store.record_tracklet("box", visit(number, start, end - start, camera))
            if identity:
                store.record_decisions([Decision(operation="new", visit=number, identity=identity, score=0.0,
                                                 confidence=1.0)], 0.0, "")
            store.record_events([Event(camera=camera, run="r", kind="k", time=start, track=number)])


def pages(ask: Callable[..., Any], **filters: Any) -> list[Any]:
    """All rows, three at a time."""
    rows, cursor = [], None
    while True:
        page = ask(limit=3, cursor=cursor, **filters)
        assert len(page.rows) <= 3
        rows += page.rows
        cursor = page.next
        if cursor is None:
            return rows


times = st.none() | st.integers(-2, 55).map(float)


@settings(max_examples=40, deadline=None)
@given(histories(), times, times, st.none() | st.sampled_from("abc"), st.none() | st.integers(1, 5))
def test_answers_are_those_of_a_list(rows: list[Row], since: float | None, until: float | None, camera: str | None,
                                     identity: int | None) -> None:
    def within(row: Row) -> bool:
        return ((since is None or row[2] >= since) and (until is None or row[1] <= until)
                and (camera is None or row[3] == camera))

    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), min_free_bytes=0) as store:
        store._db.execute("PRAGMA synchronous = OFF")
        write(store, rows)
        with store.reader() as reader:
            window: dict[str, Any] = {"since": since, "until": until, "camera": camera}
            expected = sorted((r for r in rows if within(r) and identity in (None, r[4])),
                              key=lambda r: (r[1], r[0]), reverse=True)
            assert [v.visit for v in pages(reader.visits, identity=identity, **window)] == [r[0] for r in expected]

            groups: dict[int, list[Row]] = {}
            for row in filter(within, rows):
                groups.setdefault(row[4], []).append(row)
            groups.pop(0, None)
            listed = pages(reader.identities, min_visits=2, **window)
            order = sorted((g for g in groups if len(groups[g]) >= 2),
                           key=lambda g: (max(r[2] for r in groups[g]), g), reverse=True)
            assert [i.identity for i in listed] == order
            for row_ in listed:
                mine = groups[row_.identity]
                assert (row_.visits, row_.first, row_.last, row_.cameras) == (
                    len(mine), min(r[1] for r in mine), max(r[2] for r in mine), tuple(sorted({r[3] for r in mine})))

            events = sorted((r for r in rows if (since is None or r[1] >= since) and (until is None or r[1] <= until)
                             and camera in (None, r[3]) and identity in (None, r[4])),
                            key=lambda r: (r[1], r[0]), reverse=True)
            assert [e.track for e in pages(reader.events, identity=identity, **window)] == [r[0] for r in events]

            if identity is not None:
                legs = reader.trajectory(identity, since, until)
                assert [leg.visit.visit for leg in legs] == [
                    r[0] for r in sorted(rows, key=lambda r: (r[1], r[0]))
                    if r[4] == identity and (since is None or r[2] >= since) and (until is None or r[1] <= until)]
            if camera is not None:
                points = reader.paths(camera, since, until)
                assert len(points.times) == sum(
                    (since is None or t >= since) and (until is None or t <= until)
                    for r in rows if r[3] == camera for t in np.arange(r[1], r[2] + 1e-9))
                assert (points.boxes[:, 0] == points.visits).all()


def test_pages_of_identities_that_were_all_seen_last_at_one_moment(writer: StoreWriter) -> None:
    write(writer, [(i, 0.0, 5.0, "a", 1 + i * 7 % 11) for i in range(1, 11)])
    with writer.reader() as mine:
        assert [i.identity for i in pages(mine.identities)] == list(range(11, 1, -1))
        assert [i.identity for i in pages(mine.identities, camera="a")] == list(range(11, 1, -1))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreReader]:
    """Enough rows, and statistics as a long-lived store may have them, for the planner to have a choice."""
    with open_store(tmp_path_factory.mktemp("store")) as store:
        write(store, [(i, float(i), i + 5.0, "abcd"[i % 4], 1 + i % 50) for i in range(1, 400)])
        with store.reader() as opened:
            yield opened


NOW = 300.0


@pytest.mark.parametrize(("sql", "where", "index"), [
    (queries.VISITS, Filter(), "visits_by_start"),
    (queries.VISITS, Filter().overlaps(200.0, 210.0, 5.0), "visits_by_start"),
    (queries.VISITS, Filter().equals("camera", "a").overlaps(200.0, 210.0, 5.0), "visits_by_camera"),
    (queries.VISITS, Filter().equals("identity", 3), "visits_by_identity"),
    (queries.LEGS, Filter().equals("identity", 3), "visits_by_identity"),
    (queries.PATHS, Filter().equals("camera", "a").overlaps(200.0, 210.0, 5.0), "paths_by_camera"),
    (queries.PRESENT_AT, Filter().equals("camera", "a").at_least('"end"', NOW), "visits_open"),
    (queries.PRESENT, Filter().at_least('"end"', NOW), "visits_by_end"),
    (queries.EVENTS, Filter(), "events_by_time"),
    (queries.EVENTS, Filter().equals("e.camera", "a").at_least("e.time", NOW), "events_by_camera"),
    (queries.EVENTS, Filter().equals("e.kind", "k").at_least("e.time", NOW), "events_by_kind"),
    (queries.EVENTS_OF_VISITS, Filter().equals("v.identity", 3), "visits_by_identity"),
    (queries.LONGEST, None, "visits_by_length"),
    (queries.WHERE, None, "visits_by_identity"),
    (queries.TRACK, None, "sqlite_autoindex_visits_1"),
    (queries.EXEMPLARS, None, "exemplars_by_visit"),
    (queries.LOG_OF_VISIT, None, "log_by_visit"),
    (queries.LOG_OF_IDENTITY, None, "log_by_identity"),
    (queries.ALIASES, None, "identities_by_merge"),
    (queries.IDENTITY, None, "visits_by_identity"),
])
def test_hot_questions_use_their_index(reader: StoreReader, sql: str, where: Filter | None, index: str) -> None:
    values: dict[str, Any] = {"identity": 3, "visit": 7, "limit": 10, "camera": "a", "run": "r", "track": 5}
    if where is not None:
        sql, values = sql.format(where=where), {**values, **where.parameters}
    plan = reader.explain(sql, values)
    assert any(index in step for step in plan), plan
    tables = ("visits", "paths", "events", "log", "identities", "exemplars", "v", "e")
    assert not [step for step in plan if step.startswith("SCAN") and "INDEX" not in step and step.split()[1] in tables]


def test_a_window_far_back_reads_only_that_window(tmp_path: Path) -> None:
    """Time must depend on the window, not on the history; steps of SQLite's machine are counted, not seconds."""
    with open_store(tmp_path) as store, store.reader() as reader:
        steps = []
        for first in (0, 2000):
            write(store, [(i, float(i), i + 5.0, "a", 1 + i % 50) for i in range(first + 1, first + 2001)])
            count = 0

            def step() -> int:
                nonlocal count
                count += 1
                return 0

            reader._connection.set_progress_handler(step, 10)
            assert len(reader.visits(since=100.0, until=110.0).rows) == 16
            assert len(reader.identities(since=100.0, until=110.0).rows) == 16
            assert set(reader.paths("a", 100.0, 110.0).visits) == set(range(95, 111))
            reader._connection.set_progress_handler(None, 0)
            steps.append(count)
        assert steps[1] < steps[0] * 1.5 + 20


def test_where(writer: StoreWriter) -> None:
    with writer.transaction():
        going_on = visit(1, 100.0, 50.0, "a")
        writer.record_tracklet("box", Tracklet(**{**{n: getattr(going_on, n) for n in going_on.__slots__},
                                                  "final": False}))
        writer.record_tracklet("box", visit(2, 110.0, 10.0, "b"))
        writer.record_decisions([Decision(operation="new", visit=v, identity=1, score=0.0, confidence=1.0)
                                 for v in (1, 2)], 0.0, "")
    with writer.reader() as mine:
        place = mine.where(1, now=160.0)
        assert place is not None
        assert (place.visit.camera, place.time, place.box, place.here) == ("a", 150.0, (1.0, 1.0, 1.0, 1.0), True)
        assert not mine.where(1, now=500.0).here  # type: ignore[union-attr]
        assert mine.where(9, now=0.0) is None
        assert [v.visit for v in mine.present(now=160.0)] == [1]
        assert mine.present(now=160.0, camera="b") == []
        assert mine.present(now=500.0) == []


@pytest.mark.parametrize("cursor", ["", "x", "1", "1:", ":1", "1:2:3", "nan:1", "inf:1", "1:-1",
                                    "1:99999999999999999999", "1;DROP TABLE visits:1"])
def test_a_cursor_that_is_none(reader: StoreReader, cursor: str) -> None:
    for ask in (reader.visits, reader.identities, reader.events):
        with pytest.raises(ValueError, match="cursor"):
            ask(cursor=cursor)  # type: ignore[operator]


def test_readers_see_what_was_committed_and_nothing_else(writer: StoreWriter) -> None:
    with writer.reader() as mine:
        with writer.transaction():
            writer.record_tracklet("box", visit(1, 0.0, 1.0, "a"))
            assert mine.counts().visits == 0
        assert mine.counts().visits == 1
