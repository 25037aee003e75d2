"""`aggregator doctor`: asks a running aggregator, and looks at its disk when it is this machine's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from aggregator.doctor.house import examine_house
from aggregator.doctor.site import examine_site
from aggregator.serve import read_settings
from aggregator.settings import AggregatorSettings
from common.errors import PassageError
from common.findings import Finding, of_disk, of_error, report
from common.http_client import URL_VARIABLE, Api

ROOM = 1e9


def doctor(
    config: Annotated[Path | None, typer.Option("-c", "--config", help="aggregator.yaml")] = None,
    url: Annotated[str | None, typer.Option(
        "--url", envvar=URL_VARIABLE, help="address of the aggregator; else 'http' of aggregator.yaml")] = None,
    data: Annotated[Path | None, typer.Option(
        "--data", metavar="DIR", help="its data folder; else 'data' of aggregator.yaml")] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0.0, help="time between the two looks")] = 3.0,
    deep: Annotated[bool, typer.Option("--deep", help="read the whole database, however large it is")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False,
) -> None:
    """Look at a running site: agents, cameras, clocks, spools, refusals, database, links; and say what cures it.

    Exit codes: 0 all is well, 1 something is not.

    Examples:

      aggregator doctor

      aggregator doctor -c /etc/passage/aggregator.yaml --deep --json
    """
    settings = read_settings(config, data=data)
    report(list(_findings(settings, url or f"http://{settings.http}", seconds, deep)), as_json)


def _findings(settings: AggregatorSettings, url: str, seconds: float, deep: bool) -> Iterator[Finding]:
    try:
        api = Api(url)
        before = api.get("/api/stats")
        time.sleep(seconds)
        yield from examine_site(before, api.get("/api/stats"))
    except PassageError as error:
        yield of_error("aggregator", error, "an aggregator that answers")
    if settings.data.is_dir():
        yield of_disk(settings.data, ROOM)
        yield from examine_house(settings.data, float("inf") if deep else settings.store.check_mb << 20)
