"""`CountWriter`: what zones and lines count, written down; and the sums by the hour, kept up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from aggregator.analytics.tally import Tally
from aggregator.store.columns import to_json
from aggregator.store.raw_counts import read_raw
from common.messages import CameraInfo, Event

HOUR = 3600
_LONGEST_HOURS = 24 * 7
COLUMNS = tuple(field.name for field in fields(Tally))


class CountWriter:
    """A part of `StoreWriter`, with its connection. Its methods belong inside the writer's transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._touched: dict[tuple[str, int], int] = {}  # in the transaction that is open

    def places_known(self, info: CameraInfo) -> None:
        """The zones and lines that a camera has now; what was counted in others stays."""
        self._db.execute("DELETE FROM places WHERE camera = ?", (info.camera,))
        self._db.executemany("INSERT INTO places VALUES (?, ?, ?, ?)", [
            (info.camera, kind, place.name, to_json(place.model_dump(exclude={"name"})))
            for kind, places in (("zone", info.zones), ("line", info.lines)) for place in places])

    def record(self, events: Iterable[Event]) -> None:
        """Take from events what they count. One that lacks something is an event all the same, and counts nothing."""
        for event in events:
            data = event.data
            name = data.get("zone" if event.kind.startswith("zone_") else "line")
            label = data.get("label", "")
            if not (isinstance(name, str) and isinstance(label, str)):
                continue
            if event.kind == "zone_entered":
                self._db.execute("""
                    INSERT INTO stays VALUES (?, ?, ?, ?, ?, NULL, ?, ?, 0) ON CONFLICT DO NOTHING""", (
                    event.camera, name, event.run, event.track, event.time, label, bool(data.get("appeared"))))
                self.touch(event.camera, event.time, event.time)
            elif event.kind == "zone_left" and isinstance(entered := data.get("entered"), int | float) \
                    and 0 <= entered <= event.time:
                self._db.execute("""
                    INSERT INTO stays VALUES (:camera, :zone, :run, :track, :entered, :left, :label, 0, :vanished)
                    ON CONFLICT DO UPDATE SET "left" = :left, vanished = :vanished""", {
                    "camera": event.camera, "zone": name, "run": event.run, "track": event.track,
                    "entered": float(entered), "left": event.time, "label": label,
                    "vanished": bool(data.get("vanished"))})
                self.touch(event.camera, float(entered), event.time)
            elif event.kind == "line_crossed":
                self._db.execute("INSERT INTO crossings VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (
                    event.camera, name, event.time, bool(data.get("forward")), str(data.get("direction", ""))[:60],
                    event.run, event.track, label))
                self.touch(event.camera, event.time, event.time)

    def touch(self, camera: str, since: float, until: float) -> None:
        """Something new is known of a camera in [since, until]: its hours there must be added up anew."""
        last = int(until // HOUR)
        # What lasts for weeks (a parked car) is brought up to date where it grows.
        for hour in range(max(int(since // HOUR), last - _LONGEST_HOURS), last + 1):
            self._touched[camera, hour] = self._touched.get((camera, hour), 0) + 1

    def touch_all(self, spans: Iterable[tuple[str, float, float]]) -> None:
        """`touch` for many, (camera, since, until)."""
        for camera, first, last in {(camera, since // HOUR, until // HOUR) for camera, since, until in spans}:
            self.touch(camera, first * HOUR, last * HOUR)

    def flush(self) -> None:
        """Write down what was touched; before the transaction's end."""
        self._db.executemany("INSERT INTO hours_due VALUES (?, ?, ?) "
                             "ON CONFLICT DO UPDATE SET marks = marks + excluded.marks",
                             [(camera, hour, marks) for (camera, hour), marks in self._touched.items()])
        self.forget()

    def forget(self) -> None:
        """The transaction has ended, one way or the other."""
        self._touched.clear()

    def due(self) -> dict[tuple[str, int], int]:
        """Hours to add up, (camera, hour), each with a number that rises when something new comes in."""
        return {(row[0], row[1]): row[2] for row in self._db.execute("SELECT camera, hour, marks FROM hours_due")}

    def add_up(self, camera: str, hour: int) -> None:
        """Write a camera's numbers of one hour."""
        since, until = float(hour * HOUR), float((hour + 1) * HOUR)
        raw = read_raw(lambda sql, values: self._db.execute(sql, values).fetchall(), camera, since, until)
        edges = np.array([since, until])
        self._db.execute("DELETE FROM hours WHERE camera = ? AND hour = ?", (camera, hour))
        for label in ("", *sorted(raw.labels - {""})):
            for place, tally in raw.tallies(edges, label).items():
                values = [getattr(tally, name)[0].item() for name in COLUMNS]
                if any(values):
                    self._db.execute(f"INSERT INTO hours VALUES (?, ?, ?, ?, ?{', ?' * len(COLUMNS)})", (
                        place.camera, place.kind, place.name, label, hour, *values))
        self._db.execute("DELETE FROM hours_due WHERE camera = ? AND hour = ?", (camera, hour))
