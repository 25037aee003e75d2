"""events.jsonl: what happened, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable

from common.clock import to_rfc3339
from common.messages import Event
from edge_agent.outputs.lines import LineFile


class EventsJsonl(LineFile):
    """events.jsonl.

    Keys: `time` (RFC 3339), `frame` (from 0; null when the event is of none), `camera`, `track`, `kind`
    (track_started, track_ended, re_entered, id_switch_mitigated) and `extra`, what else is known.
    """

    def events(self, events: Iterable[Event]) -> None:
        """Append events."""
        self.write("".join(
            json.dumps({
                "time": to_rfc3339(event.time), "frame": event.data.get("frame"), "camera": event.camera,
                "track": event.track, "kind": event.kind,
                "extra": {key: value for key, value in event.data.items() if key != "frame"},
            }, ensure_ascii=False, default=str) + "\n" for event in events))
