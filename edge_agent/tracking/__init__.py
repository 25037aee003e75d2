"""Detections → tracks: one columnar state for all cameras of the box."""

from __future__ import annotations

from edge_agent.tracking.appearance import Look
from edge_agent.tracking.frames import TrackedFrame
from edge_agent.tracking.ids import IdAllocator
from edge_agent.tracking.settings import TrackerSettings
from edge_agent.tracking.tracker import Tracker

__all__ = ["IdAllocator", "Look", "TrackedFrame", "Tracker", "TrackerSettings"]
