"""How long what is kept, and how much of it."""

from __future__ import annotations

from pydantic import Field, model_validator

from common.settings import Settings

DAY_S = 86_400.0


class RetentionSettings(Settings):
    """Retention: what is older goes, by the time at which it happened. Without a number it is kept."""

    visits_days: float | None = Field(
        default=None, gt=0, description="days after which a visit goes with all that belongs to it: embeddings, path, "
                                        "events, decisions; and an identity with its last visit")
    embeddings_days: float | None = Field(
        default=None, gt=0, description="days after which what a visit looked like goes; it is not found by search "
                                        "any more, and its identity stays as it was decided")
    paths_days: float | None = Field(default=None, gt=0, description="days after which the way through the view goes")
    events_days: float | None = Field(
        default=None, gt=0, description="days after which events, stays in zones and crossings of lines go; sums by "
                                        "the hour, which name nobody, stay")
    log_days: float | None = Field(
        default=None, gt=0, description="days after which goes why a visit is whose it is; whose it is stays")
    audit_days: float | None = Field(default=None, gt=0, description="days after which entries of the audit log go")
    audit_mb: int = Field(
        default=1024, ge=1, description="MiB that the audit log holds at most, about 3,000 entries each; beyond it the "
                                        "oldest go first")
    max_mb: int = Field(
        default=20_480, ge=10, description="MiB that the database holds at most; beyond it the oldest visits go first")
    every_s: float = Field(default=600.0, gt=0, le=DAY_S, description="seconds between looks at what is too old")

    @model_validator(mode="after")
    def _in_order(self) -> RetentionSettings:
        whole = self.visits_days
        for name in ("embeddings_days", "paths_days", "log_days"):
            part = getattr(self, name)
            if whole is not None and part is not None and part > whole:
                raise ValueError(f"{name} is more than visits_days: with the visit it goes anyway")
        return self
