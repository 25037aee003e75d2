"""The learned map: which ways people take between cameras, how long they are, and how the clocks stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.clocks import Clocks
from aggregator.linking.topology import Topology

WRITTEN_LINKS = 5
"""Links that a way must have before it is written into a layout file: who is not in the file cannot walk there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From one camera to the next that saw the same person.

    Attributes:
        left, entered: cameras.
        links: how many times it was taken, of the visits that are remembered.
        share: of all who left the first camera and were seen again elsewhere.
        median, low, high: transit seconds (start of the later visit less end of the earlier), of half of them, of 5 %
            and of 95 %. Negative: both cameras saw them at once.
        overlap: share of links with negative transit.
    """

    left: str
    entered: str
    links: int
    share: float
    median: float
    low: float
    high: float
    overlap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a camera's clock stands to those of the others.

    Attributes:
        camera: its name.
        offset: seconds added to its times to bring them to the common clock: what a layout says, and what was learned.
        spread: how far wrong the learned part may be, seconds, one standard deviation; None: nothing was learned.
    """

    camera: str
    offset: float
    spread: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMap:
    """All that was learned of where people walk. Plain values."""

    ways: tuple[Way, ...]
    clocks: tuple[Clock, ...]

    def layout(self, given: Topology | None = None) -> Topology:
        """What a layout file would say: each way's 5 % to 95 %, with half as much again on both sides.

        Args:
            given: windows of a file that hold already; they stay.
        """
        windows = {}
        for way in self.ways:
            if way.links >= WRITTEN_LINKS:
                more = (way.high - way.low) / 2
                # Whole seconds outward: a file is for people.
                windows[way.left, way.entered] = (float(np.floor(way.low - more)), float(np.ceil(way.high + more)))
        windows |= dict(given.windows) if given else {}
        return Topology(
            windows=windows,
            cameras=tuple(clock.camera for clock in self.clocks),
            offsets={clock.camera: round(clock.offset, 1) for clock in self.clocks if clock.offset},
            scales=given.scales if given else {},
            fps=given.fps if given else {},
        )


def find_ways(
    names: Sequence[str],
    camera: NDArray[np.int32],
    identity: NDArray[np.int64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    most: float,
) -> tuple[Way, ...]:
    """Ways from each camera to the others, those with the most links first.

    Args:
        names: of cameras.
        camera, identity, start, end: (n,) of visits; identity 0 is none.
        most: seconds between two visits above which the second is a new walk.
    """
    rows = np.flatnonzero(identity > 0)
    rows = rows[np.lexsort((start[rows], identity[rows]))]
    a, b = rows[:-1], rows[1:]
    gap = start[b] - end[a]
    step = (identity[a] == identity[b]) & (camera[a] != camera[b]) & (gap <= most)
    a, b, gap = a[step], b[step], gap[step]
    pair = camera[a].astype(np.int64) * len(names) + camera[b]
    left = np.bincount(camera[a], minlength=len(names))
    order = np.argsort(pair, kind="stable")
    ways = []
    for part in np.split(order, np.flatnonzero(np.diff(pair[order])) + 1):
        if len(part):
            one, other = int(camera[a[part[0]]]), int(camera[b[part[0]]])
            low, median, high = (float(value) for value in np.quantile(gap[part], [0.05, 0.5, 0.95]))
            ways.append(Way(
                left=names[one], entered=names[other], links=len(part), share=len(part) / float(left[one]),
                median=median, low=low, high=high, overlap=float((gap[part] < 0).mean()),
            ))
    return tuple(sorted(ways, key=lambda way: (-way.links, way.left, way.entered)))


def read_clocks(names: Sequence[str], clocks: Clocks, given: Topology | None) -> tuple[Clock, ...]:
    """Offsets by camera, given and learned."""
    out = []
    for k, name in enumerate(names):
        known = k < len(clocks.offset)
        spread = float(clocks.spread[k]) if known else np.inf
        out.append(Clock(
            camera=name,
            offset=(given.offsets.get(name, 0.0) if given else 0.0) + (float(clocks.offset[k]) if known else 0.0),
            spread=spread if np.isfinite(spread) else None,
        ))
    return tuple(out)
