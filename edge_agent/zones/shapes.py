"""A camera's zones and lines, ready for computing: in units of the view's height, so that distances are round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.places import Line, Zone
from common.places.geometry import Points, distance, inside, open_edges, widest

# A zone that is narrower than the hysteresis would never be entered; a third of its inner width always fits.
_FITS = 1 / 3


@dataclass(frozen=True, slots=True, eq=False)
class ZoneShape:
    """One zone.

    Attributes:
        zone: as it was set.
        polygon: (m, 2) float64.
        starts, ends: (k, 2), the edges that can be walked across.
        most_margin: so much hysteresis fits into it.
    """

    zone: Zone
    polygon: Points
    starts: Points
    ends: Points
    most_margin: float

    @classmethod
    def of(cls, zone: Zone, aspect: float) -> ZoneShape:
        """For a view that is `aspect` times as wide as high."""
        shares, scale = np.asarray(zone.polygon), np.array([aspect, 1.0])
        starts, ends = open_edges(shares)
        starts, ends, polygon = starts * scale, ends * scale, shares * scale
        return cls(zone, polygon, starts, ends, _FITS * widest(polygon, starts, ends))

    def look(self, points: Points) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which points are in it, and how far each is from its outline. (n, 2) → (n,), (n,)."""
        return inside(points, self.polygon), distance(points, self.starts, self.ends)

    def crossed(self, before: Points, after: Points) -> NDArray[np.float64]:
        """At which share of the ways before → after (n, 2), which lead in or out, the outline was crossed."""
        near, far = (distance(points, self.starts, self.ends) for points in (before, after))
        return np.divide(near, near + far, out=np.ones(len(near)), where=near + far > 0)


@dataclass(frozen=True, slots=True, eq=False)
class LineShape:
    """One line; `points` (m, 2) float64."""

    line: Line
    points: Points

    @classmethod
    def of(cls, line: Line, aspect: float) -> LineShape:
        """For a view that is `aspect` times as wide as high."""
        return cls(line, np.asarray(line.points) * [aspect, 1.0])

    def far(self, points: Points) -> NDArray[np.float64]:
        """How far points (n, 2) are from it, (n,)."""
        return distance(points, self.points[:-1], self.points[1:])
