"""How tracks are made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.settings import Settings


class TrackerSettings(Settings):
    """What the tracker takes for the same object, and for how long it waits for a lost one."""

    kind: Literal["bytetrack", "sort", "appearance"] = Field(
        default="bytetrack",
        description="`bytetrack` also follows tracks through detections of low confidence; `sort` ignores those; "
        "`appearance` is bytetrack that embeds the detections several tracks might claim, and lets looks decide.",
    )
    high_confidence: float = Field(
        default=0.6, ge=0, le=1, description="Detections from here on are matched first, and may start tracks."
    )
    low_confidence: float = Field(
        default=0.1, ge=0, le=1, description="Detections below are ignored; those in between only continue tracks."
    )
    confirm_confidence: float = Field(
        default=0.75,
        gt=0.5,
        lt=1,
        description="A new track is told of once it is as certain as `confirm_frames` detections of this confidence "
        "make it: sooner for surer ones, later for less sure ones.",
    )
    confirm_frames: int = Field(
        default=2, ge=1, description="In how many frames in a row a new track must be seen, at the least."
    )
    match_similarity: float = Field(
        default=0.2,
        ge=0.1,
        lt=1,
        description="Least similarity (intersection over union × confidence) of a track and a sure detection.",
    )
    low_similarity: float = Field(
        default=0.5,
        ge=0.1,
        lt=1,
        description="Least intersection over union of a track and an unsure detection.",
    )
    new_similarity: float = Field(
        default=0.1, ge=0.1, lt=1, description="Least similarity of a track that is not confirmed yet and a detection."
    )
    duplicate_overlap: float = Field(
        default=0.5,
        ge=0.1,
        le=1,
        description="No track starts on a detection that overlaps a track just seen by this much.",
    )
    lost_seconds: float = Field(default=1.5, ge=0, description="How long a track that is no longer seen may come back.")
    re_entry_seconds: float = Field(
        default=0.5, ge=0, description="A track that comes back after at least this long is flagged as re-entered."
    )
    camera_motion: bool = Field(
        default=True,
        description="Notice from the detections alone when all of them move together, because the camera does.",
    )
    class_mismatch: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Factor on the similarity of a track and a detection of different classes: 0 never matches them, "
        "1 ignores classes.",
    )
