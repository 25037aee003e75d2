"""The shapes of answers about the learned map."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from aggregator.api.shapes import Time


class Way(TypedDict):
    """From one camera to the next that saw the same person."""

    left: Annotated[str, Field(description="camera that they left")]
    entered: Annotated[str, Field(description="camera that they entered")]
    links: Annotated[int, Field(description="so many were linked, of the visits that are remembered")]
    share: Annotated[float, Field(description="of all who left there and were seen again elsewhere, 0 to 1")]
    median_s: Annotated[float, Field(description="transit time of half of them, seconds; negative: seen by both")]
    low_s: Annotated[float, Field(description="of 5 % of them")]
    high_s: Annotated[float, Field(description="of 95 % of them")]
    overlap: Annotated[float, Field(description="share of links that both cameras saw at once, 0 to 1")]


class CameraClock(TypedDict):
    """How a camera's clock stands to those of the others."""

    camera: str
    offset_s: Annotated[float, Field(description="added to its times: what a layout says, and what was learned")]
    spread_s: Annotated[float | None, Field(
        description="how far wrong that may be, one standard deviation; null: nothing was learned")]


class Topology(TypedDict):
    """The map that was learned from people's walks."""

    time: Time
    ways: Annotated[list[Way], Field(description="most links first")]
    cameras: list[CameraClock]
