"""Who was in a camera's view together with somebody: the columns that `analytics.passing.company` takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aggregator.store.queries import LONGEST, Filter
from aggregator.store.reader import StoreReader

_MEETINGS = """
SELECT v.identity, a.visit, a.camera, max(a.start, v.start), min(a."end", v."end")
FROM visits AS a CROSS JOIN visits AS v ON v.camera = a.camera
    AND v.start BETWEEN a.start - :slack - :longest AND a."end" + :slack AND v."end" >= a.start - :slack
WHERE a.identity = :identity AND v.identity IS NOT NULL AND v.identity <> :identity AND {where}"""


def meetings(reader: StoreReader, identity: int, slack_s: float, since: float | None, until: float | None,
             ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64],
                        NDArray[np.float64], list[str]]:
    """Other identities, the visits of `identity` they were at, cameras (as indices), from when to when, and the names
    of the cameras.

    Args:
        slack_s: who came or went so many seconds before or after counts too.
        since, until: only visits of `identity` that overlap this span.
    """
    longest = reader.rows(LONGEST)
    where = Filter().at_most("a.start", until).at_least('a."end"', since)
    rows = reader.rows(_MEETINGS.format(where=where), {
        **where.parameters, "identity": reader.resolve(identity), "slack": slack_s,
        "longest": float(longest[0][0]) + 1e-3 if longest else 0.0})
    names, place = np.unique(np.array([row[2] for row in rows], np.str_), return_inverse=True)
    return (np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int64),
            place.astype(np.int64).reshape(-1), np.array([row[3] for row in rows], np.float64),
            np.array([row[4] for row in rows], np.float64), names.tolist())
