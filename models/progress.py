"""Telling a person how a download is going: bars at a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO


class Progress(Protocol):
    """Someone who wants to know."""

    def stage(self, text: str) -> None:
        """A new step begins."""

    def advance(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there."""


class Silent:
    """Nobody wants to know."""

    def stage(self, text: str) -> None:
        """A new step begins."""

    def advance(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there."""


class Lines:
    """A line a step, and one at each quarter of a download."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._quarter = 0

    def stage(self, text: str) -> None:
        """A new step begins."""
        self._quarter = 0
        print(text, file=self._stream, flush=True)

    def advance(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there."""
        quarter = 4 * done // total if total else 0
        if quarter > self._quarter:
            self._quarter = quarter
            print(f"  {25 * quarter} % of {total / 1e6:.1f} MB" if total else "", file=self._stream, flush=True)


@contextmanager
def show_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Bars when `stream` (stderr by default) is a terminal, plain lines when it is not."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=Console(file=stream)) as bars:
        yield _Bars(bars)


class _Bars:
    def __init__(self, bars: object) -> None:
        from rich.progress import Progress as RichProgress

        assert isinstance(bars, RichProgress)
        self._bars = bars
        self._task = bars.add_task("", total=None, visible=False)

    def stage(self, text: str) -> None:
        self._bars.stop_task(self._task)
        self._task = self._bars.add_task(text, total=None)

    def advance(self, done: int, total: int | None) -> None:
        self._bars.update(self._task, completed=done, total=total)
