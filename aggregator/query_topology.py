"""`aggregator query topology`: the learned map, to look at or as a layout file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from aggregator.linking.layout import write_lines, write_matrices
from aggregator.linking.ways import Clock, SiteMap, Way
from aggregator.query_cli import AsJson, Url
from aggregator.query_show import Show
from common.console import print_json
from common.errors import ConfigError
from common.http_client import Api

Kind = Literal["lines", "matrices", "matrices-without-scales"]


def topology(
    context: typer.Context,
    layout: Annotated[Path | None, typer.Option("--layout", help=
                      "write a layout file, to look over and give to `aggregator serve` (layout: FILE)")] = None,
    kind: Annotated[Kind, typer.Option("--format", help=
                    "of the layout file: lines `from to least greatest`, or vehicle_mtmc's matrices")] = "lines",
    url: Url = None, as_json: AsJson = False,
) -> None:
    """How the cameras lie to one another, learned from people's walks: transit times, overlaps, clocks.

    Examples:

      aggregator query topology

      aggregator query topology --layout layout.txt
    """
    answer = Api(url or context.obj, timeout_s=30.0).get("/api/topology")
    if layout is not None:
        _write(layout, kind, read_site_map(answer))
    if as_json:
        print_json(answer)
    elif layout is not None:
        Show().line(str(layout))
    else:
        show_topology(Show(), answer)


def read_site_map(answer: Mapping[str, Any]) -> SiteMap:
    """The API's answer as plain values."""
    return SiteMap(
        ways=tuple(Way(left=row["left"], entered=row["entered"], links=row["links"], share=row["share"],
                       median=row["median_s"], low=row["low_s"], high=row["high_s"], overlap=row["overlap"])
                   for row in answer["ways"]),
        clocks=tuple(Clock(camera=row["camera"], offset=row["offset_s"], spread=row["spread_s"])
                     for row in answer["cameras"]))


def show_topology(show: Show, answer: Mapping[str, Any]) -> None:
    """Ways, then clocks."""
    show.table(["from", "to", "links", "share", "median s", "5 % s", "95 % s", "overlap"], [
        [row["left"], row["entered"], str(row["links"]), f"{100 * row['share']:.0f} %", f"{row['median_s']:.1f}",
         f"{row['low_s']:.1f}", f"{row['high_s']:.1f}", f"{100 * row['overlap']:.0f} %"]
        for row in answer["ways"]], "nobody was linked across cameras yet")
    show.table(["camera", "clock off s", "give or take s"], [
        [row["camera"], f"{row['offset_s']:+.1f}", "?" if row["spread_s"] is None else f"{row['spread_s']:.1f}"]
        for row in answer["cameras"]], "no camera is known yet")


def _write(path: Path, kind: Kind, site: SiteMap) -> None:
    learned = site.layout()
    if not learned.windows:
        raise ConfigError("no way has enough links yet to be written down", "ask again when more people were seen")
    text = write_lines(learned) if kind == "lines" else write_matrices(learned, scales=kind == "matrices")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give --layout a file in a folder that is there") from error
