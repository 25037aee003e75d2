"""Which visits of a batch are linked jointly, and by which settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from aggregator.visit import Visit
from common.settings import Settings


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


def digest(settings: Settings) -> str:
    """Twelve hexadecimal digits that tell one set of settings from another."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]

