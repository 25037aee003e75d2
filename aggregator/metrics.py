"""The aggregator's metrics."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aggregator.inbox import InboxCounters
from aggregator.store.rows import Counts
from common.metrics import PROCESS, Described, Metric, Samples, declared

_COUNTS = {  # the engine's own words
    "messages": "Messages taken from agents.", "commits": "Transactions on the disk.",
    "tracklets": "Parts of tracks stored.", "events": "Events stored.",
    "repeats": "Messages that had been taken before, and were dropped.",
    "repeated_parts": "Parts of tracks that had been taken before.",
    "out_of_order": "Messages that came before one that must come first.",
    "skipped": "Messages that agents gave up before they came here: their spools were full.",
    "corrections": "Corrections by people.", "alerts": "Alerts raised by rules.",
}
DECISIONS = ("new", "link", "merge", "split", "retract", "confirm", "restore")
_CAMERA = {
    "fps": ("passage_camera_frames_per_second", "Frames that arrive at the box."),
    "latency_s": ("passage_camera_latency_seconds", "From a frame's capture to its tracklets."),
    "latency_worst_s": ("passage_camera_latency_worst_seconds", "The same, of the slowest frame of the last half to "
                                                                "whole minute."),
    "people": ("passage_camera_people", "Tracks in view."),
    "up": ("passage_camera_up_boolean", "1 while the camera gives frames."),
}
_CAMERA_COUNTS = {
    "frames": ("passage_camera_frames_total", "Frames read by the box since its start."),
    "dropped": ("passage_camera_dropped_frames_total", "Frames given up by the box because newer ones came."),
    "reconnects": ("passage_camera_reconnects_total", "How often the camera was lost and came back."),
}
_SPOOL: dict[str, Described] = {
    "depth": ("passage_agent_spool_messages", "gauge", "Messages that wait on the box's disk."),
    "bytes": ("passage_agent_spool_bytes", "gauge", "Bytes of them."),
    "max_bytes": ("passage_agent_spool_limit_bytes", "gauge", "Most that may wait there."),
    "dropped_messages": ("passage_agent_spool_dropped_total", "counter", "Messages dropped there for want of room."),
}

METRICS = declared([
    *PROCESS,
    Metric(name="passage_release_info", kind="gauge", help="1, with the release.", labels=("version",)),
    Metric(name="passage_uptime_seconds", kind="gauge", help="Since the start."),
    Metric(name="passage_storing_boolean", kind="gauge", help="1 while what agents send can be stored."),
    Metric(name="passage_people", kind="gauge", help="People in view now, over all cameras."),
    Metric(name="passage_active_identities", kind="gauge", help="Identities in view now."),
    *(Metric(name=f"passage_{name}_total", kind="counter", help=text) for name, text in _COUNTS.items()),
    Metric(name="passage_decisions_total", kind="counter", help="Decisions of linking.", labels=("operation",)),
    Metric(name="passage_refused_total", kind="counter", help="Messages refused by the engine.", labels=("code",)),
    Metric(name="passage_queue_messages", kind="gauge", help="Messages that wait for the engine."),
    Metric(name="passage_queue_limit_messages", kind="gauge", help="Most that may wait; beyond it agents wait."),
    Metric(name="passage_index_backlog_visits", kind="gauge", help="Visits that search does not know yet."),
    Metric(name="passage_agent_connected_boolean", kind="gauge", help="1 while the agent speaks.", labels=("agent",)),
    Metric(name="passage_agent_clock_skew_seconds", kind="gauge", help="Its clock less ours.", labels=("agent",)),
    *(Metric(name=name, kind=kind, help=text, labels=("agent",)) for name, kind, text in _SPOOL.values()),
    *(Metric(name=name, kind="gauge", help=text, labels=("camera",)) for name, text in _CAMERA.values()),
    *(Metric(name=name, kind="counter", help=text, labels=("camera",)) for name, text in _CAMERA_COUNTS.values()),
    Metric(name="passage_store_rows", kind="gauge", help="What is stored.", labels=("kind",)),
    Metric(name="passage_store_bytes", kind="gauge", help="Size of the database with its write-ahead log."),
    Metric(name="passage_store_free_bytes", kind="gauge", help="Room left on its disk."),
    Metric(name="passage_inbox_received_total", kind="counter", help="Messages read from the wire."),
    Metric(name="passage_inbox_refused_total", kind="counter", help="Messages and connections refused at the wire.",
           labels=("code",)),
    Metric(name="passage_inbox_undelivered_total", kind="counter", help="Messages to agents that were away."),
    Metric(name="passage_inbox_waited_seconds_total", kind="counter", help="Time in which agents were made to wait."),
    Metric(name="passage_http_requests_total", kind="counter", help="Requests answered.",
           labels=("operation", "status")),
    Metric(name="passage_http_busy_seconds_total", kind="counter", help="Time spent answering them.",
           labels=("operation",)),
    Metric(name="passage_http_refused_total", kind="counter", help="Requests refused for want of a token or role.",
           labels=("code",)),
    Metric(name="passage_open_sockets", kind="gauge", help="Open WebSockets."),
    Metric(name="passage_picture_viewers", kind="gauge", help="Viewers of live pictures."),
    Metric(name="passage_audit_entries_total", kind="counter", help="Looks written into the audit log."),
])


def measure_engine(samples: Samples, stats: Mapping[str, Any]) -> None:
    """The engine's numbers, of the cameras that are in `stats`."""
    samples.add("passage_uptime_seconds", stats.get("uptime_s"))
    samples.add("passage_storing_boolean", float(not stats.get("problem")))
    samples.add("passage_people", stats.get("people_now", 0))
    samples.add("passage_queue_messages", stats.get("queue"))
    samples.add("passage_queue_limit_messages", stats.get("queue_limit"))
    samples.add("passage_index_backlog_visits", stats.get("index_backlog"))
    counts = stats.get("counts", {})
    for name in _COUNTS:
        samples.add(f"passage_{name}_total", counts.get(name, 0))
    for name in DECISIONS:
        samples.add("passage_decisions_total", counts.get(name, 0), name)
    for code, count in stats.get("refused", {}).items():
        samples.add("passage_refused_total", count, code)
    for camera, numbers in stats.get("cameras", {}).items():
        for key, (name, _) in (_CAMERA | _CAMERA_COUNTS).items():
            samples.add(name, numbers.get(key), camera)


def measure_agents(samples: Samples, agents: Mapping[str, Mapping[str, Any]], seen: set[str]) -> None:
    """The agents' numbers, of those in `seen`."""
    for agent in sorted(seen & agents.keys()):
        numbers = agents[agent]
        samples.add("passage_agent_connected_boolean", float(bool(numbers.get("connected"))), agent)
        samples.add("passage_agent_clock_skew_seconds", numbers.get("clock_skew_s"), agent)
        for key, (name, _, _) in _SPOOL.items():
            samples.add(name, numbers.get("spool", {}).get(key), agent)


def measure_store(samples: Samples, counts: Counts) -> None:
    """How much is stored."""
    for kind in ("visits", "identities", "events", "cameras", "agents", "decisions"):
        samples.add("passage_store_rows", getattr(counts, kind), kind)


def measure_rest(samples: Samples, inbox: InboxCounters, database: Path) -> None:
    """The wire's numbers, and the disk's."""
    samples.add("passage_inbox_received_total", inbox.received)
    for code, count in inbox.refused.items():
        samples.add("passage_inbox_refused_total", count, code)
    samples.add("passage_inbox_undelivered_total", inbox.undelivered)
    samples.add("passage_inbox_waited_seconds_total", inbox.waited_s)
    files = (database, database.with_name(database.name + "-wal"))
    samples.add("passage_store_bytes", sum(file.stat().st_size for file in files if file.exists()))
    samples.add("passage_store_free_bytes", shutil.disk_usage(database.parent).free)
