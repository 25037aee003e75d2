"""The reader's SQL, and `Filter`, which builds conditions out of what was asked."""

from __future__ import annotations

import math
from typing import Any

from aggregator.store.faces import JOINED

AGENTS = "SELECT agent, software, run, first_seen, last_seen FROM agents ORDER BY agent"

_CAMERA = "SELECT camera, agent, width, height, fps, view_left, view_top, last_seen FROM cameras"
CAMERAS = f"{_CAMERA} ORDER BY camera"
CAMERA = f"{_CAMERA} WHERE camera = :camera"

MODELS = "SELECT fingerprint, task, name, dimensions FROM models ORDER BY task, name"

COUNTS = """
SELECT (SELECT count(*) FROM visits), (SELECT count(*) FROM identities WHERE merged_into IS NULL),
       (SELECT count(*) FROM events), (SELECT count(*) FROM cameras), (SELECT count(*) FROM agents),
       (SELECT count(*) FROM log)"""

_VISIT = """
SELECT visit, agent, camera, run, track, start, "end", label, frames, parts, final, confidence, model, attributes,
       identity, certainty
FROM visits"""
VISITS = _VISIT + " WHERE {where} ORDER BY start DESC, visit DESC LIMIT :limit"
VISIT = f"{_VISIT} WHERE visit = :visit"
NUMBERED = f"{_VISIT} WHERE visit IN (SELECT value FROM json_each(:visits))"
TRACK = f"{_VISIT} WHERE camera = :camera AND run = :run AND track = :track"
IN_ZONE = """EXISTS (SELECT 1 FROM stays AS s WHERE s.camera = visits.camera AND s.run = visits.run
    AND s.track = visits.track AND s.zone = {})"""
HAS_ATTRIBUTE = """EXISTS (SELECT 1 FROM json_each(attributes) AS a WHERE a.key = {} AND CAST(a.value AS TEXT) = {})"""
LEGS = _VISIT + " WHERE {where} ORDER BY start, visit"
PRESENT_AT = _VISIT + " WHERE final = 0 AND {where} ORDER BY camera, visit"
# By the latest end (+: by no index of these): visits whose agent never said that they ended add up.
PRESENT = _VISIT + " WHERE +final = 0 AND {where} ORDER BY +camera, visit"
# Latest by end, not by start: a long visit goes on while a short one in an overlapping view comes and goes.
WHERE = f'{_VISIT} WHERE identity = :identity ORDER BY "end" DESC, visit DESC LIMIT 1'

# The bare scalar form is answered from the two ends of the index; MAX("end" - start) would read all of it.
LONGEST = 'SELECT "end" - start FROM visits ORDER BY "end" - start DESC LIMIT 1'

MEMBERS = "SELECT visit, start, certainty FROM visits WHERE identity = :identity ORDER BY start, visit"

MEAN = "SELECT model, mean FROM visits WHERE visit = :visit"
EXEMPLARS = "SELECT time, quality, embedding FROM exemplars WHERE visit = :visit ORDER BY time"
RESTORE = f"""
SELECT v.visit, v.camera, v.start, v."end", v.label, v.frames, v.final, v.model, v.mean, v.identity,
    coalesce(json_extract(v.attributes, '$.zones'), ''), {JOINED}
FROM visits AS v LEFT JOIN faces AS f USING (visit)"""
RESTORE_ALL = f"{RESTORE} ORDER BY v.visit"
# Those that end late are found by one index, the latest by another; what is put in order are their numbers alone.
RESTORE_RECENT = f"""{RESTORE} WHERE v.visit IN (
    SELECT visit FROM visits WHERE "end" > :since
    UNION SELECT visit FROM visits WHERE visit > (SELECT max(visit) FROM visits) - :latest)
ORDER BY v.visit"""
FACE_OF = f"SELECT {JOINED} FROM faces AS f WHERE f.visit = :visit"

RESOLVE = """
WITH RECURSIVE chain (identity, step) AS (
    SELECT :identity, 0
    UNION
    SELECT merged_into, step + 1 FROM identities JOIN chain USING (identity)
    WHERE merged_into IS NOT NULL AND step < 10000
)
SELECT identity FROM chain ORDER BY step DESC LIMIT 1"""
MERGED = "SELECT identity, merged_into FROM identities WHERE merged_into IS NOT NULL"
_FAMILY = """
WITH RECURSIVE family (identity) AS (
    SELECT :identity
    UNION
    SELECT identities.identity FROM identities JOIN family ON identities.merged_into = family.identity
)"""
ALIASES = f"{_FAMILY} SELECT identity FROM family WHERE identity <> :identity ORDER BY identity"

IDENTITY = """
SELECT i.identity, i.label, i.created, count(v.visit), coalesce(min(v.start), i.created),
       coalesce(max(v."end"), i.created), coalesce(json_group_array(DISTINCT v.camera) FILTER (WHERE v.visit), '[]')
FROM identities AS i LEFT JOIN visits AS v USING (identity)
WHERE i.identity = :identity
GROUP BY i.identity"""
_GROUPS = """
SELECT identity, label, created, visits, first, last, cameras
FROM (
    SELECT identity, count(*) AS visits, min(start) AS first, max("end") AS last,
           json_group_array(DISTINCT camera) AS cameras
    FROM visits WHERE identity IS NOT NULL AND {where}
    GROUP BY identity
) JOIN identities USING (identity)
WHERE {having}"""
IDENTITIES = f"{_GROUPS} ORDER BY last DESC, identity DESC LIMIT :limit"
SUMMARY = _GROUPS
# Whose visit ended last, and before that: where each comes first is its place in the list of identities.
LATEST = 'SELECT identity FROM visits WHERE identity IS NOT NULL AND "end" <= :last ORDER BY "end" DESC, identity DESC'

PATH = "SELECT times, frames, boxes FROM paths WHERE visit = :visit ORDER BY part"
LAST_PART = "SELECT boxes FROM paths WHERE visit = :visit ORDER BY part DESC LIMIT 1"
PATHS = "SELECT visit, times, boxes FROM paths WHERE {where} ORDER BY start, visit"

_EVENT = "SELECT e.event, e.time, e.camera, e.run, e.kind, e.track, e.data, v.visit, v.identity FROM"
EVENTS = _EVENT + """ events AS e
LEFT JOIN visits AS v ON v.camera = e.camera AND v.run = e.run AND v.track = e.track
WHERE {where} ORDER BY e.time DESC, e.event DESC LIMIT :limit"""
# CROSS JOIN keeps the order of the tables as written.
EVENTS_OF_VISITS = _EVENT + """ visits AS v
CROSS JOIN events AS e ON e.camera = v.camera AND e.run = v.run AND e.track = v.track AND e.track >= 0
WHERE {where} ORDER BY e.time DESC, e.event DESC LIMIT :limit"""

_LOG = "SELECT entry, time, operation, visit, identity, other, score, confidence, rivals, reason, settings FROM log"
WHOLE_LOG = f"{_LOG} ORDER BY entry"
LOG = f"{_LOG} ORDER BY entry DESC LIMIT :limit"
LOG_OF_VISIT = f"{_LOG} WHERE visit = :visit ORDER BY entry DESC LIMIT :limit"
LOG_OF_IDENTITY = f"""{_FAMILY}
{_LOG} WHERE entry IN (
    SELECT log.entry FROM family CROSS JOIN log USING (identity)
    UNION
    SELECT log.entry FROM family CROSS JOIN log ON log.other = family.identity AND log.other > 0
) ORDER BY entry DESC LIMIT :limit"""


class Filter:
    """Conditions that must all hold. Columns come from this package, values only ever as parameters."""

    def __init__(self, prefix: str = "w") -> None:
        self._prefix = prefix  # two filters in one query have different ones
        self.conditions: list[str] = []
        self.parameters: dict[str, Any] = {}

    def __str__(self) -> str:
        return " AND ".join(self.conditions) or "TRUE"

    def __format__(self, _: str) -> str:
        return str(self)

    def values(self, limit: int) -> dict[str, Any]:
        """The parameters, with how many rows are wanted."""
        return {**self.parameters, "limit": limit}

    def equals(self, column: str, value: str | int | None) -> Filter:
        """`column` is `value`; nothing when that is None."""
        return self._compare(column, "=", value)

    def at_least(self, column: str, value: float | None) -> Filter:
        """`column` is not less than `value`; nothing when that is None."""
        return self._compare(column, ">=", value)

    def at_most(self, column: str, value: float | None) -> Filter:
        """`column` is not more than `value`; nothing when that is None."""
        return self._compare(column, "<=", value)

    def holds(self, condition: str, *values: str | None) -> Filter:
        """A condition of this package with `{}` where values go; nothing when one of them is None."""
        if all(value is not None for value in values):
            self.conditions.append(condition.format(*(self._name(value) for value in values if value is not None)))
        return self

    def overlaps(self, since: float | None, until: float | None, longest: float) -> Filter:
        """What begins before `until` and ends after `since`, where nothing takes more than `longest` seconds.

        The bound on `start` that follows from it lets an index on `start` answer windows that lie far back.
        """
        self.at_most("start", until)
        if since is not None:
            self.at_least('"end"', since)
            # The start is rounded when a length is computed and again here: a microsecond is more than both.
            self.at_least("start", since - longest - 1e-6 * max(1.0, longest))
        return self

    def before(self, column: str, tie: str, cursor: str | None) -> Filter:
        """Rows that come after the one `cursor` stands for, in falling order of `column`, then `tie`.

        Raises:
            ValueError: `cursor` is none that we gave.
        """
        if cursor is None:
            return self
        first, separator, second = cursor.partition(":")
        try:
            value, number = float(first), int(second)
        except ValueError:
            separator = ""
        if not separator or not math.isfinite(value) or not 0 <= number < 2**63:
            raise ValueError(f"'{cursor:.60}' is no cursor: use 'next' of the page before")
        self.conditions.append(f"({column}, {tie}) < ({self._name(value)}, {self._name(number)})")
        return self

    def _compare(self, column: str, operator: str, value: str | float | None) -> Filter:
        if value is not None:
            self.conditions.append(f"{column} {operator} {self._name(value)}")
        return self

    def _name(self, value: str | float) -> str:
        name = f"{self._prefix}{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"
