"""What is too old goes, kind by kind; what is too much goes oldest first."""

from __future__ import annotations

import time
from typing import Any

import pytest

from aggregator.engine import Bus, Engine, EngineSettings
from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.privacy.settings import RetentionSettings
from common.errors import ConfigError
from common.messages import Event
from common.settings import from_mapping
from tests.aggregator.corrections.rig import MODEL, NOW, Rig, look, walks
from tests.aggregator.privacy.test_forget import held, needles

DAY = 86_400.0


@pytest.fixture
def keeping(tmp_path):
    """A site whose engine keeps what the test says; everything happened within the two hours before NOW."""
    rigs = []

    def make(**kept: Any) -> Rig:
        rig = Rig(tmp_path / "data")
        rig.engine = Engine(rig.store, lambda after: Linker(LinkingSettings(), None, IdAllocator(after)), rig.messages,
                            lambda agent, message: None, rig.clock,
                            EngineSettings(gather_s=0.0, resolve_every_s=3600.0), Bus(),
                            retention=RetentionSettings(every_s=0.05, **kept))
        rigs.append(rig)
        return rig.__enter__()

    yield make
    for rig in rigs:
        rig.__exit__()


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def filled(rig: Rig) -> None:
    rig.send(walks(people=4))
    with rig.store.reader() as reader:
        first = reader.visits(limit=100).rows[0]
    rig.engine._errands.ask(lambda: _write(rig, Event(
        camera=first.camera, run=first.run, kind="entered", time=first.start, track=first.track, data={}))).result(10)


def _write(rig: Rig, event: Event) -> None:
    with rig.store.transaction():
        rig.store.record_events([event])


def counted(rig: Rig) -> dict[str, int]:
    with rig.store.reader() as reader:
        tables = ("visits", "exemplars", "faces", "paths", "events", "log", "identities")
        found = {table: int(reader.rows(f"SELECT count(*) FROM {table}")[0][0]) for table in tables}
        found["means"] = int(reader.rows("SELECT count(*) FROM visits WHERE length(mean) > 0")[0][0])
        return found


def test_by_default_nothing_goes_by_age(keeping):
    rig = keeping()
    filled(rig)
    before = counted(rig)
    rig.clock.time = NOW + 10_000 * DAY
    time.sleep(0.3)
    assert counted(rig) == before


@pytest.mark.parametrize(("kind", "gone"), [
    ("embeddings_days", {"exemplars", "means", "faces"}), ("paths_days", {"paths"}), ("events_days", {"events"}),
    ("log_days", {"log"}), ("visits_days", {"visits", "exemplars", "means", "faces", "paths", "events", "log",
                                                             "identities"})])
def test_each_kind_goes_after_its_time_and_leaves_the_others(keeping, kind, gone):
    rig = keeping(**{kind: 10})
    filled(rig)
    before = counted(rig)
    assert all(before.values())
    rig.clock.time = NOW + 9 * DAY
    time.sleep(0.2)
    assert counted(rig) == before, "nothing went before its time"
    rig.clock.time = NOW + 11 * DAY
    until(lambda: all(counted(rig)[table] == 0 for table in gone))
    after = counted(rig)
    assert {table for table in after if after[table] != before[table]} == gone


def test_no_bytes_of_what_was_too_old_are_left(keeping, tmp_path):
    rig = keeping(visits_days=10)
    filled(rig)
    with rig.store.reader() as reader:
        theirs = needles(reader, [row.visit for row in reader.visits(limit=100).rows])
    assert held(tmp_path / "data", theirs)
    rig.clock.time = NOW + 11 * DAY
    until(lambda: counted(rig)["visits"] == 0)
    until(lambda: not held(tmp_path / "data", theirs))


def moments(rig: Rig) -> list[tuple[int, str]]:
    with rig.store.reader() as reader:
        return [(row[0], row[1]) for row in reader.rows("SELECT moment, kind FROM moments ORDER BY moment")]


def test_what_linking_was_asked_goes_with_the_visits(keeping):
    """Else the file would grow for ever, however little is kept."""
    rig = keeping(visits_days=10)
    filled(rig)
    before = moments(rig)
    assert len(before) > 3
    rig.clock.time = NOW + 9 * DAY
    time.sleep(0.2)
    assert moments(rig) == before
    rig.clock.time = NOW + 11 * DAY
    until(lambda: len(moments(rig)) <= 2)
    assert moments(rig)[0][1] == "start"


def test_as_long_as_a_visit_is_there_what_came_after_it_stays(keeping):
    rig = keeping(visits_days=10)
    filled(rig)
    with rig.store.reader() as reader:
        ends = sorted((row.end, row.visit) for row in reader.visits(limit=100).rows)
        shown = dict(reader.rows("SELECT visit, min(moment) FROM arrivals GROUP BY visit"))
    middle = len(ends) // 2
    before = moments(rig)
    rig.clock.time = (ends[middle - 1][0] + ends[middle][0]) / 2 + 10 * DAY
    oldest = min(shown[visit] for _, visit in ends[middle:])
    until(lambda: counted(rig)["visits"] == len(ends) - middle)
    until(lambda: all(one >= oldest or kind == "start" for one, kind in moments(rig)))
    # Linking began anew meanwhile; nothing else came.
    kept = [row for row in before if row[0] >= oldest]
    assert [row for row in moments(rig) if row[0] >= oldest][:len(kept)] == kept


def test_what_went_is_not_found_by_search(keeping):
    rig = keeping(embeddings_days=10)
    filled(rig)
    assert rig.engine.indexer.wait(10)
    assert rig.engine.history.search(look(1, 0.0, 0), MODEL, 5)
    rig.clock.time = NOW + 11 * DAY
    until(lambda: not rig.engine.history.search(look(1, 0.0, 0), MODEL, 5))


def test_too_much_goes_oldest_first(keeping, monkeypatch):
    from aggregator.engine import forgetter
    from aggregator.store.ages import Ages

    rig = keeping()
    filled(rig)
    monkeypatch.setattr(forgetter, "AT_ONCE", 2)
    with rig.store.reader() as reader:
        ends = sorted(row.end for row in reader.visits(limit=100).rows)
    monkeypatch.setattr(Ages, "used_mb", lambda self: 20_481.0 if self._db.execute(
        "SELECT count(*) FROM visits").fetchone()[0] > 5 else 1.0)
    until(lambda: counted(rig)["visits"] <= 5)
    with rig.store.reader() as reader:
        left = sorted(row.end for row in reader.visits(limit=100).rows)
    assert left == ends[-len(left):]
    assert len(left) >= 4


def test_what_belongs_to_no_visit_goes_too_when_there_is_too_much(keeping, monkeypatch):
    """Else it would fill the disk, and every visit would go in vain."""
    from aggregator.engine import forgetter
    from aggregator.store.ages import Ages

    rig = keeping()
    filled(rig)
    monkeypatch.setattr(forgetter, "AT_ONCE", 2)
    with rig.store.reader() as reader:
        middle = sorted(row.end for row in reader.visits(limit=100).rows)[5]
    for at in (middle - 60.0, middle + 5000.0):
        rig.engine._errands.ask(lambda at=at: _write(rig, Event(
            camera="c1", run="", kind="camera_moved", time=at, track=-1, data={}))).result(10)

    def events() -> list[float]:
        with rig.store.reader() as reader:
            return [row[0] for row in reader.rows("SELECT time FROM events WHERE track < 0 ORDER BY time")]

    assert len(events()) == 2
    monkeypatch.setattr(Ages, "used_mb", lambda self: 20_481.0 if self._db.execute(
        "SELECT count(*) FROM visits").fetchone()[0] > 4 else 1.0)
    until(lambda: counted(rig)["visits"] <= 4)
    until(lambda: events() == [middle + 5000.0])
    monkeypatch.setattr(Ages, "used_mb", lambda self: 20_481.0 if self._db.execute(
        "SELECT (SELECT count(*) FROM visits) + (SELECT count(*) FROM events) + (SELECT count(*) FROM hours)"
        ).fetchone()[0] else 1.0)
    until(lambda: not events() and counted(rig)["visits"] == 0)


def test_a_part_that_outlives_the_whole_is_an_error():
    with pytest.raises(ConfigError, match="embeddings_days is more than visits_days"):
        from_mapping({"visits_days": 7, "embeddings_days": 30}, RetentionSettings, "test")
