"""The terminal view of a running aggregator."""

from __future__ import annotations

from aggregator.live.view import LiveView

__all__ = ["LiveView"]
