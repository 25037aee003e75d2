"""`aggregator live`."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from aggregator.live.view import LiveView
from common.http_client import DEFAULT_URL, URL_VARIABLE


def live(
    url: Annotated[str, typer.Argument(
        help="address of the aggregator", envvar=URL_VARIABLE, metavar="[URL]")] = DEFAULT_URL,
    interval: Annotated[float, typer.Option(min=0.1, max=60, help="seconds between questions")] = 1.0,
) -> None:
    """Watch a running aggregator: agents, cameras, people, links, events and alerts.

    Arrow keys, page up and down scroll, tab goes to the next list, / shows only what contains a text (camera, identity,
    kind of event), a shows alerts, q or Ctrl-C ends it. Follows the aggregator through restarts. Writes plain lines
    where there is no terminal.

    Examples:

      aggregator live

      aggregator live http://127.0.0.1:8600
    """
    view = LiveView(url, interval_s=interval)
    with contextlib.suppress(KeyboardInterrupt):
        view.run()
