"""What zones and lines count, through the whole way: scripted walks, the edge's counter, the wire, the store, HTTP."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aggregator.linking.history import HistoryIndex
from aggregator.simulate.scene import Scene
from aggregator.simulate.scripts import door, queue, room
from aggregator.store import open_store
from common.messages import CameraInfo, Event, pack_events, pack_tracklet, unpack_body
from common.places import Line, Zone
from common.tracklet import Path as VisitPath
from common.tracklet import Tracklet
from edge_agent.tracking import TrackedFrame
from edge_agent.zones import PlaceCounter
from tests.aggregator.api.conftest import Site

DAY = 1_772_323_200.0  # 2026-03-01T00:00:00Z
HOUR = 3600.0
RATES = [5.0, 10.0, 25.0]


def fill(data: Path, scene: Scene, fps: float, *, begin: float = DAY + 9.5 * HOUR, add_up: bool = False,
         first: int = 0) -> None:
    """What an agent would send of a scene, seen at `fps` frames a second, in the store."""
    zones = (Zone(name="room", polygon=scene.zone.tolist()),) if len(scene.zone) else ()
    lines = (Line(name="door", points=scene.line.tolist()),) if len(scene.line) else ()
    counter = PlaceCounter("run1", zones, lines, ["person"])
    paths = scene.paths(fps)
    events = []
    for frame in range(int(paths.frame.max()) + 2):
        now = paths.frame == frame
        ended = np.array([t for t in range(len(scene.walks)) if paths.frame[paths.track == t].max() == frame - 1])
        xyxy = paths.boxes()[now] * [1600, 900, 1600, 900]
        n = len(xyxy)
        events += counter.update(frame, TrackedFrame(
            camera="hall", time=begin + frame / fps, track=paths.track[now] + first, xyxy=xyxy.astype(np.float32),
            confidence=np.ones(n, np.float32), class_id=np.zeros(n, np.int32), detection=np.arange(n, dtype=np.int32),
            started=np.zeros(n, bool), re_entered=np.zeros(n, bool), ended=ended.astype(np.int64) + first), 1600, 900)
    with open_store(data) as store:
        with store.transaction():
            store.agent_seen("box", begin, software="0.1.0", run="run1")
            store.camera_known(
                "box", CameraInfo(camera="hall", width=1600, height=900, zones=zones, lines=lines), begin)
            for track in range(len(scene.walks)):
                mine = paths.track == track
                times = begin + paths.time[mine]
                part = unpack_body(pack_tracklet(Tracklet(
                    camera="hall", run="run1", track=track + first, part=0, final=True, start=times[0], end=times[-1],
                    label="person", frames=len(times), confidence=0.9, model="", mean=np.zeros(0, np.float32),
                    embeddings=np.zeros((0, 0), np.float32), quality=np.zeros(0, np.float32),
                    embedding_times=np.zeros(0), path=VisitPath(
                        times=times, frames=paths.frame[mine].astype(np.int32), boxes=paths.boxes()[mine]))))
                assert isinstance(part, Tracklet)
                store.record_tracklet("box", part)
            received = unpack_body(pack_events(events))
            assert isinstance(received, list)
            store.record_events(received)
        if add_up:
            with store.transaction():
                for camera, hour in store.counting.due():
                    store.counting.add_up(camera, hour)
                assert not store.counting.due()


def rows(site: Site, path: str) -> list[dict[str, Any]]:
    answer = site.ask(path)
    assert answer.status == 200, answer.body
    return answer.json["rows"]


WHOLE_DAY = f"since={DAY}&until={DAY + 86400}"


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("add_up", [False, True])
def test_a_rooms_entries_exits_dwell_and_peak_are_the_scripts(tmp_path: Path, fps: float, add_up: bool) -> None:
    scene = room(20, seed=3)
    fill(tmp_path, scene, fps, add_up=add_up)
    truth = scene.stays()
    (row,) = rows(Site(tmp_path, HistoryIndex()), f"/api/analytics/zones?{WHOLE_DAY}")
    assert (row["camera"], row["zone"], row["now"]) == ("hall", "room", 0)
    assert row["entries"] == row["exits"] == len(truth.track)
    assert row["entries"] - row["appeared"] == int(truth.came.sum()) == scene.passages().entries
    assert row["exits"] - row["vanished"] == int(truth.left.sum()) == scene.passages().exits
    assert row["peak"] == truth.peak
    dwell = truth.until - truth.since
    # Who is first or last seen inside is so at a frame.
    assert row["mean_dwell_s"] == pytest.approx(dwell.mean(), abs=1 / fps)
    assert row["max_dwell_s"] == pytest.approx(dwell.max(), abs=1 / fps)
    assert row["mean_people"] == pytest.approx(dwell.sum() / 86400, rel=0.02)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("seed", range(3))
def test_a_doors_crossings_are_the_scripts_in_both_directions(tmp_path: Path, fps: float, seed: int) -> None:
    scene = door(20, seed=seed)
    fill(tmp_path, scene, fps)
    truth = scene.crossings()
    (row,) = rows(Site(tmp_path, HistoryIndex()), f"/api/analytics/lines?{WHOLE_DAY}")
    assert (row["forward"], row["backward"]) == (truth.entries, truth.exits)
    assert row["net"] == truth.entries - truth.exits
    assert (row["forward_name"], row["backward_name"]) == ("in", "out")


@pytest.mark.parametrize("add_up", [False, True])
@pytest.mark.parametrize("fps", RATES)
def test_footfall_adds_up_minute_by_minute_hour_by_hour_and_day_by_day(
        tmp_path: Path, fps: float, add_up: bool) -> None:
    scene = door(40, seed=5)
    # Across an hour's end, so that hours share stays.
    fill(tmp_path, scene, fps, begin=DAY + 9 * HOUR - scene.duration / 2, add_up=add_up)
    site = Site(tmp_path, HistoryIndex())
    starts = np.array([walk.times[0] for walk in scene.walks]) + DAY + 9 * HOUR - scene.duration / 2
    for step, seconds in (("minute", 60), ("hour", 3600), ("day", 86400)):
        found = rows(site, f"/api/analytics/footfall?{WHOLE_DAY}&step={step}")
        assert len(found) == 86400 // seconds
        assert sum(row["entries"] for row in found) == 40
        first = next(i for i, row in enumerate(found) if row["entries"])
        assert first == int((starts.min() + 1 / fps - DAY) // seconds)
        assert max(row["peak"] for row in found) == max(row["peak"] for row in rows(
            site, f"/api/analytics/footfall?{WHOLE_DAY}&step=day"))
    lines = rows(site, f"/api/analytics/footfall?{WHOLE_DAY}&step=minute&kind=line")
    truth = scene.crossings()
    for i, row in enumerate(lines):
        minute = np.floor((truth.time + DAY + 9 * HOUR - scene.duration / 2 - DAY) / 60) == i
        assert row["entries"] == int((minute & truth.inward).sum()), i
        assert row["exits"] == int((minute & ~truth.inward).sum()), i


def test_days_begin_at_midnight_where_one_lives(tmp_path: Path) -> None:
    fill(tmp_path, door(8), 10.0, begin=DAY + 23.5 * HOUR)  # half past midnight in Berlin
    site = Site(tmp_path, HistoryIndex())
    found = rows(site, f"/api/analytics/footfall?{WHOLE_DAY}&step=day&tz=Europe/Berlin")
    assert [(row["start"][:13], row["entries"]) for row in found] == [("2026-03-01T00", 0), ("2026-03-01T23", 8)]
    assert site.ask("/api/analytics/footfall?step=day&tz=Mars/Base").error["field"] == "tz"


@pytest.mark.parametrize("fps", RATES)
def test_a_queues_length_and_waits(tmp_path: Path, fps: float) -> None:
    scene = queue(6)
    fill(tmp_path, scene, fps)
    site = Site(tmp_path, HistoryIndex())
    (row,) = rows(site, f"/api/analytics/queue?{WHOLE_DAY}&step=day&after_s=0")
    truth = scene.stays()
    assert row["served"] == len(truth.track)
    assert row["max_length"] == truth.peak
    assert row["mean_wait_s"] == pytest.approx((truth.until - truth.since).mean(), abs=2 / fps)
    (none,) = rows(site, f"/api/analytics/queue?{WHOLE_DAY}&step=day&after_s=9999")
    assert (none["served"], none["max_length"], none["mean_wait_s"]) == (0, 0, None)


def test_who_is_inside_now_and_what_an_agent_that_died_leaves_behind(tmp_path: Path) -> None:
    zone = Zone(name="room", polygon=((0, 0), (1, 0), (1, 1)), dwell_s=60)
    with open_store(tmp_path) as store, store.transaction():
        store.agent_seen("box", DAY, software="0.1.0", run="run1")
        store.camera_known("box", CameraInfo(camera="hall", width=16, height=9, zones=(zone,)), DAY)
        for track, final in ((1, False), (2, True)):
            store.record_tracklet("box", Tracklet(
                camera="hall", run="run1", track=track, part=0, final=final, start=DAY, end=DAY + 50, label="person",
                frames=50, confidence=0.9, model="", mean=np.zeros(0, np.float32),
                embeddings=np.zeros((0, 0), np.float32), quality=np.zeros(0, np.float32), embedding_times=np.zeros(0),
                path=VisitPath.empty()))
            store.record_events([Event(camera="hall", run="run1", kind="zone_entered", time=DAY + 10, track=track,
                                       data={"zone": "room", "appeared": False, "label": "person"})])
    site = Site(tmp_path, HistoryIndex())
    site.clock.time = DAY + 60
    (now,) = site.ask("/api/zones").json["zones"]
    assert (now["zone"], now["now"], now["dwell_s"]) == ("room", 1, 60.0)
    assert now["longest_s"] == 40.0
    # The one whose track has ended left with it, though nobody said so.
    (row,) = rows(site, f"/api/analytics/zones?since={DAY}&until={DAY + 60}")
    assert (row["entries"], row["exits"], row["now"], row["peak"]) == (2, 1, 1, 2)
    site.engine.stats = lambda: {"agents": {"box": {"connected": False}}}  # type: ignore[method-assign]
    site.clock.time = DAY + 3600
    assert site.ask("/api/zones").json["zones"][0]["now"] == 0


def test_flow_routes_and_congestion_of_the_small_site(site) -> None:
    window = "since=2026-03-01T11:00:00Z&until=2026-03-01T13:00:00Z"
    flow = rows(site, f"/api/analytics/flow?{window}")
    assert [(row["origin"], row["destination"], row["people"], row["median_s"]) for row in flow] == [
        ("left", "right", 1, 5.0)]
    assert rows(site, f"/api/analytics/flow?{window}&camera=right") == flow
    assert rows(site, f"/api/analytics/routes?{window}") == [
        {"route": "left > right", "stops": 2, "people": 1, "median_s": 64.0}]
    for more in ("", "&of=zones", "&camera=right", "&camera=left&within_s=1"):
        both = site.ask(f"/api/analytics/flow?{window}&routes=7{more}").json
        assert both["rows"] == rows(site, f"/api/analytics/flow?{window}{more}"), more
        assert both["routes"] == rows(site, f"/api/analytics/routes?{window}&limit=7{more}"), more
    assert site.ask(f"/api/analytics/flow?{window}").json["routes"] == []
    found = rows(site, f"/api/analytics/congestion?{window}&camera=left")
    assert [(row["start"][11:13], row["level"]) for row in found] == [("11", "unknown"), ("12", "unknown")]
    assert found[1]["density"] > found[0]["density"] == 0
    assert found[1]["speed"] > 0
    assert rows(site, f"/api/analytics/flow?{window}&of=zones") == []


def test_tables_come_as_csv_and_as_parquet(site) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = "/api/analytics/footfall?since=2026-03-01T11:00:00Z&until=2026-03-01T13:00:00Z"
    as_json = site.ask(path).json["rows"]
    answer = site.ask(path, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="footfall.csv"'
    found = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [row["start"] for row in found] == [row["start"] for row in as_json]
    assert [int(row["entries"]) for row in found] == [row["entries"] for row in as_json]
    table = parquet.read_table(io.BytesIO(site.ask(f"{path}&format=parquet").body))
    assert table.column("entries").to_pylist() == [row["entries"] for row in as_json]
    assert str(table.schema.field("start").type) == "timestamp[ms, tz=UTC]"
    empty = site.ask("/api/analytics/lines?format=parquet")
    assert parquet.read_table(io.BytesIO(empty.body)).num_rows == 0
    assert site.ask("/api/analytics/lines?format=csv").body.startswith(b"camera,line,forward")


def test_parquet_without_pyarrow_says_what_to_install(site, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    answer = site.ask("/api/analytics/lines", headers={"Accept": "application/vnd.apache.parquet"})
    assert answer.status == 406
    assert "passage[parquet]" in answer.error["cure"]


def test_too_many_steps_and_unknown_cameras_are_told(site) -> None:
    answer = site.ask("/api/analytics/footfall?step=minute&since=2020-01-01&until=2026-01-01")
    assert (answer.status, answer.error["field"]) == (400, "step")
    for name in ("zones", "lines", "footfall", "flow", "routes", "congestion", "queue"):
        assert "did you mean 'left'" in site.ask(f"/api/analytics/{name}?camera=lefft").error["cure"]


@pytest.mark.parametrize("query", ["step=hour", "step=day", "step=day&tz=Europe/Berlin", "step=day&tz=Asia/Kolkata",
                                   "step=day&kind=line", "step=hour&kind=zone", "step=minute&label=person"])
def test_sums_by_the_hour_answer_as_the_records_do(tmp_path: Path, query: str) -> None:
    """Over the end of a month, a change of clocks and cut ends; some hours added up, some not."""
    change = 1_774_746_000.0  # 2026-03-29T01:00:00Z: clocks change in Berlin
    scenes = ((door(12, seed=1), -30.2), (room(12, seed=2), -1.9), (door(12, seed=3), 0.4), (room(9, seed=4), 26.0))
    for number, (scene, hours) in enumerate(scenes):
        fill(tmp_path, scene, 5.0, begin=change + hours * HOUR, first=100 * number)
    site = Site(tmp_path, HistoryIndex())
    path = f"/api/analytics/footfall?since={change - 31 * HOUR + 17}&until={change + 28 * HOUR + 99}&{query}"
    recorded = rows(site, path)
    assert sum(row["entries"] for row in recorded) > 0
    with open_store(tmp_path) as store:
        due = sorted(store.counting.due())
        for part in (due[::2], due[1::2]):
            with store.transaction():
                for camera, hour in part:
                    store.counting.add_up(camera, hour)
            assert rows(site, path) == recorded


def test_zones_that_are_drawn_go_to_the_cameras_agent(site) -> None:
    drawn = []
    site.draw = lambda camera, agent, places: drawn.append((camera, agent, places))
    zone = {"name": "till", "polygon": [[0, 0], [0.5, 0], [0.5, 0.5]], "dwell_s": 30}
    answer = site.ask("/api/cameras/left/places", "PUT", json={"zones": [zone]})
    assert answer.json == {"camera": "left", "agent": "box", "connected": True, "zones": 1, "lines": 0}
    ((camera, agent, (zones, lines)),) = drawn
    assert (camera, agent, zones, lines) == ("left", "box", (Zone.model_validate(zone),), ())
    for body, told in (({"zones": [zone, zone]}, "two are named 'till'"),
                       ({"zones": [{**zone, "name": "a/b"}]}, "name"),
                       ({"zones": [{**zone, "polygon": [[0, 0], [9, 9], [0, 9]]}]}, "from 0 to 1")):
        refused = site.ask("/api/cameras/left/places", "PUT", json=body)
        assert refused.status == 400
        assert told in refused.error["message"]
    assert site.ask("/api/cameras/lefft/places", "PUT", json={}).status == 404
    assert len(drawn) == 1
