"""`DrawnPlaces`: zones and lines that somebody drew in the dashboard, kept on the box's disk."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.errors import ConfigError
from common.places import Places, read_lines, read_zones
from common.places.geojson import as_geojson

log = logging.getLogger("passage.agent")


class DrawnPlaces:
    """One GeoJSON file a camera, which people may read and change too.

    Args:
        folder: made when something is drawn.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, Places] = {}
        self._lock = threading.Lock()

    def load(self, cameras: Iterable[str]) -> dict[str, Places]:
        """What was drawn for these cameras; one whose file is broken keeps the zones and lines of agent.yaml."""
        found: dict[str, Places] = {}
        for camera in cameras:
            path = self._path(camera)
            if path.is_file():
                try:
                    found[camera] = read_zones(path), read_lines(path)
                    log.info("camera %s: zones and lines as drawn in the dashboard (%s)", camera, path)
                except ConfigError as error:
                    log.error("%s; camera %s keeps those of agent.yaml", error, camera)
        return found

    def put(self, camera: str, places: Places) -> None:
        """Something was drawn; from any thread. What was drawn for this camera before and still waits is forgotten."""
        with self._lock:
            self._waiting[camera] = places

    def take(self) -> Iterator[tuple[str, Places]]:
        """What was drawn since the last time, written down."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for camera, places in waiting.items():
            self._save(camera, places)
            yield camera, places

    def _save(self, camera: str, places: Places) -> None:
        path = self._path(camera)
        draft = path.with_suffix(".draft")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as file:
                json.dump(as_geojson(*places), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:  # it counts all the same, and the aggregator sends it again at the next start
            log.error("%s: %s; what was drawn for %s is not kept", path, error.strerror, camera)

    def _path(self, camera: str) -> Path:
        return self._folder / f"{camera}.geojson"  # a camera's name holds no slash
