"""Small things of the terminal view: colours of identities, bars of numbers, times and lengths of time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from rich.text import Text

# Told apart on dark and on light backgrounds; red is kept for trouble.
_PALETTE = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green",
            "dark_orange", "medium_purple1", "sea_green2", "hot_pink", "deep_sky_blue1", "gold3")
_BARS = " ▁▂▃▄▅▆▇█"


def identity(name: str | None) -> Text:
    """`G17` in a colour of its own, the same every time."""
    if not name:
        return Text("–", style="dim")
    return Text(name, style=f"bold {_PALETTE[zlib.crc32(name.encode()) % len(_PALETTE)]}")


def share(value: float | None) -> Text:
    """A probability: green when it can be relied on, red when it cannot."""
    if value is None:
        return Text("–", style="dim")
    style = "green" if value >= 0.9 else "yellow" if value >= 0.6 else "red"
    return Text(f"{value * 100:.0f} %", style=style)


def sparkline(values: Sequence[int], width: int) -> Text:
    """The latest `width` numbers as bars; the scale starts at 4 so that one person is no crowd."""
    shown = list(values)[-width:]
    top = max(4, *shown) if shown else 4
    bars = "".join(_BARS[0 if value <= 0 else max(1, round(value / top * 8))] for value in shown)
    return Text(bars.rjust(width), style="cyan")


def clock(time: str) -> str:
    """`2026-03-01T12:01:16.000Z` → `12:01:16`."""
    return time[11:19]


def duration(seconds: float) -> str:
    """`45 s`, `3 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def latency(seconds: float | None) -> str:
    """`38 ms`, `1.4 s`; a dash when nobody measured it."""
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
