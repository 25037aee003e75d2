"""Where alerts go besides the stream of events: webhooks and MQTT."""

from __future__ import annotations

from aggregator.sinks.sinks import Sinks

__all__ = ["Sinks"]
