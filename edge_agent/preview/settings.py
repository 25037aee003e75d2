"""Whether, and how, a camera may be looked at."""

from __future__ import annotations

from pydantic import Field

from common.settings import Settings


class PreviewSettings(Settings):
    """Live pictures of one camera. Nothing leaves the box unless `allow` is set, and then only while somebody looks."""

    allow: bool = Field(False, description="let people look at this camera from the aggregator's dashboard")
    blur_faces: bool = Field(True, description="blur the head of everybody, before the picture is encoded")
    overlay: bool = Field(True, description="draw boxes and global ids on the picture")
    fps: float = Field(10.0, gt=0, le=60, description="most pictures a second")
    width: int = Field(960, ge=64, le=4096, description="most pixels across; larger views are made smaller")
    quality: int = Field(75, ge=10, le=95, description="JPEG quality")
