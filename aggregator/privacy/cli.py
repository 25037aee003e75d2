"""`aggregator forget`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from common.console import print_json
from common.errors import ConfigError
from common.http_client import DEFAULT_URL, URL_VARIABLE, Api


def forget(
    identity: Annotated[str, typer.Argument(metavar="ID", help="global id, such as G17")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    url: Annotated[str, typer.Option("--url", envvar=URL_VARIABLE, help="address of the aggregator")] = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="the receipt as the API gives it")] = False,
) -> None:
    """Forget somebody for good, and print a receipt.

    Visits, embeddings, ways, events and decisions are taken out of the database, the search index and the files' bytes,
    under every number they ever had. It cannot be undone. Backups and exports made before are yours to delete.

    Examples:

      aggregator forget G17

      aggregator forget G17 --yes --json > receipt.json
    """
    api = Api(url, timeout_s=600.0)
    found = api.get(f"/api/identities/{identity}")
    name = found["global_id"]
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError(f"forgetting {name} cannot be undone", f"aggregator forget {name} --yes")
        typer.confirm(f"Forget {name} ({found['visits']} visits, {', '.join(found['cameras'])}) for good?", abort=True)
    receipt = api.post(f"/api/identities/{name}/forget", b"", "application/json")
    if as_json:
        print_json(receipt)
        return
    what = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in receipt["removed"].items() if count)
    typer.echo(f"{receipt['global_id']} is forgotten: {what}")
    if receipt["also"]:
        typer.echo(f"also known as: {', '.join(receipt['also'])}")
    if receipt["going_on"]:
        typer.echo(f"{receipt['going_on']} of its tracks had not ended: what cameras see of them is somebody new")
    if not receipt["scrubbed"]:
        typer.echo("bytes of it are left in the database's files: they could not be written anew now. The aggregator "
                   "tries again until it can; its log says when")
    typer.echo(f"receipt: entry {receipt['entry']} of the audit log, {receipt['time']}, by {receipt['by']}")
