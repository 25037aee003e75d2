"""`CameraStatus`: how a camera is doing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["connecting", "running", "stalled", "waiting", "ended", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraStatus:
    """How a camera is doing.

    Attributes:
        state: `connecting` (opening its source), `running`, `stalled` (open, but silent for too long), `waiting`
            (lost; tries again soon), `ended` (a file's end), `failed` (will not be tried again), `stopped`.
        fps: frames a second that arrive now.
        frames: how many were read so far.
        dropped: of these, how many were given up because newer ones came.
        reconnects: how often it was lost and came back.
        last_error: what went wrong last, for people; None if nothing did.
    """

    state: State
    fps: float = 0.0
    frames: int = 0
    dropped: int = 0
    reconnects: int = 0
    last_error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"fps": round(self.fps, 2)}

    def numbers(self) -> dict[str, float]:
        """What the heartbeat carries."""
        return {"fps": self.fps, "frames": float(self.frames), "dropped": float(self.dropped),
                "reconnects": float(self.reconnects), "up": float(self.state == "running")}
