"""Messages in; visits, decisions and acknowledgements out: a real store on disk and the real linker."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.alerts import Rule
from aggregator.engine import Bus, Engine, EngineSettings
from aggregator.engine.intake import open_upload
from aggregator.linking.ids import IdAllocator
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.mailbox import Mailbox
from aggregator.store import StoreReader, StoreWriter, open_store
from common.clock import ManualClock
from common.errors import WireError
from common.messages import (
    Ack,
    Assign,
    CameraInfo,
    Event,
    Hello,
    Message,
    ModelInfo,
    Refusal,
    Stats,
    Upload,
    pack_events,
    pack_tracklet,
)
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet

NOW = 1_750_000_000.0
MODEL = "0123456789abcdef"


class Rig:
    """An engine on a store in `folder`, and what it sent."""

    def __init__(self, folder: Path, linker: Callable[[int], Any] | None = None, *,
                 rules: tuple[Rule, ...] = (), **settings: Any) -> None:
        self.clock = ManualClock(NOW)
        self.messages: Mailbox[tuple[str, Message]] = Mailbox()
        self.sent: list[tuple[str, Message]] = []
        self.news: list[dict[str, Any]] = []
        self.on_send: Callable[[str, Message], None] = lambda agent, message: None
        self.store: StoreWriter = open_store(folder)
        bus = Bus()
        bus.subscribe(lambda news: self.news.append(dict(news)))
        linking = LinkingSettings()
        self.failed = False
        options = {"gather_s": 0.0, "retry_least_s": 0.02, "retry_most_s": 0.05, **settings}
        self.engine = Engine(
            self.store, linker or (lambda after: Linker(linking, None, IdAllocator(after))), self.messages, self._send,
            self.clock, EngineSettings(**options), bus, on_failure=self._fail, rules=rules)

    def _send(self, agent: str, message: Message) -> None:
        self.on_send(agent, message)
        self.sent.append((agent, message))

    def _fail(self) -> None:
        self.failed = True

    def __enter__(self) -> Rig:
        self.engine.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.engine.stop()
        self.store.close()

    def put(self, *messages: Message, agent: str = "box") -> None:
        for message in messages:
            self.messages.put((agent, message))

    def of(self, kind: type[Any], agent: str = "box") -> list[Any]:
        return [message for name, message in self.sent if isinstance(message, kind) and name == agent]

    def through(self, agent: str = "box") -> int:
        return max((ack.through for ack in self.of(Ack, agent)), default=-1)

    def wait(self, condition: Callable[[], bool], told: str = "") -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, told or f"not in time; sent {self.sent[-3:]}, {self.engine.stats()}"
            time.sleep(0.002)

    def settle(self, *messages: Message, agent: str = "box") -> None:
        """Put messages and wait until the engine is done with them."""
        before = self.engine.stats()["counts"].get("messages", 0)
        self.put(*messages, agent=agent)
        self.wait(lambda: self.engine.stats()["counts"].get("messages", 0) == before + len(messages))

    def reader(self) -> StoreReader:
        return self.store.reader()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as made:
        yield made


def look(person: int, noise: float = 0.0, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What a person looks like: a direction of their own, and some noise."""
    vector = np.random.default_rng(person).normal(size=64)
    vector /= np.linalg.norm(vector)
    vector += noise * np.random.default_rng((person, seed)).normal(size=64) / 8
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def tracklet(track: int, person: int = 0, start: float = NOW - 100, camera: str = "door", **other: Any) -> Tracklet:
    vector = look(person or track, 0.2, track)
    values: dict[str, Any] = {
        "camera": camera, "run": "r1", "track": track, "part": 0, "final": True, "start": start, "end": start + 5,
        "label": "person", "frames": 100, "confidence": 0.8, "model": MODEL, "mean": vector,
        "embeddings": vector[None], "quality": np.ones(1, np.float32), "embedding_times": np.array([start]),
        "path": VisitPath(times=np.array([start]), frames=np.zeros(1, np.int32),
                          boxes=np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)),
    }
    return Tracklet(**{**values, **other})


def upload(seq: int, content: Tracklet | list[Event] | bytes, spool: str = "s1") -> Upload:
    if isinstance(content, Tracklet):
        body = pack_tracklet(content)
    else:
        body = content if isinstance(content, bytes) else pack_events(content)
    return Upload(spool=spool, seq=seq, body=body)


def hello(agent: str = "box", cameras: tuple[str, ...] = ("door",), **other: Any) -> Hello:
    values: dict[str, Any] = {
        "agent": agent, "run": "r1", "spool": "s1", "software": "0.1", "clock": NOW + 3,
        "cameras": tuple(CameraInfo(camera=c, width=640, height=480) for c in cameras),
        "models": (ModelInfo(task="embedding", name="osnet", fingerprint=MODEL, dimensions=64),)}
    return Hello(**{**values, **other})


def test_what_overtook_another_entry_is_asked_for_again_and_not_taken_for_dropped(rig: Rig) -> None:
    entries = [replace(upload(seq, tracklet(seq)), after=seq - 1) for seq in range(1, 5)]
    rig.settle(hello(), entries[0], entries[2], entries[3])
    assert rig.through() == 1
    assert [refusal.code for refusal in rig.of(Refusal)] == ["out_of_order"]
    rig.settle(*entries)
    assert rig.through() == 4
    assert rig.engine.stats()["counts"]["tracklets"] == 4


def test_an_acknowledgement_comes_after_the_commit(rig: Rig) -> None:
    on_disk: list[int] = []

    def look_into_the_file(agent: str, message: Message) -> None:
        if isinstance(message, Ack):
            with sqlite3.connect(rig.store.path) as db:
                on_disk.append(db.execute("SELECT coalesce(max(through), 0) FROM received").fetchone()[0]
                               - message.through)
            db.close()

    rig.on_send = look_into_the_file
    rig.put(hello(), upload(1, tracklet(1)), upload(2, tracklet(2)), upload(3, tracklet(3)))
    rig.wait(lambda: rig.through() == 3)
    assert set(on_disk) == {0}
    with rig.reader() as reader:
        assert [v.track for v in reader.visits().rows] == [3, 2, 1] or reader.counts().visits == 3
        assert reader.camera("door").width == 640  # type: ignore[union-attr]


def test_one_person_in_two_cameras_is_one_identity_and_the_agent_hears_of_it(rig: Rig) -> None:
    rig.settle(hello(cameras=("door", "yard")))
    strangers = [upload(i, tracklet(i, person=100 + i, start=NOW - 500 + i)) for i in range(1, 9)]
    rig.settle(*strangers)
    rig.settle(upload(9, tracklet(50, person=7, start=NOW - 200)))
    rig.settle(upload(10, tracklet(50, person=7, start=NOW - 150, camera="yard")))
    with rig.reader() as reader:
        door, yard = reader.track("door", "r1", 50), reader.track("yard", "r1", 50)
        assert door is not None
        assert yard is not None
        assert door.identity == yard.identity is not None
        assert {v.identity for v in reader.visits().rows if v.track != 50}.isdisjoint({door.identity})
        (entry,) = reader.log(visit=yard.visit)
        assert entry.operation == "link"
        assert entry.settings
    told = {(c, t): g for assign in rig.of(Assign) for c, _, t, g in assign.tracks}
    assert told["door", 50] == told["yard", 50] == f"G{door.identity}"
    links = [n for n in rig.news if n["type"] == "link"]
    assert links[-1]["global_id"] == f"G{door.identity}"
    assert links[-1]["camera"] == "yard"
    recent = rig.engine.stats()["recent"]
    assert (recent[0]["visit"], recent[0]["operation"]) == (yard.visit, "link")
    assert rig.engine.indexer.wait(5)
    found = rig.engine.history.search(look(7), MODEL, 2)
    assert [(v, i) for v, i, _ in found] == [(door.visit, door.identity), (yard.visit, yard.identity)] or \
        {v for v, _, _ in found} == {door.visit, yard.visit}


def test_what_comes_again_is_acknowledged_and_dropped(rig: Rig) -> None:
    event = Event(camera="door", run="r1", kind="track_started", time=NOW, track=1)
    stream = [upload(1, [event]), upload(2, tracklet(1)), upload(3, tracklet(2))]
    rig.settle(hello(), *stream)
    with rig.reader() as reader:
        before = reader.counts()
    rig.sent.clear()
    rig.settle(hello(), *stream, upload(2, tracklet(9)))
    assert rig.through() == 3
    with rig.reader() as reader:
        assert reader.counts() == before
        assert reader.counts().events == 1
    assert rig.engine.stats()["counts"]["repeats"] == 4


def test_what_agents_gave_up_is_skipped_and_counted(rig: Rig) -> None:
    rig.settle(upload(40, tracklet(1)), upload(41, tracklet(2)), upload(45, tracklet(3)))
    assert rig.through() == 45
    assert rig.engine.stats()["counts"]["skipped"] == 3


def spoilt(field: str, value: Any) -> bytes:
    import msgpack
    fields = msgpack.unpackb(pack_tracklet(tracklet(1)))
    fields[field] = value
    return bytes(msgpack.packb(fields))


@pytest.mark.parametrize(("body", "code"), [
    (b"\xc1 no msgpack", "not_msgpack"),
    (b"", "not_msgpack"),
    (pack_events([])[:-3], "not_msgpack"),
    (spoilt("kind", "poem"), "unknown_type"),
    (spoilt("mean", np.full(64, np.nan, "<f2").tobytes()), "bad_field"),
    (spoilt("mean", np.full(64, 3.0, "<f2").tobytes()), "bad_field"),
    (spoilt("end", "soon"), "bad_field"),
    (pack_tracklet(tracklet(1, mean=np.zeros(0, np.float32), embeddings=np.zeros((1, 0), np.float32), model="")), ""),
    (pack_tracklet(tracklet(1, mean=look(1)[:32] * 2, embeddings=look(1)[None, :32] * 2)), "wrong_dimensions"),
    (pack_tracklet(tracklet(1, start=NOW + 90_000)), "future_time"),
    (pack_tracklet(tracklet(1, start=1e300, end=1e301)), "future_time"),
    (pack_tracklet(tracklet(1, start=-5.0)), "bad_field"),
    (pack_tracklet(tracklet(1, embedding_times=np.array([NOW + 1e6]))), "future_time"),
    (pack_tracklet(tracklet(1, model="")), "bad_field"),
    (pack_events([Event(camera="door", run="r1", kind="k", time=NOW + 1e9)]), "future_time"),
])
def test_what_cannot_be_taken_is_refused_counted_and_not_sent_again(rig: Rig, body: bytes, code: str) -> None:
    rig.settle(hello(), upload(1, body), upload(2, tracklet(2)))
    assert rig.through() == 2
    refusals = rig.of(Refusal)
    assert [(r.code, r.seq) for r in refusals] == ([(code, 1)] if code else [])
    assert rig.engine.stats()["refused"] == ({code: 1} if code else {})
    with rig.reader() as reader:
        assert reader.counts().visits == (1 if code else 2)


@given(st.data())
def test_no_body_raises_anything_else(data: st.DataObject) -> None:
    whole = pack_tracklet(tracklet(1))
    cut = data.draw(st.integers(0, len(whole)))
    at = data.draw(st.integers(0, len(whole) - 1))
    body = bytearray(whole)
    body[at] ^= data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        open_upload(bytes(body), {MODEL: 64}, NOW + 60)
    with contextlib.suppress(WireError):
        open_upload(data.draw(st.binary(max_size=60)), {MODEL: 64}, NOW + 60)
    if cut < len(whole):
        with pytest.raises(WireError):
            open_upload(whole[:cut], {MODEL: 64}, NOW + 60)


def test_an_agent_that_makes_names_up_is_refused_before_it_fills_the_memory(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("MOST_CAMERAS", 3), ("MOST_NETWORKS", 2), ("MOST_LABELS", 2)):
        monkeypatch.setattr(f"aggregator.engine.site.{name}", most)
    rig.settle(hello(cameras=("door", "gate")))
    made_up = [tracklet(n, camera=f"camera {n}") for n in range(3)] + [
        tracklet(n, model=f"{n:016x}") for n in range(10, 13)] + [
        tracklet(n, label=f"class {n}") for n in range(20, 23)]
    rig.settle(*(upload(n, one) for n, one in enumerate(made_up, 1)))
    codes = [refusal.code for refusal in rig.of(Refusal)]
    assert codes == ["too_many_cameras"] * 2 + ["too_many_networks"] * 2 + ["too_many_labels"] * 2
    assert rig.through() == 9, "they are taken note of, and not sent again for ever"
    rig.settle(hello(cameras=("door", "gate", "camera 0", "one more")), upload(10, tracklet(30)))
    assert rig.of(Refusal)[-1].code == "too_many_cameras"
    with rig.reader() as reader:
        assert sorted(camera.camera for camera in reader.cameras()) == ["camera 0", "door", "gate"]
        assert 30 in {visit.track for visit in reader.visits().rows}


def test_a_camera_belongs_to_one_living_agent(rig: Rig) -> None:
    rig.settle(hello())
    rig.settle(hello("other", cameras=("door", "gate"), spool="s2"), upload(1, tracklet(1, run="r2"), spool="s2"),
               upload(2, tracklet(1, run="r2", camera="gate"), spool="s2"), agent="other")
    refusals = rig.of(Refusal, "other")
    assert [(r.code, r.seq) for r in refusals] == [("camera_taken", 0), ("camera_taken", 1)]
    assert "'door'" in refusals[0].message
    assert "'box'" in refusals[0].message
    with rig.reader() as reader:
        assert {c.camera: c.agent for c in reader.cameras()} == {"door": "box", "gate": "other"}
        assert [v.camera for v in reader.visits().rows] == ["gate"]

    rig.clock.time += 60  # 'box' has been silent
    rig.settle(upload(3, tracklet(2, run="r2"), spool="s2"), agent="other")
    assert len(rig.of(Refusal, "other")) == 2
    with rig.reader() as reader:
        assert reader.camera("door").agent == "other"  # type: ignore[union-attr]
    # What the first one still has in its spool of the time before is welcome, though it is not its camera any more.
    rig.settle(hello(cameras=()), upload(1, tracklet(77)))
    assert not rig.of(Refusal)
    with rig.reader() as reader:
        assert reader.track("door", "r1", 77) is not None
        assert reader.camera("door").agent == "other"  # type: ignore[union-attr]


def test_hello_is_told_where_to_go_on_and_who_is_who(rig: Rig) -> None:
    rig.settle(hello(), *(upload(i, tracklet(i, final=i == 1)) for i in range(1, 6)))
    rig.sent.clear()
    rig.settle(hello())
    assert [a.through for a in rig.of(Ack)] == [5]
    (assign,) = rig.of(Assign)
    assert [row[2] for row in assign.tracks] == [2, 3, 4, 5]
    rig.sent.clear()
    rig.settle(hello(run="r2"))
    assert rig.of(Assign) == []


def test_heartbeats_are_shown_and_cost_no_commit(rig: Rig) -> None:
    rig.settle(hello())
    commits = rig.engine.stats()["counts"]["commits"]
    beat = Stats(clock=NOW - 7, cameras={"door": {"fps": 12.5, "people": 3}}, spool={"depth": 4})
    rig.settle(beat)
    stats = rig.engine.stats()
    assert stats["counts"]["commits"] == commits
    assert stats["cameras"] == {"door": {"fps": 12.5, "people": 3}}
    assert stats["people_now"] == 3
    assert stats["agents"]["box"]["clock_skew_s"] == -7
    assert stats["agents"]["box"]["spool"] == {"depth": 4}
    assert stats["agents"]["box"]["connected"]
    rig.clock.time += 40
    stats = rig.engine.stats()
    assert stats["cameras"] == {}
    assert not stats["agents"]["box"]["connected"]


HEAVY: dict[str, str | float] = {"note": "x" * 30_000}


def people(count: int) -> list[Upload]:
    """`count` people who walk from the door to the yard. The file has no room to take one of them for nothing."""
    walks = []
    for person in range(1, count + 1):
        at = NOW - 5000 + 20 * person
        walks += [(at, tracklet(person, person, at, "door", attributes=HEAVY)),
                  (at + 30, tracklet(person, person, at + 30, "yard", attributes=HEAVY))]
    walks.sort(key=lambda walk: walk[0])
    return [upload(i, t) for i, (_, t) in enumerate(walks, 1)]


def answers(store: StoreWriter) -> list[tuple[Any, ...]]:
    with store.reader() as reader:
        return sorted((v.camera, v.track, v.identity, v.certainty) for v in reader.visits(limit=1000).rows)


def test_a_restart_gives_the_same_answers(tmp_path: Path) -> None:
    stream = people(12)
    with Rig(tmp_path / "once") as once:
        for message in stream:
            once.settle(message)
        expected = answers(once.store)
    assert len({row[2] for row in expected}) < len(expected)
    for part in (stream[:5], stream[5:6], stream[6:]):
        with Rig(tmp_path / "again") as again:
            for message in part:
                again.settle(message)
            result = answers(again.store)
            assert again.engine.indexer.wait(5)
            assert len(again.engine.history) == len(result)
    assert result == expected


def limit_pages(store: StoreWriter, pages: int) -> None:
    """The disk is full, as far as SQLite knows. Only called while the engine's thread waits for messages."""
    store._db.execute(f"PRAGMA max_page_count = {pages}").fetchone()


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(tmp_path: Path) -> None:
    stream = people(12)
    with Rig(tmp_path / "undisturbed") as undisturbed:
        for message in stream:
            undisturbed.settle(message)
        expected = answers(undisturbed.store)
    with Rig(tmp_path / "disturbed") as rig:
        for message in stream[:6]:
            rig.settle(message)
        limit_pages(rig.store, 1)
        rig.put(*(stream[6:14]))
        rig.wait(lambda: rig.engine.stats()["problem"] is not None)
        assert "full" in rig.engine.stats()["problem"]
        time.sleep(0.1)  # several tries
        assert rig.through() == 6
        assert rig.engine.stats()["alive"]
        with rig.reader() as reader:
            assert reader.counts().visits == 6
        waiting = rig.store._db  # pages may be had again while it waits
        while waiting.in_transaction:
            time.sleep(0.001)
        limit_pages(rig.store, 1_000_000)
        rig.wait(lambda: rig.through() == 14)
        assert rig.engine.stats()["problem"] is None
        for message in stream[14:]:
            rig.settle(message)
        result = answers(rig.store)
    # No number was spent on what was never stored, and nobody was forgotten or taken for another.
    assert result == expected


def test_linking_is_never_ahead_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit itself fails, when linking has already decided."""
    stream = people(12)
    with Rig(tmp_path / "undisturbed") as undisturbed:
        for message in stream:
            undisturbed.settle(message)
        expected = answers(undisturbed.store)
    with Rig(tmp_path / "disturbed") as rig:
        real, failures = rig.store.transaction, 0

        @contextlib.contextmanager
        def full() -> Iterator[None]:
            nonlocal failures
            with real():
                yield
                if failures < 3:
                    failures += 1
                    raise sqlite3.OperationalError("database or disk is full")

        for k, message in enumerate(stream):
            if k in (0, 5, 13):
                failures = 0
                monkeypatch.setattr(rig.store, "transaction", full)
            rig.settle(message)
            assert failures in (0, 3)
        assert answers(rig.store) == expected


def test_ending_while_nothing_can_be_stored(tmp_path: Path) -> None:
    with Rig(tmp_path, retry_least_s=30.0, retry_most_s=30.0) as rig:
        limit_pages(rig.store, 1)
        rig.put(*(upload(i, tracklet(i, attributes=HEAVY)) for i in range(1, 9)))
        rig.wait(lambda: rig.engine.stats()["problem"] is not None)
        began = time.monotonic()
        assert rig.engine.stop()
        assert time.monotonic() - began < 2
        assert rig.through() == -1


def test_ending_in_the_middle_of_a_long_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.engine.engine._LINKED_AT_ONCE", 4)

    class Slow(Linker):
        def observe(self, visits: Any, now: float) -> Any:
            time.sleep(0.1)
            return super().observe(visits, now)

    with Rig(tmp_path, lambda after: Slow(LinkingSettings(), None, IdAllocator(after)), gather_s=0.1) as rig:
        rig.put(*people(30))
        time.sleep(0.5)
        began = time.monotonic()
        assert rig.engine.stop()
        assert time.monotonic() - began < 1
        assert rig.through() == -1
    with Rig(tmp_path) as rig:
        assert answers(rig.store) == []
        rig.settle(*people(30))
        assert len(answers(rig.store)) == 60


class BrokenLinker(Linker):
    """Cannot stand track 13."""

    def observe(self, visits: Any, now: float) -> Any:
        decisions = super().observe(visits, now)
        if any(visit.frames == 13 for visit in visits):
            raise ZeroDivisionError("13")
        return decisions

    def resolve(self, now: float) -> Any:
        raise ZeroDivisionError("resolve")


def test_visits_are_stored_even_when_linking_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Rig(tmp_path, lambda after: BrokenLinker(LinkingSettings(), None, IdAllocator(after)),
             resolve_every_s=0.05) as rig:
        rig.settle(upload(1, tracklet(1)))
        rig.settle(upload(2, tracklet(2, frames=13)))
        rig.settle(upload(3, tracklet(3)))
        rig.wait(lambda: "repairing the recent past failed" in caplog.text)
        assert rig.through() == 3
        with rig.reader() as reader:
            assert [v.identity for v in reversed(reader.visits().rows)] == [1, None, 2]
    assert "stored without an identity" in caplog.text
    assert rig.engine.failure is None


def test_what_nobody_foresaw_ends_the_engine_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Rig(tmp_path) as rig:
        rig.settle(upload(1, tracklet(1)))
        monkeypatch.setattr(rig.store, "record_tracklets", lambda *_: 1 / 0)
        rig.put(upload(2, tracklet(2)))
        rig.wait(lambda: rig.failed)
        assert isinstance(rig.engine.failure, ZeroDivisionError)
        assert rig.through() == 1
        assert rig.engine.stats()["problem"]
    with Rig(tmp_path) as after:
        after.settle(upload(2, tracklet(2)))
        assert after.through() == 2


def test_repairs_are_stored_told_and_indexed(tmp_path: Path) -> None:
    from aggregator.visit import Decision

    class Repairing(Linker):
        merges = 0

        def resolve(self, now: float) -> list[Decision]:
            if Repairing.merges or self.ids.last < 2:
                return []
            Repairing.merges += 1
            return [Decision(operation="merge", visit=2, identity=1, other=2, score=1.0, confidence=0.8)]

    with Rig(tmp_path, lambda after: Repairing(LinkingSettings(), None, IdAllocator(after)),
             resolve_every_s=0.05) as rig:
        rig.settle(upload(1, tracklet(1)))
        rig.settle(upload(2, tracklet(2, final=False)))
        rig.wait(lambda: any(n.get("operation") == "merge" for n in rig.news))
        assert rig.of(Assign)[-1].tracks == (("door", "r1", 2, "G1"),)
        with rig.reader() as reader:
            assert reader.resolve(2) == 1
        assert rig.engine.indexer.wait(5)
        assert {i for _, i, _ in rig.engine.history.search(look(1), MODEL, 5)} == {1}
        assert rig.engine.stats()["identities_active"] == 1


def test_the_index_follows_in_whatever_order_things_are_done(tmp_path: Path) -> None:
    from aggregator.engine.indexer import Indexer
    from aggregator.linking.history import HistoryIndex
    from aggregator.store.writer import Change
    from aggregator.visit import Visit

    def visit(number: int, end: float, final: bool) -> Visit:
        return Visit(visit=number, camera="door", start=0.0, end=end, label="person", frames=9, final=final,
                     model=MODEL, embedding=look(number))

    def change(number: int, identity: int | None) -> Change:
        return Change(visit=number, agent="box", camera="door", run="r", track=number, final=True, model=MODEL,
                      identity=identity)

    def search(number: int) -> tuple[int, int]:
        return indexer.history.search(look(number), MODEL, 1)[0][:2]

    with open_store(tmp_path) as store:
        indexer = Indexer(store.reader, HistoryIndex())
        indexer.follow([(visit(n, 10.0, True), n) for n in range(1, 700)], [])
        indexer.follow([], [change(699, 5), change(1, 5)])
        assert indexer.backlog == -1
        indexer.start()
        assert indexer.wait(10)
        assert (search(699), search(1), search(2)) == ((699, 5), (1, 5), (2, 2))
        indexer.follow([(visit(700, 10.0, False), None)], [change(2, None)])
        assert indexer.wait(10)
        assert (search(700), search(2)) == ((700, 0), (2, 0))
        indexer.follow([(visit(700, 11.0, False), 7)], [change(700, 7)])
        assert indexer.wait(10)
        assert search(700) == (700, 7)
        assert not indexer.history.search(look(700), MODEL, 1, since=10.5)
        indexer.follow([(visit(700, 12.0, True), 7)], [])
        assert indexer.wait(10)
        assert indexer.history.search(look(700), MODEL, 1, since=11.5)[0][0] == 700
        indexer.stop()


def test_events_are_stored_and_told_with_their_identity(rig: Rig) -> None:
    rig.settle(upload(1, tracklet(1)))
    rig.settle(upload(2, [Event(camera="door", run="r1", kind="track_ended", time=NOW, track=1, data={"n": 1})]))
    (event,) = [n for n in rig.news if n["type"] == "event"]
    assert (event["kind"], event["global_id"], event["data"]) == ("track_ended", "G1", {"n": 1})
    with rig.reader() as reader:
        assert reader.events().rows[0].identity == 1


def test_one_listener_that_fails_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bus, heard = Bus(), []
    bus.subscribe(lambda news: 1 / 0)  # type: ignore[arg-type,return-value]
    leave = bus.subscribe(heard.append)
    bus.publish([{"type": "event", "n": 1}, {"type": "event", "n": 2}])
    assert [news["n"] for news in heard] == [1, 2]
    leave()
    leave()
    bus.publish([{"type": "event", "n": 3}])
    assert len(heard) == 2
    assert bus.subscribers == 1
    assert "failed" in caplog.text


def test_what_comes_at_once_after_an_outage_is_linked_as_if_it_had_come_in_time(tmp_path: Path) -> None:
    stream = people(12)
    with Rig(tmp_path / "live") as live:
        for message in stream:
            live.settle(message)
        expected = answers(live.store)
    with Rig(tmp_path / "late", gather_s=0.2) as late:
        late.settle(*stream)
        assert late.engine.stats()["counts"]["commits"] == 1
        assert answers(late.store) == expected


def test_alerts_are_events_that_are_committed_with_what_caused_them(tmp_path: Path) -> None:
    rules = (Rule(name="door", when="line", line="door"), Rule(name="till", when="crowd", zone="till", people=2),
             Rule(name="wanted", when="identity", identities=("G1",)))
    with Rig(tmp_path, rules=rules) as rig:
        place = {"zone": "till", "label": "person"}
        happened = [Event(camera="door", run="r1", kind="zone_entered", time=NOW - 9, track=1, data=place),
                    Event(camera="door", run="r1", kind="zone_entered", time=NOW - 8, track=2, data=place),
                    Event(camera="door", run="r1", kind="line_crossed", time=NOW - 7, track=1,
                          data={"line": "door", "direction": "in", "forward": True, "label": "person"})]
        rig.settle(hello(), upload(1, tracklet(1, start=NOW - 10)), upload(2, happened))
        rig.settle(upload(2, happened))  # once more, as after a lost acknowledgement
        with rig.reader() as reader:
            found = [(row.data["rule"], row.data["state"], row.track) for row in reader.events(kind="alert").rows]
        assert sorted(found) == [("door", "alert", 1), ("till", "raised", -1), ("wanted", "alert", 1)]
        told = [news for news in rig.news if news.get("kind") == "alert"]
        assert sorted(news["data"]["rule"] for news in told) == ["door", "till", "wanted"]
        assert {news["global_id"] for news in told if news["data"]["rule"] != "till"} == {"G1"}
        assert [news["now"] for news in rig.news if news["type"] == "zone"] == [2]
    with Rig(tmp_path, rules=rules) as rig:  # a new process remembers what it said, and who is inside
        left = Event(camera="door", run="r1", kind="zone_left", time=NOW - 5, track=2,
                     data={**place, "entered": NOW - 8, "vanished": False})
        rig.settle(hello(), upload(3, [left]))
        assert [news["data"]["state"] for news in rig.news if news.get("kind") == "alert"] == ["cleared"]


def test_a_silent_camera_is_an_alert(tmp_path: Path) -> None:
    with Rig(tmp_path, rules=(Rule(name="dark", when="silent", seconds=30),)) as rig:
        rig.settle(hello(), Stats(clock=NOW, cameras={"door": {"fps": 10.0, "up": 1.0}}))
        rig.clock.time += 31
        rig.wait(lambda: any(news.get("kind") == "alert" for news in rig.news))
        assert rig.news[-1]["data"]["text"] == "door gives no picture for 30 s"


def test_hours_are_added_up_when_nothing_new_comes(tmp_path: Path) -> None:
    with Rig(tmp_path, quiet_s=0.05) as rig:
        rig.settle(hello(), upload(1, tracklet(1, start=NOW - 5000)), upload(2, tracklet(2, start=NOW - 100)))
        with rig.reader() as reader:
            rig.wait(lambda: not reader.rows("SELECT * FROM hours_due"), "nothing is due")
            rows = reader.rows("SELECT hour, entries, peak FROM hours WHERE label = '' ORDER BY hour")
        assert rows == [((NOW - 5000) // 3600, 1, 1), ((NOW - 100) // 3600, 1, 1)]
        rig.settle(upload(3, tracklet(3, start=NOW - 4990)))  # late: the hour is added up anew
        with rig.reader() as reader:
            rig.wait(lambda: reader.rows("SELECT entries FROM hours WHERE label = '' ORDER BY hour")[0] == (2,))
