from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aggregator.analytics.flow import Stops
from aggregator.store import StoreReader, StoreWriter
from aggregator.store.stops import read_stops, stops_at
from common.messages import CameraInfo, Event

NOON = 1_772_366_400.0
Row = tuple[int, str, float, float]


def seen(stops: Stops, places: list[str]) -> set[Row]:
    return {(who, places[place], start, end) for who, place, start, end in zip(
        stops.who.tolist(), stops.place.tolist(), stops.start.tolist(), stops.end.tolist(), strict=True)}


@pytest.fixture
def rows(writer: StoreWriter, tracklet, decide) -> list[Row]:
    """Visits with times as clocks tell them, each with a stay in its camera's zone; every seventh is nobody's yet."""
    random = np.random.default_rng(3)
    kept: list[Row] = []
    with writer.transaction():
        writer.agent_seen("box", NOON, software="0.1.0", run="r1")
        for camera in ('the "back" door', "hall"):
            writer.camera_known("box", CameraInfo(camera=camera, width=16, height=9), NOON)
        for track in range(60):
            start = NOON + float(random.uniform(0, 600))
            end = start + float(random.exponential(20))
            camera = ('the "back" door', "hall")[track % 2]
            visit = writer.record_tracklet("box", tracklet(
                track, camera=camera, start=start, end=end, final=True, label="dog" if track == 5 else "person"))
            assert visit is not None
            about: dict[str, Any] = {"camera": camera, "run": "r1", "track": track}
            writer.record_events([Event(**about, kind="zone_entered", time=start, data={"zone": "till"})])
            if track % 3:  # the others are there until they are gone
                writer.record_events([Event(**about, kind="zone_left", time=end, data={
                    "zone": "till", "entered": start, "dwell_s": end - start})])
            if track % 7:
                writer.record_decisions([decide("create", visit.visit, track)], end, "digest")
                kept.append((track, camera, start, end))
    return kept


@pytest.mark.parametrize("zones", [False, True])
def test_stops_are_told_to_the_last_bit_of_their_times(rows: list[Row], reader: StoreReader, zones: bool) -> None:
    stops, places = read_stops(reader, NOON - 10, NOON + 9999, zones=zones)
    assert seen(stops, places) == {(who, f"{camera}/till" if zones else camera, start, end)
                                   for who, camera, start, end in rows}
    assert len(stops) == len(rows)


@pytest.mark.parametrize("zones", [False, True])
def test_stops_of_a_time_and_a_class(rows: list[Row], reader: StoreReader, zones: bool) -> None:
    stops, places = read_stops(reader, NOON + 100, NOON + 200, zones=zones, label="person")
    overlap = {who for who, _, start, end in rows if end >= NOON + 100 and start <= NOON + 200 and who != 5}
    found = {who for who, *_ in seen(stops, places)}
    assert found == overlap
    assert 5 not in found
    assert {who for who, *_ in seen(*read_stops(reader, NOON, NOON + 9999, zones=zones, label="dog"))} == {5}


@pytest.mark.parametrize(("place", "name"), [("hall", "hall"), ("hall/till", "hall")])
def test_stops_at_one_place(rows: list[Row], reader: StoreReader, place: str, name: str) -> None:
    stops = stops_at(reader, place, 4, NOON, NOON + 9999)
    assert seen(stops, [place] * 5) == {(who, place, start, end) for who, camera, start, end in rows if camera == name}
    assert set(stops.place.tolist()) == {4}


@pytest.mark.parametrize("zones", [False, True])
def test_nobody_was_anywhere(reader: StoreReader, zones: bool) -> None:
    stops, places = read_stops(reader, 0.0, 1.0, zones=zones)
    assert (len(stops), places) == (0, [])
    assert len(stops_at(reader, "hall/till" if zones else "hall", 0, 0.0, 1.0)) == 0


@pytest.mark.parametrize("zones", [False, True])
def test_only_that_time_is_read(reader: StoreReader, zones: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []
    rows = StoreReader.rows

    def noted(self: StoreReader, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        if "json_group_array" in sql:
            plans.extend(str(row[3]) for row in rows(self, f"EXPLAIN QUERY PLAN {sql}", parameters))
        return rows(self, sql, parameters)

    monkeypatch.setattr(StoreReader, "rows", noted)
    read_stops(reader, NOON, NOON + 100, zones=zones)
    assert "visits_by_start (start>? AND start<?)" in plans[0]
    assert plans[1:] == (["SEARCH s USING PRIMARY KEY (camera=? AND run=? AND track=?)"] if zones else [])
