"""The shapes of answers about who passed where, and with whom."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from aggregator.api.analytics_shapes import Span
from aggregator.api.shapes import GlobalId, Time


class PassageRow(TypedDict):
    """Somebody went from the one place to the other."""

    global_id: GlobalId
    came: Annotated[Time, Field(description="to the first place")]
    left: Annotated[Time, Field(description="the first place")]
    arrived: Annotated[Time, Field(description="at the second")]
    transit_s: Annotated[float, Field(description="seconds from leaving to arriving; below 0 where views overlap")]


class PassageTable(Span):
    """Who passed the one place and then the other."""

    first: str
    then: str
    rows: list[PassageRow]


class CompanyRow(TypedDict):
    """Somebody who was where the other was."""

    global_id: GlobalId
    times: Annotated[int, Field(description="at so many of the other's visits")]
    cameras: Annotated[int, Field(description="at so many different cameras")]
    where: Annotated[str, Field(description="these cameras")]
    seconds: Annotated[float, Field(description="in view together")]
    first: Time
    last: Time


class CompanyTable(TypedDict):
    """Who was with somebody."""

    global_id: GlobalId
    merged_into: str | None
    rows: list[CompanyRow]
