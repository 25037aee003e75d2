"""`aggregator correct`: tells a running aggregator who is who."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer

from aggregator.query_cli import AsJson, GlobalId, Url, moment, where_to_ask
from aggregator.query_show import Show, time
from common.console import print_json
from common.errors import ConfigError
from common.http_client import Api

app = typer.Typer(no_args_is_help=True, help="Tell a running aggregator who is who; it keeps to it.")

Who = Annotated[str | None, typer.Option("--who", help="whose word it is; your login name if not given")]
Note = Annotated[str, typer.Option("--note", help="why, for whoever reads it later")]
app.callback()(where_to_ask)


@app.command()
def merge(
    context: typer.Context,
    identities: Annotated[list[str], typer.Argument(metavar="ID ID...", help="global ids, such as G4 G9")],
    who: Who = None, note: Note = "", url: Url = None, as_json: AsJson = False,
) -> None:
    """These identities are one person. The oldest id stays; the others lead to it.

    Example: aggregator correct merge G4 G9 --note "same rucksack"
    """
    if len(identities) < 2:
        raise ConfigError("two identities are needed to merge", "aggregator correct merge G4 G9")
    _say(context, url, as_json, who, note, operation="merge", identities=identities)


@app.command()
def split(
    context: typer.Context, identity: GlobalId,
    visit: Annotated[int | None, typer.Option(min=1, help="this visit is somebody else")] = None,
    after: Annotated[str | None, typer.Option(
        help="all visits that began then or later are: 2026-03-01T08:30:00Z, or 10m, 2h, 1d ago")] = None,
    who: Who = None, note: Note = "", url: Url = None, as_json: AsJson = False,
) -> None:
    """A part of this identity is somebody else, who gets a new id.

    Examples:

      aggregator correct split G17 --visit 104

      aggregator correct split G17 --after 2026-03-01T08:30:00Z
    """
    if (visit is None) == (after is None):
        raise ConfigError("say what is somebody else's", "--visit NUMBER, or --after TIME (one of them)")
    _say(context, url, as_json, who, note, operation="split", identity=identity, visit=visit,
         after=moment("--after", after))


@app.command()
def confirm(
    context: typer.Context, identity: GlobalId,
    visit: Annotated[int | None, typer.Option(min=1, help="only this visit")] = None,
    who: Who = None, note: Note = "", url: Url = None, as_json: AsJson = False,
) -> None:
    """This identity, or one visit of it, is right and stays as it is.

    Example: aggregator correct confirm G17
    """
    _say(context, url, as_json, who, note, operation="confirm", identity=identity, visit=visit)


@app.command()
def reject(
    context: typer.Context,
    visit: Annotated[int, typer.Argument(min=1, help="number of the visit")],
    who: Who = None, note: Note = "", url: Url = None, as_json: AsJson = False,
) -> None:
    """This visit is not the person that it was taken for. Who else it may be is decided again.

    Example: aggregator correct reject 104
    """
    _say(context, url, as_json, who, note, operation="reject", visit=visit)


@app.command()
def undo(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(min=1, help="of the correction; the latest if not given")] = None,
    who: Who = None, note: Note = "", url: Url = None, as_json: AsJson = False,
) -> None:
    """Take a correction back: its visits are whose they were before.

    Examples:

      aggregator correct undo

      aggregator correct undo 3
    """
    _say(context, url, as_json, who, note, operation="undo", number=number)


@app.command("list")
def list_(
    context: typer.Context, limit: Annotated[int, typer.Option(min=1, max=1000, help="how many at most")] = 50,
    url: Url = None, as_json: AsJson = False,
) -> None:
    """What was corrected, latest first.

    Example: aggregator correct list --limit 10
    """
    answer = Api(url or context.obj).get("/api/corrections", limit=limit)
    if as_json:
        print_json(answer)
        return
    Show().table(["correction", "time", "who", "what", "moved", "stands"], [
        [str(row["correction"]), time(row["time"]), row["who"], row["words"], str(len(row["moved"])),
         "no" if row["undone"] or row["operation"] == "undo" else "yes"] for row in answer["corrections"]],
        "nobody corrected anything")


def _say(context: typer.Context, url: str | None, as_json: bool, who: str | None, note: str, **said: Any) -> None:
    body = {"who": who or _login(), "note": note, **{key: value for key, value in said.items() if value is not None}}
    answer = Api(url or context.obj, timeout_s=30.0).post("/api/corrections", orjson.dumps(body), "application/json")
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def _show(answer: Mapping[str, Any]) -> None:
    show = Show()
    show.line(f"correction {answer['correction']}: {answer['words']}")
    if answer["moved"] and show.console.is_terminal:
        show.table(["visit", "before", "after"],
                   [[str(row["visit"]), row["before"], row["after"]] for row in answer["moved"]], "")


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in some containers
        raise ConfigError("whose word is it?", "give a name with --who") from None
