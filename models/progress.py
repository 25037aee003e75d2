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
        """So many bytes of so many are there, or steps done."""


class Silent:
    """Nobody wants to know."""

    def stage(self, text: str) -> None:
        """A new step begins."""

    def advance(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there, or steps done."""


class Lines:
    """A line a stage, and one at each quarter of a download or of its steps."""

    def __init__(self, stream: TextIO, steps: bool) -> None:
        self._stream, self._steps = stream, steps
        self._quarter = 0

    def stage(self, text: str) -> None:
        """A new step begins."""
        self._quarter = 0
        print(text, file=self._stream, flush=True)

    def advance(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there, or steps done."""
        quarter = 4 * done // total if total else 0
        if quarter > self._quarter:
            self._quarter = quarter
            whole = f"{total}" if self._steps else f"{(total or 0) / 1e6:.1f} MB"
            print(f"  {25 * quarter} % of {whole}", file=self._stream, flush=True)


@contextmanager
def show_progress(stream: TextIO | None = None, *, steps: bool = False) -> Iterator[Progress]:
    """Bars when `stream` (stderr by default) is a terminal, plain lines when it is not; of bytes, or of `steps`."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream, steps)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn() if steps else DownloadColumn(),
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
