"""The time that a question about places speaks of, and how it is cut."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from aiohttp import web
from pydantic import Field, field_validator

from aggregator.analytics.tally import Floats, edges_of
from aggregator.api.errors import bad_parameter
from aggregator.api.keys import CLOCK
from aggregator.api.parameters import Between

Step = Literal["minute", "hour", "day"]
DAY = 86400.0
MOST_BUCKETS = 20_000
_SECONDS = {"minute": 60.0, "hour": 3600.0}


class Window(Between):
    """A stretch of time; the last 24 hours when nothing is said."""

    def span(self, request: web.Request, default_s: float = DAY) -> tuple[float, float]:
        """[since, until)."""
        until = self.until if self.until is not None else max(request.app[CLOCK].now(), self.since or 0.0)
        return (self.since if self.since is not None else max(0.0, until - default_s)), until


class Stepped(Window):
    """Cut into equal pieces."""

    step: Step = Field(default="hour", description="length of the pieces")
    tz: str = Field(default="UTC", max_length=60, description="time zone in which days begin, such as Europe/Berlin")

    @field_validator("tz")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"'{value[:60]}' is no time zone such as Europe/Berlin") from None
        return value

    def edges(self, request: web.Request) -> Floats:
        """Where the pieces begin and end.

        Raises:
            ApiError: 400, they are too many.
        """
        since, until = self.span(request)
        if (until - since) / _SECONDS.get(self.step, DAY) > MOST_BUCKETS:
            raise bad_parameter("step", f"that is more than {MOST_BUCKETS} {self.step}s",
                                "ask for a shorter time, or in longer steps")
        if self.step != "day":
            return edges_of(since, until, _SECONDS[self.step])
        return _days(since, until, ZoneInfo(self.tz))


def _days(since: float, until: float, zone: ZoneInfo) -> Floats:
    """Midnights in that zone; a day may have 23 or 25 hours."""
    edges = [since]
    try:
        day = datetime.fromtimestamp(since, timezone.utc).astimezone(zone).replace(hour=0, minute=0, second=0,
                                                                                   microsecond=0)
        while True:
            day += timedelta(days=1)
            moment = day.timestamp()
            if moment >= until:
                break
            if moment > since:
                edges.append(moment)
    except OverflowError:  # the last day of the year 9999
        pass
    return np.array([*edges, max(until, since)])
