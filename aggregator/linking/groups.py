"""Which visits that come at once are decided together."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.visit import Visit


def in_time(visits: Iterable[Visit], within_s: float) -> list[list[Visit]]:
    """Visits in the order in which they would have come, cut where a latest sight is `within_s` after a group's first.

    Without the cut, everything that an agent sends after an outage would be one batch, in which somebody who has left
    one camera and entered the next would be two who compete.
    """
    groups: list[list[Visit]] = []
    for visit in sorted(visits, key=lambda v: (v.end, v.visit)):
        if not groups or visit.end > groups[-1][0].end + within_s:
            groups.append([])
        groups[-1].append(visit)
    return groups


def take_some(groups: list[list[Visit]], sizes: list[int], most: float) -> list[list[Visit]]:
    """The first groups, as many as hold `most` together, but one at least; they and their `sizes` are no longer in the
    lists then."""
    count, n = sizes[0], 1
    while n < len(groups) and count + sizes[n] <= most:
        count += sizes[n]
        n += 1
    some, groups[:n], sizes[:n] = groups[:n], [], []
    return some
