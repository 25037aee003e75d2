"""Zones and lines in a camera's view: what they are, how they are written down, and the geometry of standing in one."""

from __future__ import annotations

from common.places.geojson import read_lines, read_zones
from common.places.shapes import Line, Places, Polygon, Zone

__all__ = ["Line", "Places", "Polygon", "Zone", "read_lines", "read_zones"]
