"""The command `aggregator`: what runs in the middle."""

from __future__ import annotations

from typing import Annotated

import typer

from aggregator.audit.cli import app as audit
from aggregator.batch import link
from aggregator.corrections.cli import app as correct
from aggregator.doctor.cli import doctor
from aggregator.evaluate.cli import app as evaluate
from aggregator.keys_cli import app as keys
from aggregator.live.cli import live
from aggregator.privacy.cli import forget
from aggregator.privacy.rekey_cli import rekey
from aggregator.query_cli import app as query
from aggregator.query_places import add_places
from aggregator.query_topology import topology
from aggregator.replay import replay
from aggregator.serve import serve
from aggregator.simulate.cli import simulate
from aggregator.tokens_cli import app as tokens
from common import __version__
from common.console import run_app

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
                  help="Tracklets in, answers out: who is who across cameras, and where.")
app.command()(serve)
app.command()(live)
app.command()(doctor)
app.command()(replay)
app.command()(link)
app.command()(simulate)
app.command()(forget)
app.command()(rekey)
add_places(query)
query.command()(topology)
app.add_typer(query, name="query")
app.add_typer(correct, name="correct")
app.add_typer(evaluate, name="evaluate")
app.add_typer(keys, name="keys")
app.add_typer(tokens, name="tokens")
app.add_typer(audit, name="audit")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point."""
    run_app(app)
