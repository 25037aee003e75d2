"""Parameter types that several routes share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from aggregator.api.binding import Parameters
from aggregator.store.queries import Filter
from aggregator.visit import parse_global_id
from common.clock import from_rfc3339

LAST_SECOND = 253402300799.0  # the end of the year 9999, the last that RFC 3339 can write


def _time(value: Any) -> float:
    try:
        return from_rfc3339(str(value))
    except (ValueError, OverflowError):
        raise ValueError("expected a time such as 2026-03-01T08:30:00Z, or UTC seconds") from None


Time = Annotated[
    float,
    BeforeValidator(_time),
    Field(ge=0, le=LAST_SECOND, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T08:30:00Z"]}),
]
"""UTC seconds; written as RFC 3339 (or as plain UTC seconds)."""

GlobalId = Annotated[
    int,
    BeforeValidator(lambda value: parse_global_id(str(value))),
    Field(ge=1, lt=1 << 62),
    WithJsonSchema({"type": "string", "pattern": "^[Gg]?[0-9]+$", "examples": ["G17"]}),
]
"""An identity's number; written `G17`."""

def _cursor(value: str) -> str:
    Filter().before("", "", value)  # the store reads it in the same way
    return value


Cursor = Annotated[str, AfterValidator(_cursor), Field(max_length=100)]
"""What the store gave as `next`."""

VisitId = Annotated[int, Field(ge=1, lt=1 << 62)]


class Between(Parameters):
    """A stretch of time."""

    since: Time | None = Field(default=None, description="nothing that ended before this time")
    until: Time | None = Field(default=None, description="nothing that began after this time")

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if self.since is not None and self.until is not None and self.until < self.since:
            raise PydanticCustomError("order", "'until' is before 'since'", {"field": "until"})
        return self


class Paged(Parameters):
    """A part of a long list."""

    limit: int = Field(default=50, ge=1, le=1000, description="how many at most")
    cursor: Cursor | None = Field(default=None, description="`next` of the answer before, to go on from there")
