"""How visits are linked to identities."""

from __future__ import annotations

from pydantic import Field

from common.settings import Settings


class LinkingSettings(Settings):
    """Who counts as the same person, and how far back and how often that is asked."""

    min_frames: int = Field(
        3, ge=1, description="A visit seen in fewer frames is not mature: it gets no identity yet."
    )
    time_to_live: float = Field(
        7200.0, gt=0, description="Seconds after its last visit for which an identity is compared with new visits."
    )
    reentry: float = Field(
        0.0, ge=0, description="Seconds that must pass before one camera may see the same person again."
    )
    confidence: float = Field(
        0.5, gt=0, lt=1, description="A visit is linked when that is at least so probable; else it is a new person."
    )
    resolve_window: float = Field(
        900.0, ge=0, description="Seconds of the recent past that are solved anew at intervals; 0 never repairs."
    )
    rivals: int = Field(3, ge=0, le=20, description="How many runners-up are kept with each decision.")
