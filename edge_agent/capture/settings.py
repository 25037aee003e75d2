"""What a camera is told: where its pictures come from, which part counts, and what time it is there."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from common.clock import from_rfc3339
from common.errors import ConfigError
from common.places import Line, Places, Zone, read_lines, read_zones
from common.places.shapes import one_name_each
from common.settings import Settings
from edge_agent.capture.address import Address
from edge_agent.preview.settings import PreviewSettings

Polygon = tuple[tuple[float, float], ...]


class ClockSettings(Settings):
    """How a camera's frames get their UTC times.

    A live camera: time of capture + `offset`. A file or folder: `start` + seconds since its first frame × `scale`
    + `offset`.
    """

    offset: float = Field(
        default=0.0, description="seconds added to every time of this camera; a clock that is fast needs less than 0")
    scale: float = Field(
        default=1.0, gt=0, description="seconds of real time in one second of the file; live cameras ignore it")
    start: float | None = Field(
        default=None, description="when a file's first frame was taken, RFC 3339 or UTC seconds; without it the moment "
                                  "at which the program started")

    @field_validator("start", mode="before")
    @classmethod
    def _as_seconds(cls, value: Any) -> Any:
        # YAML itself turns an unquoted date into a datetime.
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
        if isinstance(value, str):
            try:
                return from_rfc3339(value)
            except ValueError:
                raise ValueError("is no time such as 2026-03-01T08:30:00Z") from None
        return value


class CameraSettings(Settings):
    """One camera."""

    id: str = Field(min_length=1, max_length=60, pattern=r"^\w[\w.-]*$",
                    description="the camera's name, unique in the site")
    source: str = Field(min_length=1, description="path of a video, rtsp:// or http:// address, webcam:0, "
                                                  "folder:PATH of pictures, or a re-identification data set played as "
                                                  "the cameras of a site: market1501:PATH or mars:PATH for all of them "
                                                  "(their ids end in -c1, -c2 …), PATH#3 for one; ${NAME} takes an "
                                                  "environment variable, for passwords")
    crop: tuple[int, int, int, int] | None = Field(
        default=None, description="left, top, right, bottom in pixels: only this part of the picture is looked at")
    mask: Path | tuple[Polygon, ...] | None = Field(
        default=None, description="who stands outside is ignored: a picture that is black there, or polygons of x, y "
                                  "as shares (0 to 1) of the view's width and height, inside of which counts")
    zones: Path | tuple[Zone, ...] = Field(
        default=(), description="parts of the floor where people are counted: a list, or a GeoJSON file whose Polygons "
                                "have coordinates from 0 to 1")
    lines: Path | tuple[Line, ...] = Field(
        default=(), description="lines whose crossing counts: a list, or a GeoJSON file (the same one may hold both) "
                                "whose LineStrings are taken")
    clock: ClockSettings = Field(default=ClockSettings(), description="what time it is in this camera")
    loop: bool = Field(default=False, description="start a file or folder again when it ends")
    max_fps: float | None = Field(
        default=None, gt=0, description="frames a second that are looked at; more are skipped")
    fps: float | None = Field(
        default=None, gt=0, le=1000, description="frames a second of a folder of pictures (25 unless told), or of a "
                                                 "file whose own is wrong")
    faces: bool = Field(
        default=False, description="whether this camera looks for faces: their embeddings then go with tracklets, help "
                                   "to tell who is who, and can be searched by a picture of a face; needs "
                                   "`edge-agent models pull yunet sface`, and in most countries a lawful reason")
    preview: PreviewSettings = Field(default=PreviewSettings(), description="whether people may look at this camera")

    @property
    def address(self) -> Address:
        """The source, taken apart."""
        return Address.parse(self.source)

    def read_places(self) -> Places:
        """Its zones and lines, from files where it says so.

        Raises:
            ConfigError: a file that cannot be read, or holds something else.
        """
        zones = read_zones(self.zones) if isinstance(self.zones, Path) else self.zones
        lines = read_lines(self.lines) if isinstance(self.lines, Path) else self.lines
        try:
            one_name_each(zones)
            one_name_each(lines)
        except ValueError as error:
            raise ConfigError(f"camera '{self.id}': zones or lines: {error}") from error
        return zones, lines

    @field_validator("source")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        Address.parse(value)
        return value

    @model_validator(mode="after")
    def _data_sets_are_whole(self) -> CameraSettings:
        if self.address.dataset:
            for name in ("crop", "mask", "loop"):
                if getattr(self, name):
                    raise ValueError(f"a data set of people cut out has no '{name}'")
        return self

    @field_validator("crop")
    @classmethod
    def _not_empty(cls, crop: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
        if crop is not None:
            left, top, right, bottom = crop
            if not (0 <= left < right and 0 <= top < bottom):
                raise ValueError("expected left, top, right, bottom in pixels with left < right and top < bottom")
        return crop

    @field_validator("zones", "lines")
    @classmethod
    def _named_once(cls, places: Any) -> Any:
        if not isinstance(places, Path):
            one_name_each(places)
        return places

    @field_validator("mask", mode="before")
    @classmethod
    def _picture_or_polygons(cls, mask: Any) -> Any:
        if mask is None or isinstance(mask, str | Path):
            return mask
        expected = "expected the path of a picture or a list of polygons, each a list of [x, y]"
        if not isinstance(mask, list | tuple) or not mask:
            raise ValueError(expected)
        for polygon in mask:
            if not isinstance(polygon, list | tuple) or not all(
                    isinstance(point, list | tuple) and len(point) == 2
                    and all(isinstance(v, int | float) and not isinstance(v, bool) for v in point)
                    for point in polygon):
                raise ValueError(expected)
            if len(polygon) < 3:
                raise ValueError("a polygon needs at least three points")
            if any(not 0 <= v <= 1 for point in polygon for v in point):
                raise ValueError("a polygon's x and y are shares of the view's width and height, from 0 to 1")
        return mask
