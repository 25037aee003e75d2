"""`Zone` and `Line`: named places in one camera's view. Coordinates are shares (0 to 1) of its width and height."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from common.settings import Settings

Polygon = tuple[tuple[float, float], ...]
MOST_POINTS = 200
NAME = r"^[^\x00-\x1f/]*[^\x00-\x1f/\s][^\x00-\x1f/]*$"


def points(value: Any, least: int, what: str) -> Polygon:
    """A list of [x, y] as YAML, JSON or msgpack give it → points.

    Raises:
        ValueError: it is none, has too few or too many, or lies outside the view.
    """
    if not isinstance(value, list | tuple) or not all(
            isinstance(point, list | tuple) and len(point) == 2
            and all(isinstance(v, int | float) and not isinstance(v, bool) for v in point) for point in value):
        raise ValueError(f"{what} is a list of points [x, y]")
    if not least <= len(value) <= MOST_POINTS:
        raise ValueError(f"{what} needs at least {('no', 'one', 'two', 'three')[least]} points, at most {MOST_POINTS}")
    if not all(0 <= v <= 1 for point in value for v in point):
        raise ValueError(f"{what}'s x and y are shares of the view's width and height, from 0 to 1")
    return tuple((float(x), float(y)) for x, y in value)


class Zone(Settings):
    """A part of the floor. Who stands in it (the middle of the box's lower edge) is in it."""

    name: str = Field(min_length=1, max_length=60, pattern=NAME, description="unique in the camera; no '/'")
    polygon: Polygon = Field(
        description="corners [x, y], shares (0 to 1) of the view's width and height; at least three")
    dwell_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False,
        description="who stays for so many seconds causes one event `zone_dwell`; not set: nobody does")

    @field_validator("polygon", mode="before")
    @classmethod
    def _is_polygon(cls, value: Any) -> Any:
        return points(value, 3, "a polygon")


class Line(Settings):
    """A line that people cross in one direction or the other."""

    name: str = Field(min_length=1, max_length=60, pattern=NAME, description="unique in the camera; no '/'")
    points: Polygon = Field(
        description="[x, y] from one end to the other, shares (0 to 1) of the view's width and height; at least two")
    forward: str = Field(
        default="in", min_length=1, max_length=60, pattern=NAME,
        description="name of crossing from the left to the right of somebody who walks along the line from its first "
                    "point, as the picture shows it; with a line drawn from left to right: downwards")
    backward: str = Field(default="out", min_length=1, max_length=60, pattern=NAME,
                          description="name of crossing the other way")

    @field_validator("points", mode="before")
    @classmethod
    def _is_line(cls, value: Any) -> Any:
        return points(value, 2, "a line")

    @model_validator(mode="after")
    def _two_names(self) -> Line:
        if self.forward == self.backward:
            raise ValueError(f"both directions are named '{self.forward}'")
        return self


Places = tuple[tuple[Zone, ...], tuple[Line, ...]]
"""All of one camera."""


def one_name_each(places: tuple[Zone, ...] | tuple[Line, ...]) -> None:
    """Every place of a camera needs a name of its own.

    Raises:
        ValueError: two share one.
    """
    seen: set[str] = set()
    for place in places:
        if place.name in seen:
            raise ValueError(f"two are named '{place.name}'; every one of a camera needs a name of its own")
        seen.add(place.name)
