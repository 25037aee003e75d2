"""Zones and lines from a GeoJSON file (RFC 7946) whose coordinates are shares of the view instead of degrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from common.places.shapes import Line, Zone
from common.settings import Settings, T, from_mapping


def read_zones(path: Path) -> tuple[Zone, ...]:
    """The Polygons of a file. `properties` hold what else a `Zone` takes; a hole or a second part is refused.

    Raises:
        ConfigError: it cannot be read, or holds something else than a zone takes.
    """
    return _read(path, Zone, "Polygon", "polygon")


def read_lines(path: Path) -> tuple[Line, ...]:
    """The LineStrings of a file, as `read_zones`."""
    return _read(path, Line, "LineString", "points")


def _read(path: Path, kind: type[T], geometry: str, key: str) -> tuple[T, ...]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give the path of a GeoJSON file") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: is no GeoJSON: {error}") from error
    features = _features(tree, path)
    found: list[T] = []
    for number, feature in enumerate(features, 1):
        shape = feature.get("geometry") or {}
        if shape.get("type") != geometry:
            if shape.get("type") not in ("Polygon", "LineString"):
                raise ConfigError(f"{path}: feature {number} is a {shape.get('type')!r:.40}",
                                  "a zone is a Polygon, a line is a LineString")
            continue
        properties = dict(feature.get("properties") or {})
        properties.setdefault("name", str(feature.get("id", f"{kind.__name__.lower()} {number}")))
        known = {name: value for name, value in properties.items() if name in kind.model_fields}
        found.append(from_mapping({**known, key: _coordinates(shape, path, number)}, kind,
                                  f"{path}: feature {number}"))
    return tuple(found)


def _features(tree: Any, path: Path) -> list[dict[str, Any]]:
    if isinstance(tree, dict) and tree.get("type") == "FeatureCollection" and isinstance(tree.get("features"), list) \
            and all(isinstance(feature, dict) for feature in tree["features"]):
        return list(tree["features"])
    if isinstance(tree, dict) and tree.get("type") == "Feature":
        return [tree]
    raise ConfigError(f"{path}: is no GeoJSON FeatureCollection")


def _coordinates(shape: dict[str, Any], path: Path, number: int) -> Any:
    given = shape.get("coordinates")
    if shape["type"] == "LineString":
        return given
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], list):
        raise ConfigError(f"{path}: feature {number}: expected a polygon of one ring, without holes")
    ring = given[0]
    return ring[:-1] if len(ring) > 3 and ring[0] == ring[-1] else ring  # RFC 7946 closes rings


def as_geojson(zones: tuple[Zone, ...], lines: tuple[Line, ...]) -> dict[str, Any]:
    """The same the other way: a FeatureCollection that `read_zones` and `read_lines` take."""
    return {"type": "FeatureCollection", "features": [
        *(_feature(zone, "Polygon", [[list(p) for p in (*zone.polygon, zone.polygon[0])]], "polygon")
          for zone in zones),
        *(_feature(line, "LineString", [list(p) for p in line.points], "points") for line in lines)]}


def _feature(place: Settings, kind: str, coordinates: list[Any], without: str) -> dict[str, Any]:
    properties = {key: value for key, value in place.model_dump().items() if key != without and value is not None}
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}
