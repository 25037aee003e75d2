"""How zones and lines count."""

from __future__ import annotations

from pydantic import Field

from common.settings import Settings


class CountingSettings(Settings):
    """How zones and lines count."""

    hysteresis: float = Field(
        default=0.05, ge=0, le=1,
        description="who crosses a zone's outline or a line counts once they are so far beyond it, as a share of their "
                    "box's height: a box that trembles on a line does not count again and again")
    settle_s: float = Field(
        default=3.0, gt=0, le=3600,
        description="who stays nearer than that counts too: the distance asked for shrinks to nothing in so many "
                    "seconds")
    drawn: bool = Field(
        default=True,
        description="zones and lines that somebody draws in the dashboard take the place of those in agent.yaml; they "
                    "are kept in the folder `places` of `data`, as GeoJSON")
