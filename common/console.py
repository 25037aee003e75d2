"""How both commands speak to people: one place for errors, exit codes and plain output."""

from __future__ import annotations

import sys
from typing import Any

import orjson
import typer
from rich.console import Console

from common.errors import PassageError

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
