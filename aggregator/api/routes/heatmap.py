"""Where people stand in a camera's view."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field

from aggregator.analytics.heatmap import Footprints, fade, heatmap, trace
from aggregator.analytics.picture import heatmap_png
from aggregator.api import shapes
from aggregator.api.accept import preferred
from aggregator.api.access import Audit, Role
from aggregator.api.keys import CLOCK, READERS
from aggregator.api.parameters import Between
from aggregator.api.registry import JSON, Media, Registry
from aggregator.api.routes.cameras import the_camera
from aggregator.store.reader import StoreReader
from common.clock import to_rfc3339

PNG = "image/png"
WIDTH_OF_PICTURE, WIDTH_OF_NUMBERS = 640, 64
DEFAULT_ASPECT = 9 / 16

routes = Registry()


class HeatmapQuery(Between):
    """What the map shows."""

    camera: str = Field(max_length=200, description="the camera's name")
    format: Literal["png", "json"] | None = Field(
        default=None, description="picture or numbers; otherwise the Accept header decides, and numbers are given "
                                  "when it does not")
    half_life_s: float | None = Field(default=None, gt=0, le=1e9, allow_inf_nan=False, description=
                                      "decay: seconds after which a point counts half; without it all count alike")
    sigma: float = Field(default=0.02, gt=0, le=0.5, allow_inf_nan=False,
                         description="the Gaussian's standard deviation, as a share of the view's width")
    width: int | None = Field(default=None, ge=8, le=1920, description=
                              f"cells across: {WIDTH_OF_PICTURE} for a picture and {WIDTH_OF_NUMBERS} for numbers "
                              "when not given; the height follows from the view")


@routes.add("GET", "/api/cameras/{camera}/heatmap", tag="places", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=HeatmapQuery, answer=shapes.Heatmap, media=(PNG,), errors=(404,))
async def get_heatmap(request: web.Request, query: HeatmapQuery) -> shapes.Heatmap | Media:
    """Where people stood.

    As a picture to lay over the camera's view, or as numbers. The time between two foot points of a path is laid out
    along the way, so that a cell holds person-seconds whatever the frame rate. A Gaussian at the foot point spreads
    it; with `half_life_s`, what is older counts less. The picture is transparent where nobody was, and its colours
    show the square root of the share of the greatest cell.
    """
    picture = (query.format or preferred(request, {"json": JSON, "png": PNG})) == "png"
    until = query.until if query.until is not None else request.app[CLOCK].now()
    width = query.width or (WIDTH_OF_PICTURE if picture else WIDTH_OF_NUMBERS)

    def ask(reader: StoreReader) -> shapes.Heatmap | Media:
        camera = the_camera(reader, query.camera)
        points = reader.paths(query.camera, query.since, until)
        prints = Footprints.of_boxes(points.visits, points.times, points.boxes)
        feet, times, seconds = trace(prints, query.sigma / 2)
        weights = seconds * fade(times, until, query.half_life_s)
        aspect = camera.height / camera.width if camera.width and camera.height else DEFAULT_ASPECT
        height = max(1, round(width * aspect))
        heat = heatmap(feet, weights, width=width, height=height, sigma=query.sigma)
        if picture:
            return Media(body=heatmap_png(heat), type=PNG)
        return {
            "camera": query.camera, "since": None if query.since is None else to_rfc3339(query.since),
            "until": to_rfc3339(until), "half_life_s": query.half_life_s, "sigma": query.sigma,
            "width": width, "height": height, "points": len(prints),
            "person_seconds": round(float(weights.sum()), 3),
            "cells": heat.round(4).astype(float).round(4).tolist(),
        }

    return await request.app[READERS].ask(ask)
