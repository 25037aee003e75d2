"""`aggregator tokens`: who may ask over HTTP, and what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from aggregator.api.access import parse_role
from aggregator.tokens import FILE, Token, Tokens
from common.clock import SystemClock, to_rfc3339
from common.console import print_json
from common.errors import ConfigError
from common.http_client import DEFAULT_URL, URL_VARIABLE
from common.local_token import read_local_token

app = typer.Typer(no_args_is_help=True, help="Tokens: who may ask over HTTP, and what.")

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The aggregator's data folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
_DATA = Path("passage-data")


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is; stands in the audit log.")],
    role: Annotated[str, typer.Option(metavar="viewer|operator|admin", help="What it may do.")] = "viewer",
    camera: Annotated[
        list[str] | None, typer.Option(help="It sees nothing but this camera; may be given again. Otherwise all.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0, help="It expires after so many days. Otherwise never.")] = None,
    as_json: AsJson = False,
    data: Data = _DATA,
) -> None:
    """Make a token. It is shown once and kept nowhere: the aggregator keeps its hash.

    A viewer looks. An operator also corrects and arranges. An admin also forgets people and reads the audit log. A
    running aggregator takes it up within a second. Several tokens may have one name: make the new one, hand it over,
    then revoke the old one.

    Examples:

      aggregator tokens new ward-3 --camera ward-3-door --camera ward-3-hall

      aggregator tokens new anna --role operator --days 90
    """
    try:
        wanted = parse_role(role)
    except ValueError as error:
        raise ConfigError(f"--role: {error}") from error
    now = SystemClock().now()
    secret, token = _tokens(data).add(name, wanted, None if camera is None else frozenset(camera), now,
                                      None if days is None else now + 86_400 * days)
    if as_json:
        print_json({"token": secret, **_row(token, now)})
        return
    typer.echo(secret)
    typer.echo(f"'{name}' is {wanted.word} and sees {_seen(token)}. Keep the line above: it is not shown again.",
               err=True)


@app.command("list")
def list_(as_json: AsJson = False, data: Data = _DATA) -> None:
    """Show whose tokens there are and what they may do. Never the tokens themselves."""
    now = SystemClock().now()
    tokens = _tokens(data).all()
    if as_json:
        print_json({"tokens": [_row(token, now) for token in tokens]})
        return
    if not tokens:
        typer.echo("there are no tokens yet: aggregator tokens new NAME")
        return
    width = max(len(token.name) for token in tokens)
    for token in tokens:
        until = "" if token.expires is None else f"until {to_rfc3339(token.expires)[:16]}"
        typer.echo(f"{token.name:{width}}  {token.short}  {token.role.word:8}  {_state(token, now):8}  "
                   f"{_seen(token)}  {until}".rstrip())


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose.")],
    short: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only the one with this id, as `list` shows it.")] = None,
    data: Data = _DATA,
) -> None:
    """Take tokens back. A running aggregator notices within two seconds and ends what they have open.

    Example: aggregator tokens revoke anna
    """
    gone = _tokens(data).revoke(name, short, SystemClock().now())
    typer.echo(f"took back {len(gone)} token{'s' if len(gone) != 1 else ''} of '{name}'")


@app.command()
def link(
    url: Annotated[str, typer.Option("--url", envvar=URL_VARIABLE, help="address of the aggregator")] = DEFAULT_URL,
) -> None:
    """Print a link that logs this user's browser in. For the aggregator's own user, on its machine.

    Whoever has the link can ask everything until the aggregator ends: do not pass it on.

    Example: xdg-open $(aggregator tokens link)
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    secret = read_local_token(parts.port or (443 if parts.scheme == "https" else 80))
    if secret is None:
        raise ConfigError(f"no aggregator of this user answers at {url}",
                          "start one with `aggregator serve`, or log in at its /login with a token of yours")
    typer.echo(f"{parts.scheme}://{parts.netloc}/login#token={secret}")


def _tokens(data: Path) -> Tokens:
    return Tokens(data / FILE)


def _state(token: Token, now: float) -> str:
    if token.revoked is not None:
        return "revoked"
    return "valid" if token.valid(now) else "expired"


def _seen(token: Token) -> str:
    return "all cameras" if token.cameras is None else ", ".join(sorted(token.cameras)) or "no camera"


def _row(token: Token, now: float) -> dict[str, object]:
    return {"name": token.name, "id": token.short, "role": token.role.word, "state": _state(token, now),
            "cameras": None if token.cameras is None else sorted(token.cameras),
            "created": to_rfc3339(token.created),
            "expires": None if token.expires is None else to_rfc3339(token.expires)}
