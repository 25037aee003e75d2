"""What people said about who is who."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from aggregator.api import shapes
from aggregator.api.access import Audit, Role
from aggregator.api.binding import Parameters, bind_body
from aggregator.api.errors import ApiError, not_found
from aggregator.api.keys import ENGINE, READERS
from aggregator.api.parameters import GlobalId, Time, VisitId
from aggregator.api.registry import Registry
from aggregator.corrections.asked import Asked, CorrectionError
from aggregator.corrections.words import sentence
from aggregator.store.reader import StoreReader
from aggregator.store.records import CorrectionRow
from aggregator.visit import global_id
from common.clock import to_rfc3339

_PATIENCE_S = 20.0

routes = Registry()


class Said(Parameters):
    """Whose word it is."""

    who: str = Field(min_length=1, max_length=200, pattern=r"\S", description="name of the person who says so")
    note: str = Field(default="", max_length=2000, description="why, for whoever reads it later")


class Merge(Said):
    """These identities are one person: the oldest id stays, the others lead to it."""

    operation: Literal["merge"]
    identities: list[GlobalId] = Field(min_length=2, max_length=100, description="such as G4 and G9")


class Split(Said):
    """A part of this identity is somebody else, who gets a new id."""

    operation: Literal["split"]
    identity: GlobalId = Field(description="such as G17")
    visit: VisitId | None = Field(default=None, description="this visit is somebody else")
    after: Time | None = Field(default=None, description="or: all its visits that began at this time or later are")

    @model_validator(mode="after")
    def _one(self) -> Split:
        if (self.visit is None) == (self.after is None):
            raise PydanticCustomError("one", "give one of 'visit' and 'after'", {"field": "visit"})
        return self


class Confirm(Said):
    """This identity, or one visit of it, is right: it stays as it is."""

    operation: Literal["confirm"]
    identity: GlobalId = Field(description="such as G17")
    visit: VisitId | None = Field(default=None, description="only this visit; all of them when not given")


class Reject(Said):
    """This visit is not the person that it was taken for: who else it is, is decided again."""

    operation: Literal["reject"]
    visit: VisitId = Field(description="the visit's number")


class Undo(Said):
    """Take a correction back."""

    operation: Literal["undo"]
    number: int | None = Field(default=None, ge=1, lt=1 << 62,
                               description="the correction's number; the latest that stands when not given")


Body = Annotated[Merge | Split | Confirm | Reject | Undo, Field(discriminator="operation")]


class CorrectionsQuery(Parameters):
    """Which part of the list."""

    limit: int = Field(default=50, ge=1, le=1000, description="how many at most")
    before: int | None = Field(default=None, ge=1, lt=1 << 62, description="only those with lower numbers")


class OneCorrection(Parameters):
    """One correction."""

    number: int = Field(ge=1, lt=1 << 62, description="the correction's number")


@routes.add("POST", "/api/corrections", tag="corrections", role=Role.OPERATOR, audit=Audit.ALWAYS, body=Body,
            answer=shapes.Correction, errors=(404, 409))
async def correct(request: web.Request, _query: Parameters) -> shapes.Correction:
    """Merge, split, confirm, reject, or undo.

    It is carried out at once and answered when it is on the disk. No later decision or repair contradicts it. Ids that
    were seen are kept or lead to the one that stands, and are never used again. What contradicts an earlier correction,
    or undoes one whose visits a later one touches, is a 409 that names it.
    """
    asked = _asked(await bind_body(Body, request))
    future = request.app[ENGINE].correct(asked)
    try:
        row = await asyncio.wait_for(asyncio.wrap_future(future), _PATIENCE_S)
    except CorrectionError as error:
        raise ApiError(error.status, error.code, error.message, field=error.field, cure=error.cure) from error
    except asyncio.TimeoutError:
        raise ApiError(503, "busy", f"it was not carried out within {_PATIENCE_S:g} s, and will not be",
                       cure="see /api/stats whether the aggregator can store, and ask again") from None
    return shaped(row)


@routes.add("GET", "/api/corrections", tag="corrections", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=CorrectionsQuery, answer=shapes.Corrections)
async def list_corrections(request: web.Request, query: CorrectionsQuery) -> shapes.Corrections:
    """What people corrected, latest first."""
    def ask(reader: StoreReader) -> shapes.Corrections:
        rows = [row for row in reversed(reader.corrections()) if query.before is None or row.correction < query.before]
        shown = rows[:query.limit]
        return {"corrections": [shaped(row) for row in shown],
                "next": shown[-1].correction if len(rows) > len(shown) else None}

    return await request.app[READERS].ask(ask)


@routes.add("GET", "/api/corrections/{number}", tag="corrections", role=Role.VIEWER, audit=Audit.ALWAYS,
            parameters=OneCorrection, answer=shapes.Correction, errors=(404,))
async def get_correction(request: web.Request, query: OneCorrection) -> shapes.Correction:
    """One correction."""
    def ask(reader: StoreReader) -> shapes.Correction:
        row = reader.correction(query.number)
        if row is None:
            raise not_found("number", f"there is no correction {query.number}", "see /api/corrections")
        return shaped(row)

    return await request.app[READERS].ask(ask)


def shaped(row: CorrectionRow) -> shapes.Correction:
    """A correction as the API shows it."""
    return {
        "correction": row.correction, "time": to_rfc3339(row.time), "who": row.who, "operation": row.operation,
        "note": row.note, "words": sentence(row), "undoes": row.undoes, "undone": row.undone,
        "moved": [{"visit": change.visit, "before": global_id(change.before), "after": global_id(change.after)}
                  for change in row.changed if change.before != change.after]}


def _asked(body: Any) -> Asked:
    given = body.model_dump()
    identity = given.pop("identity", None)
    identities = (identity,) if identity is not None else tuple(given.pop("identities", ()))
    return Asked(**given, identities=identities)
