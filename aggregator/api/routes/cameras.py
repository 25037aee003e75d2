"""The cameras of the site."""

from __future__ import annotations

import difflib

from aiohttp import web
from pydantic import Field

from aggregator.api import shapes, shaping
from aggregator.api.access import Audit, Role
from aggregator.api.binding import NoParameters, Parameters
from aggregator.api.errors import not_found
from aggregator.api.keys import ENGINE, READERS
from aggregator.api.registry import Registry
from aggregator.api.site_stats import camera_numbers
from aggregator.store.reader import StoreReader
from aggregator.store.rows import CameraRow

routes = Registry()


class OneCamera(Parameters):
    """One camera."""

    camera: str = Field(max_length=200, description="the camera's name")


@routes.add("GET", "/api/cameras", tag="site", role=Role.VIEWER, audit=Audit.NEVER,
            answer=shapes.Cameras)
async def list_cameras(request: web.Request, _query: NoParameters) -> shapes.Cameras:
    """All cameras.

    With what their agents say of them now.
    """
    rows = await request.app[READERS].ask(StoreReader.cameras)
    live = camera_numbers(request.app[ENGINE].stats())
    return {"cameras": [shaping.camera(row, live.get(row.camera)) for row in rows]}


@routes.add("GET", "/api/cameras/{camera}", tag="site", role=Role.VIEWER, audit=Audit.NEVER,
            parameters=OneCamera, answer=shapes.Camera, errors=(404,))
async def get_camera(request: web.Request, query: OneCamera) -> shapes.Camera:
    """One camera."""
    row = await request.app[READERS].ask(the_camera, query.camera)
    return shaping.camera(row, camera_numbers(request.app[ENGINE].stats()).get(row.camera))


def the_camera(reader: StoreReader, camera: str) -> CameraRow:
    """The camera.

    Raises:
        ApiError: 404, with the nearest name.
    """
    row = reader.camera(camera)
    if row is None:
        names = [other.camera for other in reader.cameras()]
        near = difflib.get_close_matches(camera, names, n=1, cutoff=0.5)
        shown = ", ".join(f"'{name}'" for name in names[:10])
        cure = f"did you mean '{near[0]}'?" if near else f"cameras are {shown}" if names else "no camera is known yet"
        raise not_found("camera", f"there is no camera '{camera}'", cure)
    return row


def known_camera(reader: StoreReader, camera: str | None) -> None:
    """A filter that names a camera which is not there would silently find nothing.

    Raises:
        ApiError: 404, with the nearest name.
    """
    if camera is not None:
        the_camera(reader, camera)
