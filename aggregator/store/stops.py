"""Where identities were, out of the store: the columns that flow and routes are computed from."""

from __future__ import annotations

import numpy as np
import orjson

from aggregator.analytics.flow import Floats, Ints, Stops
from aggregator.store.queries import LONGEST, Filter
from aggregator.store.reader import StoreReader

_TICKS = float(1 << 26)
"""Of a second. Times since 1973 are whole multiples of that, so nothing is lost on the way."""
# All in one row: SQLite is asked for each row by itself, and a thread lets go of Python's lock every time.
_COLUMNS = """json_group_array(v.identity), json_group_array({name}),
    json_group_array(CAST({start} * :ticks AS INTEGER)), json_group_array(CAST({end} * :ticks AS INTEGER))"""
_CAMERAS = f"""
SELECT {_COLUMNS.format(name="v.camera", start="v.start", end='v."end"')}
FROM visits AS v WHERE v.identity IS NOT NULL AND {{where}}"""
# From visits to their stays: these lie in the order of tracks, so each is found at once. CROSS JOIN keeps the order of
# the tables as written, and + keeps SQLite from looking through all stays of a time for each visit.
_ZONES = f"""
SELECT {_COLUMNS.format(name="s.camera || '/' || s.zone", start="s.entered", end='coalesce(s."left", v."end")')}
FROM visits AS v CROSS JOIN stays AS s ON s.camera = v.camera AND s.run = v.run AND s.track = v.track
WHERE v.identity IS NOT NULL AND {{where}}"""


def read_stops(reader: StoreReader, since: float, until: float, *, zones: bool, label: str | None = None,
               ) -> tuple[Stops, list[str]]:
    """Stops of visits that overlap [since, until], and the names of their places: cameras, or `camera/zone`."""
    where = Filter().equals("v.label", label)
    who, name, start, end = _columns(reader, since, until, where, zones=zones)
    names = sorted(set(name))
    number = {one: k for k, one in enumerate(names)}  # many times as fast as np.unique, which sorts texts
    return Stops(who=who, place=np.array([number[one] for one in name], np.int64), start=start, end=end), names


def stops_at(reader: StoreReader, place: str, number: int, since: float, until: float, label: str | None = None,
             ) -> Stops:
    """Stops at one camera, or one `CAMERA/ZONE`, of visits that overlap [since, until]; all have `number` as place."""
    camera, zone, name = place.partition("/")
    zones = bool(zone) and not reader.camera(place)
    where = Filter().equals("v.label", label)
    where.equals("v.camera", camera if zones else place).equals("s.zone", name if zones else None)
    who, _, start, end = _columns(reader, since, until, where, zones=zones)
    return Stops(who=who, place=np.full(len(who), number, np.int64), start=start, end=end)


def _columns(reader: StoreReader, since: float, until: float, where: Filter, *, zones: bool,
             ) -> tuple[Ints, list[str], Floats, Floats]:
    """Identities, places by name, and the seconds from and until which they were there."""
    longest = reader.rows(LONGEST)
    bound = float(longest[0][0]) if longest else 0.0
    where.overlaps(since, until, bound).at_most("+s.entered", until if zones else None)
    found = reader.rows((_ZONES if zones else _CAMERAS).format(where=where), {**where.parameters, "ticks": _TICKS})
    who, name, start, end = (orjson.loads(column) for column in found[0])
    return (np.array(who, np.int64), name, np.array(start, np.int64) / _TICKS, np.array(end, np.int64) / _TICKS)
