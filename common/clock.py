"""Time is UTC seconds (float64) inside and RFC 3339 outside. Core code is handed a clock and never asks the system."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> float:
        """UTC seconds since 1970."""
        ...


class SystemClock:
    """The computer's clock."""

    def now(self) -> float:
        """UTC seconds since 1970."""
        return time.time()


class ManualClock:
    """A clock that stands where it is put: for tests and replays."""

    def __init__(self, start: float = 0.0) -> None:
        self.time = start

    def now(self) -> float:
        """UTC seconds since 1970, as last set."""
        return self.time


def to_rfc3339(seconds: float) -> str:
    """UTC seconds → `2026-03-01T08:30:00.250Z`, milliseconds kept."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> float:
    """RFC 3339 (or plain UTC seconds) → UTC seconds. A time without an offset is taken as UTC.

    Raises:
        ValueError: the text is neither.
    """
    try:
        return float(text)
    except ValueError:
        pass
    # Python 3.10 reads no 'Z', and a '+' in a query string arrives as a blank.
    text = text.strip().replace(" ", "T", 1) if "T" not in text else text.strip().replace(" ", "+")
    moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "zZ" else text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
