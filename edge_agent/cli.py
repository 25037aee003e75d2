"""The command `edge-agent`: what runs on a camera box."""

from __future__ import annotations

from typing import Annotated

import typer

from common import __version__
from common.console import run_app
from edge_agent.capture.leaving import leave_hanging_reads
from edge_agent.doctor.cli import doctor
from edge_agent.models_cli import app as models
from edge_agent.run_cli import run
from edge_agent.track_cli import track

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
                  help="Cameras in, tracklets out: detects, follows and embeds people on this box.")
app.command()(run)
app.command()(track)
app.command()(doctor)
app.add_typer(models, name="models")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point."""
    with leave_hanging_reads():
        run_app(app)
