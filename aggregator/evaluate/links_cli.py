"""`aggregator evaluate links`: who was taken for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aggregator.evaluate.answers import read_replay, read_store
from aggregator.evaluate.labels import read_labels
from aggregator.evaluate.pictures import links_picture
from common.console import print_json
from common.errors import ConfigError


def links(
    visits: Annotated[Path | None, typer.Argument(
        help="VISITS.npz that was replayed, with the truth in its array `identity`")] = None,
    answer: Annotated[Path | None, typer.Argument(
        metavar="[LINKS]", help="links.csv that `aggregator replay` wrote")] = None,
    data: Annotated[Path | None, typer.Option(
        "--data", help="instead: the data folder of an aggregator that watched a labelled video")] = None,
    truth: Annotated[str | None, typer.Option(
        "--truth", help="its labels: CSV of frame (from 0), track, person, x1, y1, x2, y2 in pixels, and camera where "
                        "there are several; or market1501:PATH or mars:PATH when a data set was replayed")] = None,
    picture: Annotated[Path | None, typer.Option(
        "--picture", help="also draw a PNG: is the confidence true, and how long ways took, answered and true")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Score who was taken for whom.

    Examples:

      aggregator evaluate links visits.npz links.csv --picture links.png

      aggregator evaluate links --data passage-data --truth people.csv

      aggregator evaluate links --data passage-data --truth market1501:Market-1501-v15.09.15
    """
    if data is not None and truth is not None:
        answers, found = read_store(data, read_labels(truth))
    elif visits is not None and answer is not None:
        answers, found = read_replay(visits, answer), {}
    else:
        raise ConfigError("give VISITS.npz and LINKS.csv, or --data and --truth",
                          "aggregator evaluate links --help shows both")
    scores = answers.scores()
    if picture is not None:
        links_picture(picture, *answers.links(), answers.transits())
    if as_json:
        print_json(scores.as_dict() | found)
        return
    table = Table(show_header=False, box=None)
    for name, value in (*found.items(), *scores.as_dict().items()):
        share = isinstance(value, float) and name != "calibration_error"
        table.add_row(name.replace("_", " ").replace("idf1", "IDF1"), f"{100 * value:.1f} %" if share else
                      "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)

