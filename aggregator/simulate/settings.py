"""What a synthetic city is like."""

from __future__ import annotations

from pydantic import Field

from common.settings import Settings


class CitySettings(Settings):
    """Cameras, people and what goes wrong between the two. Equal settings give equal cities."""

    cameras: int = Field(8, ge=1, le=2000, description="how many cameras")
    people: int = Field(400, ge=1, le=10_000_000, description="how many people come")
    hours: float = Field(8.0, gt=0, le=24 * 366, description="over how many hours they come")
    seed: int = Field(0, ge=0, description="another number is another city")
    overlap: float = Field(
        0.1, ge=0, le=1, description="share of neighbouring cameras whose views overlap")
    skew: float = Field(
        0.0, ge=0, le=86_400, description="standard deviation of the cameras' clocks, in seconds")
    groups: float = Field(
        0.2, ge=0, le=1, description="share of people who walk in groups of two to five, dressed alike")
    error: float = Field(
        1.0, ge=0, le=3,
        description="how much of what the network sees is not the person: 0 nothing, 1 as much as real networks on a "
                    "site they were not trained on")
    returning: float = Field(0.2, ge=0, le=1, description="share of people who come a second time")
    missed: float = Field(0.05, ge=0, le=0.95, description="share of visits that nothing is seen of")
    split: float = Field(0.05, ge=0, le=1, description="share of visits that an occlusion breaks in two")
    dropped: float = Field(0.05, ge=0, le=0.95, description="share of frames that are lost")
    fps: float = Field(10.0, gt=0, le=120, description="frames a second of every camera")
    dimensions: int = Field(256, ge=16, le=4096, description="numbers of an embedding")
