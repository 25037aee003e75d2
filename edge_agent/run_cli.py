"""`edge-agent run`: every camera of the box, until stopped; files end it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from common.clock import SystemClock
from common.console import print_json
from common.logging import configure_logging
from common.memory import given_back, one_heap
from common.settings import load
from edge_agent.agent import Agent
from edge_agent.live import AgentLive
from edge_agent.settings import AgentSettings


def run(
    config: Annotated[Path, typer.Option("-c", "--config", help="agent.yaml")],
    live: Annotated[bool, typer.Option("--live", help="show the cameras in the terminal while it runs")] = False,
    annotate: Annotated[Path | None, typer.Option(
        "--annotate", help="write an annotated video of every camera below this folder, on this box")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a summary as JSON at the end")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="log lines as JSON")] = False,
) -> None:
    """Read every camera of this box, follow people, and send tracklets to the aggregator.

    Runs until Ctrl-C or SIGTERM, or until all files have ended. What the aggregator has not acknowledged stays in
    the spool and goes out at the next start. With --live, arrow keys and page up and down scroll, / shows only cameras
    with a text in their name, q ends it; where there is no terminal, plain lines are written.

    Examples:

      edge-agent run -c agent.yaml

      edge-agent run -c agent.yaml --live --annotate videos
    """
    settings = load(config, AgentSettings)
    configure_logging("warning" if live else settings.log,
                      as_json=log_json or settings.log_format == "json")
    one_heap()
    agent = Agent(settings, SystemClock(), annotate)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: agent.stop())
    with given_back():
        if live:
            with AgentLive(agent) as view:
                summary = agent.run(on_batch=view.refresh)
        else:
            summary = agent.run()
    if as_json:
        print_json(summary)
