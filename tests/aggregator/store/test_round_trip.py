"""What is written comes back as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aggregator.store import StoreReader, StoreWriter
from aggregator.visit import Rival
from common.messages import CameraInfo, Event, ModelInfo


def test_agents_cameras_and_models(writer: StoreWriter, reader: StoreReader) -> None:
    with writer.transaction():
        writer.agent_seen("box", 1.0, software="0.1", run="r1")
        writer.camera_known("box", CameraInfo(camera="door", width=640, height=480, fps=25.0, view=(8.0, 0.0)), 1.0)
        writer.cameras_seen([("box", "yard")], 2.0)
        writer.model_known(ModelInfo(task="embed", name="osnet", fingerprint="ff", dimensions=512))
        writer.agent_seen("box", 5.0)
    (agent,) = reader.agents()
    assert (agent.agent, agent.software, agent.run, agent.first_seen, agent.last_seen) == ("box", "0.1", "r1", 1.0, 5.0)
    door, yard = reader.cameras()
    assert (door.camera, door.width, door.height, door.fps, door.view) == ("door", 640, 480, 25.0, (8.0, 0.0))
    assert (yard.camera, yard.width, yard.last_seen) == ("yard", 0, 2.0)
    assert reader.camera("door") == door
    assert reader.camera("nowhere") is None
    assert reader.models() == [ModelInfo(task="embed", name="osnet", fingerprint="ff", dimensions=512)]


def test_a_visit_grows_by_its_parts(writer: StoreWriter, reader: StoreReader, tracklet) -> None:
    with writer.transaction():
        first = writer.record_tracklet("box", tracklet(part=0, attributes={"colour": "red"}))
    with writer.transaction():
        second = writer.record_tracklet("box", tracklet(part=1, final=True, attributes={"plate": "X1"}))
    assert first is not None
    assert second is not None
    assert first.visit == second.visit
    row = reader.visit(first.visit)
    assert row is not None
    assert (row.start, row.end, row.frames, row.parts, row.final) == (1000.0, 1020.0, 200, 2, True)
    assert row.attributes == {"colour": "red", "plate": "X1"}
    assert row.identity is None
    assert reader.track("door", "r1", 1) == row
    looks = reader.embeddings(first.visit)
    assert looks is not None
    assert looks.exemplars.shape == (4, 8)
    assert looks.times.tolist() == [1000.0, 1001.0, 1010.0, 1011.0]
    np.testing.assert_allclose(looks.mean, tracklet(part=1).mean, atol=1e-3)
    np.testing.assert_array_equal(looks.mean, second.embedding)
    assert np.linalg.norm(looks.mean) == pytest.approx(1, abs=1e-6)
    path = reader.visit_path(first.visit)
    assert len(path) == 10
    assert path.frames.tolist() == [*range(5), *range(100, 105)]


def test_zones_on_the_way_are_known_after_a_restart_too(writer: StoreWriter, reader: StoreReader, tracklet) -> None:
    seen = []
    for part, more in enumerate(({"attributes": {"zones": "door"}}, {}, {"attributes": {"zones": "door/hall/gate"}})):
        with writer.transaction():
            visit = writer.record_tracklet("box", tracklet(part=part, **more))
        assert visit is not None
        seen.append(visit.zones)
    assert seen == [("door",), ("door",), ("door", "hall", "gate")]
    (again,) = reader.all_visits()
    assert again.visit.zones == ("door", "hall", "gate")


def test_a_part_that_comes_again_changes_nothing(writer: StoreWriter, reader: StoreReader, tracklet) -> None:
    with writer.transaction():
        visit = writer.record_tracklet("box", tracklet(part=0))
        writer.record_tracklet("box", tracklet(part=1))
    assert visit is not None
    before = reader.visit(visit.visit)
    with writer.transaction():
        assert writer.record_tracklet("box", tracklet(part=1, end=9999.0)) is None
        assert writer.record_tracklet("box", tracklet(part=0, end=9999.0)) is None
    assert reader.visit(visit.visit) == before
    assert len(reader.visit_path(visit.visit)) == 10
    looks = reader.embeddings(visit.visit)
    assert looks is not None
    assert len(looks.exemplars) == 4


def test_a_part_without_embeddings_keeps_what_was_known(writer: StoreWriter, reader: StoreReader, tracklet) -> None:
    nothing = {"mean": np.zeros(0, np.float32), "embeddings": np.zeros((0, 0), np.float32),
               "quality": np.zeros(0, np.float32), "embedding_times": np.zeros(0), "model": ""}
    with writer.transaction():
        writer.record_tracklet("box", tracklet(track=1, part=0))
        visit = writer.record_tracklet("box", tracklet(track=1, part=1, **nothing))
        bare = writer.record_tracklet("box", tracklet(track=2, **nothing))
    assert visit is not None
    assert bare is not None
    assert (visit.model, visit.embedding.shape) == ("0123456789abcdef", (8,))
    assert bare.embedding.shape == (0,)
    looks = reader.embeddings(bare.visit)
    assert looks is not None
    assert (looks.mean.shape, looks.exemplars.shape) == ((0,), (0, 0))
    assert reader.embeddings(999) is None


def test_events_find_their_visit_even_when_it_comes_later(writer: StoreWriter, reader: StoreReader, tracklet,
                                                          decide) -> None:
    with writer.transaction():
        writer.record_events([Event(camera="door", run="r1", kind="track_started", time=1000.0, track=1),
                              Event(camera="door", run="r1", kind="camera_lost", time=1001.0, data={"why": "cable"})])
    assert [e.visit for e in reader.events().rows] == [None, None]
    with writer.transaction():
        visit = writer.record_tracklet("box", tracklet())
        assert visit is not None
        writer.record_decisions([decide("new", visit.visit, 1)], 1.0, "s")
    lost, started = reader.events().rows
    assert (started.visit, started.identity, lost.visit, lost.data) == (visit.visit, 1, None, {"why": "cable"})
    assert [e.kind for e in reader.events(identity=1).rows] == ["track_started"]
    assert [e.kind for e in reader.events(visit=visit.visit).rows] == ["track_started"]
    assert [e.kind for e in reader.events(kind="camera_lost", camera="door", since=1000.5, until=2000.0).rows] \
        == ["camera_lost"]
    assert reader.events(camera="yard").rows == ()


def test_decisions_are_carried_out_and_logged(writer: StoreWriter, reader: StoreReader, tracklet, decide) -> None:
    with writer.transaction():
        visits = [writer.record_tracklet("box", tracklet(track=t, start=1000.0 + t)) for t in range(3)]
        a, b, c = (v.visit for v in visits if v is not None)
        rival = Rival(identity=1, score=-2.0, probability=0.1)
        changes = writer.record_decisions(
            [decide("new", a, 1), decide("new", b, 2, rivals=(rival,), reason={"cosine": 0.4}),
             decide("link", c, 2, confidence=0.75)], 50.0, "abc")
    assert [(x.visit, x.agent, x.track, x.identity) for x in changes] == [(a, "box", 0, 1), (b, "box", 1, 2),
                                                                         (c, "box", 2, 2)]
    row = reader.visit(c)
    assert row is not None
    assert (row.identity, row.certainty) == (2, 0.75)
    (entry,) = reader.log(visit=b)
    assert (entry.operation, entry.identity, entry.rivals, entry.reason, entry.settings, entry.time) \
        == ("new", 2, (rival,), {"cosine": 0.4}, "abc", 50.0)

    with writer.transaction():
        changes = writer.record_decisions([decide("merge", b, 1, other=2)], 51.0, "abc")
    assert {(x.visit, x.identity) for x in changes} == {(b, 1), (c, 1)}
    merged = reader.identity(2)
    assert merged is not None
    assert (merged.identity, merged.visits, merged.cameras) == (1, 3, ("door",))
    assert reader.resolve(2) == 1
    assert reader.merged() == {2: 1}
    assert reader.aliases(1) == [2]
    assert [leg.visit.visit for leg in reader.trajectory(2)] == [a, b, c]
    assert [e.operation for e in reader.log(identity=2)] == ["new", "new", "link", "merge"]

    with writer.transaction():
        writer.record_decisions([decide("split", c, 3, other=1), decide("retract", b, 1)], 52.0, "abc")
    assert [reader.visit(v).identity for v in (a, b, c)] == [1, None, 3]  # type: ignore[union-attr]
    assert writer.next_identity() == 4


def test_an_id_merged_twice_is_followed_to_the_end(writer: StoreWriter, reader: StoreReader, tracklet, decide) -> None:
    with writer.transaction():
        for track in (1, 2, 3):
            visit = writer.record_tracklet("box", tracklet(track=track))
            assert visit is not None
            writer.record_decisions([decide("new", visit.visit, track)], 0.0, "")
        writer.record_decisions([decide("merge", 3, 2, other=3), decide("merge", 2, 1, other=2)], 0.0, "")
    assert reader.resolve(3) == 1
    assert reader.merged() == {3: 1, 2: 1}
    assert reader.aliases(1) == [2, 3]
    assert [i.identity for i in reader.identities().rows] == [1]
    assert len(reader.visits(identity=3).rows) == 3
    assert reader.identity(99) is None


def test_what_linking_gets_back(writer: StoreWriter, reader: StoreReader, tracklet, decide) -> None:
    with writer.transaction():
        early = writer.record_tracklet("box", tracklet(track=2, start=1000.0, final=True))
        late = writer.record_tracklet("box", tracklet(track=1, start=5000.0))
        assert late is not None
        assert early is not None
        writer.record_decisions([decide("new", late.visit, 1)], 0.0, "")
    first, second = reader.all_visits()
    assert (first.visit.visit, first.identity) == (early.visit, None)
    assert (second.visit.visit, second.identity) == (late.visit, 1)
    for stored, live in ((first.visit, early), (second.visit, late)):
        np.testing.assert_array_equal(stored.embedding, live.embedding)
        for name in ("visit", "camera", "start", "end", "label", "frames", "final", "model"):
            assert getattr(stored, name) == getattr(live, name)
    assert [s.visit.visit for s in reader.recent_visits(2000.0, 0)] == [late.visit]
    assert [s.visit.visit for s in reader.recent_visits(1e10, 1)] == [late.visit]
    assert [s.visit.visit for s in reader.recent_visits(1e10, 2)] == [early.visit, late.visit]
    assert reader.newest() == late.end


def test_how_many_were_linked_is_kept(writer: StoreWriter, reader: StoreReader) -> None:
    assert reader.linked() == {}
    assert reader.newest() == -math.inf
    for seen in ({("m", "person", 512): 7}, {("m", "person", 512): 9, ("", "dog", 0): 1}):
        with writer.transaction():
            writer.linked(seen)
    assert reader.linked() == {("m", "person", 512): 9, ("", "dog", 0): 1}


def test_sequence_numbers(writer: StoreWriter) -> None:
    with writer.transaction():
        assert writer.through("box", "s") == 0
        assert writer.advance("box", "s", 1) == 0
        assert writer.advance("box", "s", 2) == 0
        assert writer.advance("box", "s", 2) == -1
        assert writer.advance("box", "s", 1) == -1
        assert writer.advance("box", "s", 6) == 3
        assert writer.advance("box", "other", 1) == 0
        assert writer.advance("elsewhere", "s", 1) == 0
    assert writer.through("box", "s") == 6


def test_a_transaction_that_fails_leaves_nothing(writer: StoreWriter, reader: StoreReader, tracklet) -> None:
    def fail_half_way() -> None:
        with writer.transaction():
            writer.advance("box", "s", 1)
            writer.record_tracklet("box", tracklet())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert reader.counts().visits == 0
    assert writer.through("box", "s") == 0
