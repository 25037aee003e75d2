"""The engine and what it publishes, as far as the caller may see."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.api.access import LOCAL, Caller, caller
from aggregator.api.errors import ApiError
from aggregator.api.ports import Engine, History, Message
from aggregator.corrections.asked import Asked
from aggregator.linking.ways import SiteMap
from aggregator.privacy.receipt import Receipt
from aggregator.store.records import CorrectionRow
from aggregator.visit import reason_within


class SeenHistory:
    """Everybody ever seen where the caller may look."""

    def __init__(self, history: History) -> None:
        self._history = history

    def search(self, embedding: NDArray[np.float32], model: str, k: int, since: float | None = None,
               until: float | None = None, cameras: Collection[str] | None = None) -> list[tuple[int, int, float]]:
        """As `History.search`."""
        allowed = caller().cameras
        if allowed is not None:
            cameras = allowed if cameras is None else allowed.intersection(cameras)
        return self._history.search(embedding, model, k, since, until, cameras)


class SeenEngine:
    """The engine; its numbers are those of the caller's cameras."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def history(self) -> SeenHistory:
        """To search in."""
        return SeenHistory(self._engine.history)

    def stats(self) -> dict[str, Any]:
        """As `Engine.stats`."""
        return narrowed(self._engine.stats(), caller())

    def site_map(self) -> SiteMap:
        """As `Engine.site_map`: ways between the caller's cameras."""
        site, cameras = self._engine.site_map(), caller().cameras
        if cameras is None:
            return site
        return SiteMap(ways=tuple(way for way in site.ways if {way.left, way.entered} <= cameras),
                       clocks=tuple(clock for clock in site.clocks if clock.camera in cameras))

    def correct(self, asked: Asked) -> Future[CorrectionRow]:
        """As `Engine.correct`, in the caller's name.

        Raises:
            ApiError: 403, the caller sees some cameras only: a correction changes who somebody is in all of them.
        """
        who = caller()
        if who.cameras is not None:
            raise ApiError(403, "some_cameras", f"'{who.name}' sees some cameras only, and a correction holds for all",
                           cure="ask somebody who sees every camera")
        if who.name not in (asked.who, LOCAL):  # nobody signs with another's name
            asked = dataclasses.replace(asked, who=f"{asked.who} (token '{who.name}')"[:200])
        return self._engine.correct(asked)

    def forget(self, identity: int) -> Future[Receipt]:
        """As `Engine.forget`."""
        if caller().cameras is not None:
            raise ApiError(403, "some_cameras", "forgetting holds for all cameras",
                           cure="ask somebody who sees every camera")
        return self._engine.forget(identity)


def narrowed(stats: dict[str, Any], who: Caller) -> dict[str, Any]:
    """The engine's numbers without what comes from cameras that `who` may not see.

    Counters of the whole site, such as messages a second, stay. `agents` stay for whoever is let see cameras of theirs
    by the store; here their names alone would tell, so they are matched there.
    """
    if who.cameras is None:
        return stats
    cameras = {camera: numbers for camera, numbers in stats.get("cameras", {}).items() if who.sees(camera)}
    return {**stats, "cameras": cameras,
            "people_now": int(sum(numbers.get("people", 0) for numbers in cameras.values())),
            "recent": [link for link in stats.get("recent", []) if who.sees(link.get("camera"))]}


def visible(wants: Callable[[Message], bool], who: Caller) -> Callable[[Message], bool]:
    """`wants`, for messages from cameras that `who` may see. What says no camera is for those who see all."""
    if who.cameras is None:
        return wants
    return lambda message: who.sees(message.get("camera")) and wants(message)


def shown(message: Message, who: Caller) -> Message:
    """A message that `who` may have, without what is said in it of other cameras, and of people seen only there."""
    if who.cameras is None or message.get("type") != "link":
        return message
    reason = reason_within(message.get("reason", {}), who.cameras)
    reason.pop("words", None)  # they name the other
    return {**message, "other": None, "reason": reason}
