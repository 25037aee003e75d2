"""`aggregator evaluate`: how good the answers are, where the truth is known."""

from __future__ import annotations

import typer

from aggregator.evaluate.links_cli import links
from aggregator.evaluate.mot_cli import mot
from aggregator.evaluate.reid_cli import reid

app = typer.Typer(no_args_is_help=True, help="How good the answers are, where the truth is known.")
app.command()(mot)
app.command()(links)
app.command()(reid)
