"""`DrawnFiles`: what people drew for cameras, kept in the data folder and sent to their agents until these have it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.errors import ConfigError, StoreError
from common.messages import Drawn, Message
from common.places import Places, read_lines, read_zones
from common.places.geojson import as_geojson

log = logging.getLogger("serve")


class DrawnFiles:
    """One GeoJSON file a camera. Call it from any thread.

    Args:
        folder: made when something is drawn.
        send: sends a message to an agent; one that is away gets it when it greets.
    """

    def __init__(self, folder: Path, send: Callable[[str, Message], None]) -> None:
        self._folder, self._send = folder, send
        self._lock = threading.Lock()

    def draw(self, camera: str, agent: str, places: Places) -> None:
        """Keep what somebody drew, and tell the camera's agent.

        Raises:
            StoreError: it cannot be written; nothing was sent.
        """
        path = self._path(camera)
        draft = path.with_suffix(".draft")
        with self._lock:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with draft.open("w", encoding="utf-8") as file:
                    json.dump({"camera": camera, **as_geojson(*places)}, file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            except OSError as error:
                raise StoreError(f"{path}: {error.strerror}", "make space there, or let this user write there") \
                    from error
        self._send(agent, Drawn(camera=camera, zones=places[0], lines=places[1]))

    def greeted(self, agent: str, cameras: list[str]) -> None:
        """An agent has greeted: it gets what was drawn for its cameras; what it has already, it passes over."""
        for camera in cameras:
            path = self._path(camera)
            if path.is_file():
                try:
                    places = read_zones(path), read_lines(path)
                except ConfigError as error:
                    log.error("%s; camera %s keeps what its agent has", error, camera)
                else:
                    self._send(agent, Drawn(camera=camera, zones=places[0], lines=places[1]))

    def take(self, news: Mapping[str, Any]) -> None:
        """Off the bus."""
        if news["type"] == "agent":
            self.greeted(news["agent"], news["cameras"])

    def _path(self, camera: str) -> Path:
        # A camera's name comes from an agent: it is no path.
        return self._folder / f"{hashlib.sha256(camera.encode()).hexdigest()[:24]}.geojson"
