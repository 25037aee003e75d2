"""The aggregator of a round: the product's own server in a process of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aggregator.serve import Server
from aggregator.settings import AggregatorSettings
from common.clock import SystemClock
from common.settings import from_mapping
from tests.faults import scene
from tests.faults.child import Clockwork, begin_child


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an aggregator is told; see `box.Order`."""

    endpoint: str
    http: str
    folder: Path
    ready: Path
    log: Path
    clock: Path
    kill_at: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


def main(order: Order) -> None:
    """The whole process."""
    begin_child(order.log, Clockwork(order.clock), order.kill_at)
    api = {"open_loopback": True} if "open_loopback" in AggregatorSettings.model_fields["api"].default.model_fields \
        else {}
    values: dict[str, Any] = {
        "listen": order.endpoint, "http": order.http, "data": order.folder, "api": api,
        "engine": {"gather_s": 0.005, "resolve_every_s": 0.3}, "store": {"min_free_mb": 0}}
    layout = order.folder / "layout.txt"
    if not layout.exists():
        layout.write_text(scene.LAYOUT)
    values["layout"] = layout
    settings = from_mapping({**values, **order.settings}, AggregatorSettings, "faults")
    asyncio.run(Server(settings, SystemClock()).run(order.ready))
