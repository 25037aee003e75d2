"""What one run writes: tracks.csv, events.jsonl, mot.txt, summary.json, annotated.mp4, and a window to watch it."""

from __future__ import annotations

from edge_agent.outputs.run import RunOutputs
from edge_agent.outputs.window import require_display

__all__ = ["RunOutputs", "require_display"]
