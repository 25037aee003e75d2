"""Where identities were, out of the store: the columns that flow and routes are computed from."""

from __future__ import annotations

import numpy as np

from aggregator.analytics.flow import Stops
from aggregator.store.queries import LONGEST, Filter
from aggregator.store.reader import StoreReader

_CAMERAS = 'SELECT identity, camera, start, "end" FROM visits WHERE identity IS NOT NULL AND {where}'
# Camera by camera, because stays are found by camera and time; CROSS JOIN keeps the order of the tables as written.
_ZONES = """
SELECT v.identity, s.camera || '/' || s.zone, s.entered, coalesce(s."left", v."end")
FROM cameras AS c CROSS JOIN stays AS s ON s.camera = c.camera
    CROSS JOIN visits AS v ON v.camera = s.camera AND v.run = s.run AND v.track = s.track
WHERE v.identity IS NOT NULL AND {where}"""


def read_stops(reader: StoreReader, since: float, until: float, *, zones: bool, label: str | None = None,
               ) -> tuple[Stops, list[str]]:
    """Stops that overlap [since, until], and the names of their places: cameras, or `camera/zone`."""
    longest = reader.rows(LONGEST)
    bound = float(longest[0][0]) if longest else 0.0
    where = Filter().equals("v.label" if zones else "label", label)
    if zones:
        where.at_most("s.entered", until).at_least("s.entered", since - bound)
    else:
        where.overlaps(since, until, bound)
    rows = reader.rows((_ZONES if zones else _CAMERAS).format(where=where), where.parameters)
    who, name, start, end = zip(*rows, strict=True) if rows else ((), (), (), ())
    names = sorted(set(name))
    number = {one: k for k, one in enumerate(names)}  # many times as fast as np.unique, which sorts texts
    return Stops(who=np.array(who, np.int64), place=np.array([number[one] for one in name], np.int64),
                 start=np.array(start, np.float64), end=np.array(end, np.float64)), names


def stops_at(reader: StoreReader, place: str, number: int, since: float, until: float, label: str | None = None,
             ) -> Stops:
    """Stops at one camera, or one `CAMERA/ZONE`, that overlap [since, until]; all have `number` as their place."""
    longest = reader.rows(LONGEST)
    bound = float(longest[0][0]) if longest else 0.0
    camera, zone, name = place.partition("/")
    if zone and not reader.camera(place):
        where = Filter().equals("s.camera", camera).equals("s.zone", name).equals("v.label", label)
        where.at_most("s.entered", until).at_least("s.entered", since - bound)
        rows = reader.rows(_ZONES.format(where=where), where.parameters)
    else:
        where = Filter().equals("camera", place).equals("label", label).overlaps(since, until, bound)
        rows = reader.rows(_CAMERAS.format(where=where), where.parameters)
    return Stops(
        who=np.array([row[0] for row in rows], np.int64), place=np.full(len(rows), number, np.int64),
        start=np.array([row[2] for row in rows], np.float64), end=np.array([row[3] for row in rows], np.float64))
