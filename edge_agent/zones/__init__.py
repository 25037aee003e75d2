"""Who comes into which zone, how long they stay, and who crosses which line: counted where the frames are."""

from __future__ import annotations

from edge_agent.zones.counter import PlaceCounter
from edge_agent.zones.settings import CountingSettings

__all__ = ["CountingSettings", "PlaceCounter"]
