"""`aggregator query footfall|zones|lines|flow|routes|congestion|queue|passed|with`: tables or files about places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aggregator.live.words import duration, identity
from aggregator.query_cli import AsJson, Camera, Label, Since, Until, Url, _api, moment, span
from aggregator.query_show import Cell, Show, time
from common.console import print_json
from common.errors import ConfigError, PassageError

Out = Annotated[Path | None, typer.Option(
    help="write the table into a file instead: .csv, .parquet or .json by its ending")]
Zone = Annotated[str | None, typer.Option(help="only zones of this name")]
Step = Annotated[str, typer.Option(metavar="minute|hour|day", help="length of the pieces")]
Zoneinfo = Annotated[str, typer.Option("--tz", help="time zone in which days begin, such as Europe/Berlin")]
Of = Annotated[str, typer.Option("--of", metavar="cameras|zones", help="what counts as a place")]

_MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "json": "application/json"}
_EMPTY = "nothing in that time"


def add_places(app: typer.Typer) -> None:
    """Let `app` answer these."""
    for command in (footfall, zones, lines, flow, routes, congestion, queue):
        app.command()(command)
    app.command("passed")(passed)
    app.command("with")(company)


def footfall(context: typer.Context, camera: Camera = None, since: Since = None, until: Until = None,
             step: Step = "hour", tz: Zoneinfo = "UTC",
             kind: Annotated[str, typer.Option(metavar="camera|zone|line", help="whose numbers")] = "camera",
             name: Annotated[str | None, typer.Option(help="only the zone or line of this name")] = None,
             label: Label = None, out: Out = None, url: Url = None, as_json: AsJson = False) -> None:
    """Who came and went, minute by minute, hour by hour or day by day.

    Examples:

      aggregator query footfall --since 1d

      aggregator query footfall --since 30d --step day --tz Europe/Berlin --out month.csv
    """
    _ask(context, url, "footfall", out, as_json, ["from", "camera", "place", "in", "out", "peak", "people", "dwell"],
         lambda row: [time(row["start"]), row["camera"], row["name"], str(row["entries"]), str(row["exits"]),
                      str(row["peak"]), f"{row['mean_people']:.1f}", _seconds(row["mean_dwell_s"])],
         camera=camera, since=moment("--since", since), until=moment("--until", until), step=step, tz=tz, kind=kind,
         name=name, label=label)


def passed(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help="camera, or CAMERA/ZONE")],
    then: Annotated[str, typer.Argument(help="camera, or CAMERA/ZONE, that was come to after that")],
    within: Annotated[str, typer.Option(help="longest from leaving the one to coming to the other: 90s, 10m")] = "10m",
    since: Since = None, until: Until = None, label: Label = None, out: Out = None, url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Who passed one place, and then another within a time.

    Examples:

      aggregator query passed entrance till --within 5m

      aggregator query passed hall hall/till --since 2h --out hall.csv
    """
    _ask(context, url, "/api/passages", out, as_json, ["identity", "came", "left", "arrived", "on the way"],
         lambda row: [identity(row["global_id"]), time(row["came"]), time(row["left"]), time(row["arrived"]),
                      _seconds(row["transit_s"])],
         first=first, then=then, within_s=span("--within", within), since=moment("--since", since),
         until=moment("--until", until), label=label)


def company(
    context: typer.Context, identity_: Annotated[str, typer.Argument(metavar="ID", help="global id, such as G17")],
    since: Since = None, until: Until = None,
    min_times: Annotated[int, typer.Option(min=1, help="at least at so many visits together")] = 1,
    out: Out = None, url: Url = None, as_json: AsJson = False,
) -> None:
    """Who was with somebody: in view of the same cameras at the same time.

    Example: aggregator query with G17 --min-times 2
    """
    _ask(context, url, f"/api/identities/{identity_}/company", out, as_json,
         ["identity", "cameras", "visits", "together", "from", "to", "where"],
         lambda row: [identity(row["global_id"]), str(row["cameras"]), str(row["times"]), _seconds(row["seconds"]),
                      time(row["first"]), time(row["last"]), row["where"]],
         since=moment("--since", since), until=moment("--until", until), min_times=min_times)


def zones(context: typer.Context, camera: Camera = None, zone: Zone = None, since: Since = None, until: Until = None,
          label: Label = None, out: Out = None, url: Url = None, as_json: AsJson = False) -> None:
    """Who is in which zone, who came and went, and how long they stayed.

    Example: aggregator query zones --camera hall --since 2h
    """
    _ask(context, url, "zones", out, as_json,
         ["camera", "zone", "now", "in", "out", "peak", "people", "dwell", "longest"],
         lambda row: [row["camera"], row["zone"], str(row["now"]), str(row["entries"]), str(row["exits"]),
                      str(row["peak"]), f"{row['mean_people']:.1f}", _seconds(row["mean_dwell_s"]),
                      _seconds(row["max_dwell_s"])],
         camera=camera, zone=zone, since=moment("--since", since), until=moment("--until", until), label=label)


def lines(context: typer.Context, camera: Camera = None,
          line: Annotated[str | None, typer.Option(help="only lines of this name")] = None, since: Since = None,
          until: Until = None, label: Label = None, out: Out = None, url: Url = None, as_json: AsJson = False) -> None:
    """How often each line was crossed, either way.

    Example: aggregator query lines --since 1d
    """
    _ask(context, url, "lines", out, as_json, ["camera", "line", "forward", "backward", "net"],
         lambda row: [row["camera"], row["line"], f"{row['forward']} {row['forward_name']}",
                      f"{row['backward']} {row['backward_name']}", str(row["net"])],
         camera=camera, line=line, since=moment("--since", since), until=moment("--until", until), label=label)


def flow(context: typer.Context, of: Of = "cameras", camera: Camera = None, since: Since = None, until: Until = None,
         within: Annotated[float, typer.Option("--within", help="seconds after which a new trip begins")] = 3600.0,
         label: Label = None, out: Out = None, url: Url = None, as_json: AsJson = False) -> None:
    """How many went from where to where, and how long it took.

    Example: aggregator query flow --of zones --since 1d
    """
    _ask(context, url, "flow", out, as_json, ["from", "to", "people", "median", "shortest", "longest"],
         lambda row: [row["origin"], row["destination"], str(row["people"]), _seconds(row["median_s"]),
                      _seconds(row["min_s"]), _seconds(row["max_s"])],
         of=of, camera=camera, since=moment("--since", since), until=moment("--until", until), within_s=within,
         label=label)


def routes(context: typer.Context, of: Of = "cameras", camera: Camera = None, since: Since = None, until: Until = None,
           within: Annotated[float, typer.Option("--within", help="seconds after which a new trip begins")] = 3600.0,
           limit: Annotated[int, typer.Option(min=1, max=1000, help="how many at most")] = 20, label: Label = None,
           out: Out = None, url: Url = None, as_json: AsJson = False) -> None:
    """The ways that are often travelled.

    Example: aggregator query routes --since 7d
    """
    _ask(context, url, "routes", out, as_json, ["people", "route", "median"],
         lambda row: [str(row["people"]), row["route"], _seconds(row["median_s"])],
         of=of, camera=camera, since=moment("--since", since), until=moment("--until", until), within_s=within,
         limit=limit, label=label)


def congestion(context: typer.Context, camera: Camera = None, since: Since = None, until: Until = None,
               label: Label = None, out: Out = None, url: Url = None, as_json: AsJson = False) -> None:
    """How full and how slow it was each hour, against the usual of that hour.

    Example: aggregator query congestion --camera hall --since 1d
    """
    _ask(context, url, "congestion", out, as_json,
         ["from", "camera", "level", "people", "usually", "speed", "usual speed"],
         lambda row: [time(row["start"]), row["camera"], row["level"], f"{row['density']:.2f}",
                      _number(row["usual_density"]), _number(row["speed"]), _number(row["usual_speed"])],
         camera=camera, since=moment("--since", since), until=moment("--until", until), label=label)


def queue(context: typer.Context, camera: Camera = None, zone: Zone = None, since: Since = None, until: Until = None,
          step: Step = "hour",
          after: Annotated[float, typer.Option("--after", help="who is there for so many seconds stands in it")] = 5.0,
          label: Label = None, out: Out = None, url: Url = None, as_json: AsJson = False) -> None:
    """How long queues are and how long people wait in them; a queue is a zone.

    Example: aggregator query queue --zone till --since 1d
    """
    _ask(context, url, "queue", out, as_json, ["from", "camera", "zone", "length", "most", "served", "wait", "longest"],
         lambda row: [time(row["start"]), row["camera"], row["zone"], f"{row['mean_length']:.1f}",
                      str(row["max_length"]), str(row["served"]), _seconds(row["mean_wait_s"]),
                      _seconds(row["max_wait_s"])],
         camera=camera, zone=zone, since=moment("--since", since), until=moment("--until", until), step=step,
         after_s=after, label=label)


def _ask(context: typer.Context, url: str | None, what: str, out: Path | None, as_json: bool, columns: Sequence[str],
         cells: Callable[[dict[str, Any]], Sequence[Cell]], **parameters: Any) -> None:
    api, path = _api(context, url), what if what.startswith("/") else f"/api/analytics/{what}"
    if out is None:
        answer = api.get(path, **parameters)
        if as_json:
            print_json(answer)
        else:
            Show().table(columns, [cells(row) for row in answer["rows"]], _EMPTY)
        return
    kind = out.suffix.lower().removeprefix(".")
    if kind not in _MEDIA:
        raise ConfigError(f"{out}: a table is written as .csv, .parquet or .json", f"--out {out.with_suffix('.csv')}")
    data = api.fetch(path, _MEDIA[kind], format=kind, **parameters)
    try:
        out.write_bytes(data)
    except OSError as error:
        raise PassageError(f"{out}: {error.strerror}", "give --out a file in a folder that you may write to") from error
    Show().line(str(out))


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} s" if abs(value) < 60 else duration(value) if value > 0 else f"{value:.0f} s"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
