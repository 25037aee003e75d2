"""Rules that people write, and what they say when something happens."""

from __future__ import annotations

from aggregator.alerts.rules import Rule
from aggregator.alerts.watch import Alert, Watch

__all__ = ["Alert", "Rule", "Watch"]
