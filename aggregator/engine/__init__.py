"""The aggregator's one writing thread, what it tells the rest of the process, and what it lets in."""

from __future__ import annotations

from aggregator.engine.bus import Bus
from aggregator.engine.engine import Engine
from aggregator.engine.settings import EngineSettings

__all__ = ["Bus", "Engine", "EngineSettings"]
