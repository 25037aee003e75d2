"""`aggregator keys`: who may connect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.console import print_json
from common.errors import ConfigError
from common.keys import (
    AGENTS,
    SERVER,
    AuthorisedKeys,
    check_name,
    new_pair,
    read_server_keys,
    write_agent_keys,
    write_server_keys,
)

app = typer.Typer(no_args_is_help=True, help="Keys of the aggregator and of the agents that may connect.")

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The aggregator's data folder.")]
_DATA = Path("passage-data")


def _authorised(data: Path) -> AuthorisedKeys:
    return AuthorisedKeys(data / "keys" / AGENTS)


@app.command()
def new(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The agent's name.")] = None,
    server: Annotated[bool, typer.Option("--server", help="Make the aggregator's own pair instead.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the agent's key file goes [NAME.key].")
    ] = None,
    data: Data = _DATA,
) -> None:
    """Make an agent's key file, to be carried to its box, and let it in.

    The aggregator's own pair is made with the first agent's, or by itself with --server.

    Examples:

      aggregator keys new box-1

      aggregator keys new box-2 --out /media/usb/box-2.key
    """
    if server:
        if name is not None:
            raise ConfigError("--server takes no NAME", "make the two with two commands")
        _new_server_pair(data)
        typer.echo("Next, make a key for each agent:")
        typer.echo("  aggregator keys new NAME")
        return
    if name is None:
        raise ConfigError("whose key?", "aggregator keys new NAME, or aggregator keys new --server")
    path = out or Path(f"{check_name(name)}.key")
    if not (data / "keys" / SERVER).exists():
        _new_server_pair(data)
    keys = read_server_keys(data / "keys")
    public, secret = new_pair()
    write_agent_keys(path, check_name(name), public, secret, keys.public)
    try:
        _authorised(data).add(name, public)
    except BaseException:
        path.unlink(missing_ok=True)  # a key that lets nobody in is not left lying about
        raise
    typer.echo(f"'{name}' may connect with {path}.")
    typer.echo("Carry that file to its box, delete it here, and name it in the box's agent.yaml:")
    typer.echo(f"  keys: {path.name}")


def _new_server_pair(data: Path) -> None:
    public, secret = new_pair()
    path = data / "keys" / SERVER
    write_server_keys(path, public, secret)
    typer.echo(f"The aggregator's keys are in {path}. It uses them as soon as it listens beyond loopback, or when")
    typer.echo(f"its settings say 'keys: {path.parent}'.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The agent's name.")],
    public_key: Annotated[str, typer.Argument(metavar="PUBLICKEY", help="40 characters, in single quotes.")],
    data: Data = _DATA,
) -> None:
    """Let a public key in that was made elsewhere; an agent may have several, so that keys change without a stop."""
    _authorised(data).add(name, public_key)
    typer.echo(f"'{name}' may connect with the key {public_key}")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    data: Data = _DATA,
) -> None:
    """Show who may connect, and what was taken back. Public keys only."""
    authorised = _authorised(data)
    rows = [(name, key, "allowed") for name, keys in authorised.keys().items() for key in keys]
    rows += [(name, key, "revoked") for name, keys in authorised.revoked().items() for key in keys]
    rows.sort()
    public = read_server_keys(data / "keys").public if (data / "keys" / SERVER).exists() else None
    if as_json:
        listed = [{"agent": name, "public_key": key, "state": state} for name, key, state in rows]
        print_json({"server": public, "keys": listed})
        return
    typer.echo(f"the aggregator's public key: {public or 'none yet; aggregator keys new --server'}")
    if not rows:
        typer.echo("no agent may connect yet: aggregator keys new NAME")
        return
    width = max(len(name) for name, _, _ in rows)
    for name, key, state in rows:
        typer.echo(f"{name:{width}}  {key}  {state}")


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The agent's name.")],
    public_key: Annotated[
        str | None, typer.Argument(metavar="[PUBLICKEY]", help="Only this key; otherwise all of the agent's.")
    ] = None,
    data: Data = _DATA,
) -> None:
    """Let an agent in no more. A running aggregator notices within a second."""
    gone = _authorised(data).revoke(name, public_key)
    typer.echo(f"took back {len(gone)} key{'s' if len(gone) != 1 else ''} of '{name}'")
