"""How tracks are made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.settings import Settings


class TrackerSettings(Settings):
    """What the tracker takes for the same object, and for how long it waits for a lost one."""

    kind: Literal["bytetrack", "sort"] = Field(
        default="bytetrack",
        description="`bytetrack` also follows tracks through detections of low confidence; `sort` ignores those.",
    )
    high_confidence: float = Field(
        default=0.6, ge=0, le=1, description="Detections from here on are matched first and may start tracks."
    )
    low_confidence: float = Field(
        default=0.1, ge=0, le=1, description="Detections below are ignored; those in between only continue tracks."
    )
    new_track_confidence: float = Field(default=0.7, ge=0, le=1, description="Only detections from here on start a track.")
    confirm_frames: int = Field(default=2, ge=1, description="Frames in a row an object must be seen in to become a track.")
    lost_seconds: float = Field(default=1.0, ge=0, description="How long a track that is no longer seen may come back.")
    re_entry_seconds: float = Field(
        default=0.5, ge=0, description="A track that comes back after at least this long is flagged as re-entered."
    )
    class_mismatch: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Factor on the similarity of a track and a detection of different classes: 0 never matches them, "
        "1 ignores classes.",
    )
