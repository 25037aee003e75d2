"""`World`: the camera graph, with ways in metres, entrances and clocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree

from aggregator.linking.topology import Topology
from aggregator.simulate.settings import CitySettings

Floats = NDArray[np.float64]

SPACING = 30.0
"""Metres between neighbouring cameras, about."""
SLOW, FAST = 0.6, 2.4
"""Metres a second that walkers keep within."""
PAUSE_MOST_S = 120.0
"""Longest that anybody stands unseen between two cameras."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Where the cameras are.

    Attributes:
        names: (c,) names.
        position: (c, 2) float64, metres.
        view: (c,) float64, metres that one walks in each picture.
        gap: (c, c) float64, metres walked unseen from the one view to the other, the same both ways; negative where
            views overlap, by so much; inf where one cannot walk without another camera between.
        entrance: (c,) bool, where people come and go.
        offset: (c,) float64, seconds that each camera's clock is ahead of the true time.
    """

    names: tuple[str, ...]
    position: Floats
    view: Floats
    gap: Floats
    entrance: NDArray[np.bool_]
    offset: Floats

    def __len__(self) -> int:
        return len(self.names)

    @property
    def overlapping(self) -> NDArray[np.bool_]:
        """(c, c), which views overlap."""
        return self.gap < 0

    def topology(self) -> Topology:
        """The transit times that a person who knows the site would write down, clocks included."""
        windows = {}
        for a, b in np.argwhere(np.isfinite(self.gap)).tolist():
            metres = float(self.gap[a, b])
            # Where views overlap one may be gone from the first long before, or long after, one is gone from the other.
            window = ((-float(self.view[[a, b]].max()) / SLOW, PAUSE_MOST_S) if metres < 0
                      else (metres / FAST, metres / SLOW + PAUSE_MOST_S))
            windows[self.names[a], self.names[b]] = (round(window[0], 1), round(window[1], 1))
        offsets = {name: round(-float(off), 3) for name, off in zip(self.names, self.offset, strict=True) if off}
        return Topology(windows=windows, cameras=self.names, offsets=offsets)


def build(settings: CitySettings, random: np.random.Generator) -> World:
    """A connected graph: cameras on an uneven grid, each joined to its nearest and to a tree that spans all."""
    n = settings.cameras
    width = max(1, round(np.sqrt(n * 1.5)))
    place = np.stack([np.arange(n) % width, np.arange(n) // width], axis=1) * SPACING
    position = place + random.uniform(-0.3, 0.3, (n, 2)) * SPACING
    apart = np.linalg.norm(position[:, None] - position, axis=2)
    edge = minimum_spanning_tree(apart).toarray() > 0
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, : min(3, n - 1)]
    np.put_along_axis(edge, nearest, apart[np.arange(n)[:, None], nearest] < 1.6 * SPACING, axis=1)
    edge |= edge.T
    view = random.uniform(6.0, 14.0, n)
    gap = np.full((n, n), np.inf)
    a, b = np.nonzero(np.triu(edge, 1))
    metres = np.maximum(1.0, apart[a, b] - (view[a] + view[b]) / 2)
    shared = random.random(len(a)) < settings.overlap
    metres[shared] = -random.uniform(0.2, 0.6, int(shared.sum())) * np.minimum(view[a], view[b])[shared]
    gap[a, b] = gap[b, a] = metres
    middle = np.linalg.norm(position - position.mean(0), axis=1)
    entrance = np.zeros(n, bool)
    entrance[np.argsort(-middle)[: max(1, round(0.35 * n))]] = True
    digits = len(str(n))
    return World(
        names=tuple(f"c{k + 1:0{digits}d}" for k in range(n)), position=position, view=view, gap=gap,
        entrance=entrance, offset=random.normal(0.0, 1.0, n) * settings.skew)

