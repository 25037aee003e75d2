"""How both commands speak to people: one place for errors, exit codes and plain output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.progress import track

from common.errors import PassageError

T = TypeVar("T")

INTERRUPTED = 130  # 128 + SIGINT, as shells count


def run_app(app: typer.Typer) -> None:
    """Run a command line; errors that people can mend are shown without a trace and set the exit code.

    Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
    """
    try:
        app()
    except PassageError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def show_error(error: PassageError) -> None:
    """What is wrong, in red at a terminal, and below it the cure."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print("error: ", style="bold red", end="")
    console.print(error.message, markup=False)
    if error.cure:
        console.print(f"  → {error.cure}", style="cyan", markup=False)


def print_json(value: Any) -> None:
    """For `--json`: one document on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")


def progress(rows: Iterable[T], words: str, total: int, *, quiet: bool = False) -> Iterable[T]:
    """`rows`, with a bar on standard error while they are gone through; none where no terminal is."""
    console = Console(stderr=True)
    return track(rows, words, total, console=console, transient=True, disable=quiet or not console.is_terminal)
