"""`aggregator query`: asks a running aggregator from the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from aggregator.query_show import Show
from common.clock import SystemClock, from_rfc3339
from common.console import print_json
from common.errors import ConfigError, PassageError
from common.http_client import DEFAULT_URL, URL_VARIABLE, Api

app = typer.Typer(no_args_is_help=True, help="Ask a running aggregator.")

MEDIA = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Url = Annotated[str | None, typer.Option("--url", help=f"address of the aggregator; {URL_VARIABLE}, or {DEFAULT_URL}")]
AsJson = Annotated[bool, typer.Option("--json", help="the API's answer as it is")]
Since = Annotated[str | None, typer.Option(help="nothing that ended before: 2026-03-01T08:30:00Z, or 10m, 2h, 1d ago")]
Until = Annotated[str | None, typer.Option(help="nothing that began after; written like --since")]
Camera = Annotated[str | None, typer.Option(help="only this camera")]
Label = Annotated[str | None, typer.Option(help="only this class, such as person")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="how many at most")]
GlobalId = Annotated[str, typer.Argument(metavar="ID", help="global id, such as G17")]


@app.callback()
def where_to_ask(
    context: typer.Context,
    url: Annotated[str, typer.Option("--url", envvar=URL_VARIABLE, help="address of the aggregator")] = DEFAULT_URL,
) -> None:
    """What all commands of a group ask: where the aggregator is."""
    context.obj = url


@app.command()
def where(context: typer.Context, identity: GlobalId, url: Url = None, as_json: AsJson = False) -> None:
    """Where somebody is now, or was seen last.

    Example: aggregator query where G17
    """
    _answer(_api(context, url).get(f"/api/identities/{identity}/where"), as_json, Show.where)


@app.command()
def trajectory(context: typer.Context, identity: GlobalId, since: Since = None, until: Until = None, url: Url = None,
               as_json: AsJson = False) -> None:
    """Somebody's way through the cameras.

    Example: aggregator query trajectory G17 --since 2h
    """
    answer = _api(context, url).get(f"/api/identities/{identity}/trajectory", since=moment("--since", since),
                                    until=moment("--until", until))
    _answer(answer, as_json, Show.trajectory)


@app.command()
def why(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="ID|VISIT", help="global id such as G17, or a visit's number")],
    url: Url = None, as_json: AsJson = False,
) -> None:
    """Why visits are whose they are, in words.

    Examples:

      aggregator query why G17

      aggregator query why 104
    """
    kind = "visits" if subject.isdecimal() else "identities"
    _answer(_api(context, url).get(f"/api/{kind}/{subject}/why"), as_json, Show.why)


@app.command()
def search(
    context: typer.Context,
    picture: Annotated[Path | None, typer.Argument(help="JPEG, PNG or WebP, cut around the person")] = None,
    visit: Annotated[int | None, typer.Option(min=1, help="look for the person of this visit instead")] = None,
    camera: Annotated[list[str] | None, typer.Option(help="only this camera; may be given again")] = None,
    since: Since = None, until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many at most")] = 10,
    each: Annotated[str, typer.Option(metavar="identity|visit", help="one answer for each of these")] = "identity",
    by: Annotated[str, typer.Option(metavar="looks|face", help="compare people as a whole, or their faces")] = "looks",
    embedder: Annotated[str | None, typer.Option(help="network to compare with, if the site uses several")] = None,
    url: Url = None, as_json: AsJson = False,
) -> None:
    """Find who looks like the person in a picture, or of a visit.

    Examples:

      aggregator query search person.jpg --camera hall --since 1d

      aggregator query search --visit 104

      aggregator query search face.jpg --by face
    """
    if (picture is None) == (visit is None):
        raise ConfigError("say whom to look for", "give a picture's path, or --visit NUMBER (one of them)")
    api = _api(context, url)
    filters: dict[str, Any] = {"camera": camera or None, "since": moment("--since", since),
                               "until": moment("--until", until), "limit": limit, "each": each, "by": by}
    if picture is None:
        answer = api.get("/api/search", visit=visit, **filters)
    else:
        answer = api.post("/api/search", _read(picture), MEDIA.get(picture.suffix.lower(), "application/octet-stream"),
                          embedder=embedder, **filters)
    _answer(answer, as_json, Show.search)


@app.command()
def identities(
    context: typer.Context, since: Since = None, until: Until = None, camera: Camera = None, label: Label = None,
    min_visits: Annotated[int, typer.Option(min=1, help="at least so many visits")] = 1,
    limit: Limit = 50, url: Url = None, as_json: AsJson = False,
) -> None:
    """Who was here, latest seen first.

    Example: aggregator query identities --camera hall --since 1h --min-visits 2
    """
    answer = _api(context, url).get(
        "/api/identities", since=moment("--since", since), until=moment("--until", until), camera=camera, label=label,
        min_visits=min_visits, limit=limit)
    _answer(answer, as_json, Show.identities)


@app.command()
def visits(
    context: typer.Context, since: Since = None, until: Until = None, camera: Camera = None, label: Label = None,
    identity: Annotated[str | None, typer.Option(help="only this identity's, such as G17")] = None,
    limit: Limit = 50, url: Url = None, as_json: AsJson = False,
) -> None:
    """Single passages through one camera, latest first.

    Example: aggregator query visits --identity G17
    """
    answer = _api(context, url).get(
        "/api/visits", since=moment("--since", since), until=moment("--until", until), camera=camera, label=label,
        identity=identity, limit=limit)
    _answer(answer, as_json, Show.visits)


@app.command()
def events(
    context: typer.Context, since: Since = None, until: Until = None, camera: Camera = None,
    kind: Annotated[str | None, typer.Option(help="only this kind, such as track_started")] = None,
    identity: Annotated[str | None, typer.Option(help="only this identity's, such as G17")] = None,
    limit: Limit = 50, url: Url = None, as_json: AsJson = False,
) -> None:
    """What happened, newest first.

    Example: aggregator query events --camera hall --since 10m
    """
    answer = _api(context, url).get(
        "/api/events", since=moment("--since", since), until=moment("--until", until), camera=camera, kind=kind,
        identity=identity, limit=limit)
    _answer(answer, as_json, Show.events)


@app.command()
def cameras(context: typer.Context, url: Url = None, as_json: AsJson = False) -> None:
    """The cameras and how they are doing."""
    _answer(_api(context, url).get("/api/cameras"), as_json, Show.cameras)


@app.command()
def stats(context: typer.Context, url: Url = None, as_json: AsJson = False) -> None:
    """The site at this moment, and how much is stored."""
    _answer(_api(context, url).get("/api/stats"), as_json, Show.stats)


@app.command()
def heatmap(
    context: typer.Context,
    camera: Annotated[str, typer.Argument(help="the camera's name")],
    out: Annotated[Path, typer.Option(help="file to write: .png for a picture, .json for numbers")],
    since: Since = None, until: Until = None,
    half_life: Annotated[str | None, typer.Option(help="after so long a point counts half: 90s, 10m, 2h")] = None,
    sigma: Annotated[float | None, typer.Option(help="spread of each point, as a share of the view's width")] = None,
    width: Annotated[int | None, typer.Option(help="cells across")] = None,
    over: Annotated[Path | None, typer.Option(help="picture of the view that it is laid over, for --out FILE.png")
                    ] = None,
    url: Url = None,
) -> None:
    """Where people stood in a camera's view, as a picture, or as numbers.

    The picture is transparent where nobody was. With --over it is laid over one of the view, such as
    /api/cameras/hall/frame gives where the camera's box allows it.

    Examples:

      aggregator query heatmap hall --since 1h --out hall.png

      aggregator query heatmap hall --since 7d --over empty-hall.jpg --out hall.png
    """
    kind = out.suffix.lower().removeprefix(".")
    if kind not in ("png", "json"):
        raise ConfigError(f"{out}: a heatmap is written as .png or .json", f"--out {out.with_suffix('.png')}")
    lay = None if over is None else _laid_over(over)
    if lay is not None and kind != "png":
        raise ConfigError(f"--over {over}: numbers cannot be laid over a picture", f"--out {out.with_suffix('.png')}")
    media = "image/png" if kind == "png" else "application/json"
    data = _api(context, url).fetch(
        f"/api/cameras/{camera}/heatmap", media, format=kind, since=moment("--since", since),
        until=moment("--until", until), half_life_s=None if half_life is None else span("--half-life", half_life),
        sigma=sigma, width=width)
    try:
        out.write_bytes(data if lay is None else lay(data))
    except OSError as error:
        raise PassageError(f"{out}: {error.strerror}", "give --out a file in a folder that you may write to") from error
    Show().line(str(out))


def _laid_over(path: Path) -> Callable[[bytes], bytes]:
    """Lays a heatmap's PNG over the picture in that file.

    Raises:
        ConfigError: it is none.
    """
    from aggregator.analytics.picture import laid_over, read_picture  # takes long, and nothing else here needs it

    try:
        picture = read_picture(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"--over {path}: {error.strerror}", "give a JPEG or PNG of the camera's view") from error
    if picture is None:
        raise ConfigError(f"--over {path}: is no picture", "give a JPEG or PNG of the camera's view")
    return lambda heat: laid_over(heat, picture)


def moment(option: str, text: str | None) -> str | None:
    """A time as people write it → as the API takes it: `10m` is ten minutes ago.

    Raises:
        ConfigError: it is none.
    """
    if text is None:
        return None
    if re.fullmatch(r"\d+[smhd]", text):
        return str(SystemClock().now() - span(option, text))
    try:
        return str(from_rfc3339(text))
    except ValueError:
        raise ConfigError(f"{option} {text}: is no time", "write 2026-03-01T08:30:00Z, or 10m, 2h, 1d ago") from None


def span(option: str, text: str) -> float:
    """`90s`, `10m`, `2h`, `1d` → seconds.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise ConfigError(f"{option} {text}: is no length of time", "write 90s, 10m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2]]


def _api(context: typer.Context, url: str | None) -> Api:
    return Api(url or context.obj, timeout_s=30.0)


def _answer(answer: Any, as_json: bool, show: Callable[[Show, Any], None]) -> None:
    if as_json:
        print_json(answer)
    else:
        show(Show(), answer)


def _read(picture: Path) -> bytes:
    try:
        return picture.read_bytes()
    except OSError as error:
        raise PassageError(f"{picture}: {error.strerror}", "give the path of a JPEG, PNG or WebP") from error
