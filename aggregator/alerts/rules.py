"""`Rule`: when to say something."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from aggregator.visit import parse_global_id
from common.settings import Settings

When = Literal["zone", "line", "dwell", "crowd", "identity", "silent"]
_NEEDS: dict[When, tuple[str, ...]] = {
    "zone": ("zone",), "line": ("line",), "dwell": ("zone", "seconds"), "crowd": ("people",),
    "identity": ("identities",), "silent": (),
}
_TAKES: dict[When, frozenset[str]] = {
    "zone": frozenset({"zone", "on"}), "line": frozenset({"line", "direction"}),
    "dwell": frozenset({"zone", "seconds"}), "crowd": frozenset({"zone", "people", "seconds"}),
    "identity": frozenset({"identities"}), "silent": frozenset({"seconds"}),
}
SILENT_S = 30.0


class Rule(Settings):
    """One rule."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[\w .-]+$", description="unique among the rules")
    when: When = Field(
        description="`zone`: somebody enters (or leaves) it; `line`: somebody crosses it; `dwell`: somebody is in a "
                    "zone for `seconds`; `crowd`: `people` or more are in a zone, or in a camera's view, for "
                    "`seconds`; `identity`: one of `identities` is seen; `silent`: a camera gives no picture for "
                    "`seconds`")
    camera: str | None = Field(default=None, description="only this camera; not set: any")
    zone: str | None = Field(default=None, description="name of the zone")
    on: Literal["entered", "left"] | None = Field(default=None, description="of a zone; `entered` if not set")
    line: str | None = Field(default=None, description="name of the line")
    direction: str | None = Field(default=None, description="only crossings of this name; not set: both")
    seconds: float | None = Field(default=None, ge=0, le=1e6, allow_inf_nan=False, description=
                                  "see `when`; not set: 0 for a crowd, 30 for silence")
    people: int | None = Field(default=None, ge=1, description="so many or more are a crowd")
    identities: tuple[str, ...] = Field(
        default=(), description="watch list of global ids such as G17; one that is merged is watched under its new id")
    cooldown_s: float = Field(
        default=0.0, ge=0, le=1e6, allow_inf_nan=False,
        description="after an alert the rule says nothing more about the same place or person for so many seconds")

    @field_validator("identities")
    @classmethod
    def _are_ids(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            parse_global_id(name)
        return names

    @model_validator(mode="after")
    def _complete(self) -> Rule:
        for name in _NEEDS[self.when]:
            if getattr(self, name) in (None, ()):
                raise ValueError(f"rule '{self.name}': when '{self.when}' needs '{name}'")
        for name in frozenset().union(*_TAKES.values()) - _TAKES[self.when]:
            if getattr(self, name) not in (None, ()):
                raise ValueError(f"rule '{self.name}': when '{self.when}' takes no '{name}'")
        return self

    @property
    def watched(self) -> frozenset[int]:
        """The numbers of its watch list."""
        return frozenset(parse_global_id(name) for name in self.identities)

    @property
    def lasting(self) -> bool:
        """Whether what it tells of lasts: raised, and cleared later."""
        return self.when in ("crowd", "silent")
