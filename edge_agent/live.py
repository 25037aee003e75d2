"""`edge-agent run --live`: this box's cameras in the terminal."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from edge_agent.agent import Agent

REFRESH_S = 0.5
PLAIN_S = 5.0


class AgentLive:
    """A table that follows the agent; at something that is no terminal, a plain line every few seconds."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.console = Console()
        self._live = Live(console=self.console, auto_refresh=False, transient=False)
        self._last = 0.0

    def __enter__(self) -> AgentLive:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.console.is_terminal:
            self._live.update(self.table(), refresh=True)
            self._live.stop()

    def refresh(self) -> None:
        """Called after every batch; draws only a few times a second."""
        now = time.monotonic()
        if now - self._last < (REFRESH_S if self.console.is_terminal else PLAIN_S):
            return
        self._last = now
        if self.console.is_terminal:
            self._live.update(self.table(), refresh=True)
        else:
            for camera, status in self.agent.capture.status().items():
                print(f"{camera}: {status.state}, {status.numbers()['fps']:.1f} fps, "
                      f"{self.agent.people.get(camera, 0)} people")

    def table(self) -> Table:
        """One row a camera; below it how the aggregator is reached and what waits."""
        uplink = self.agent.uplink.status()
        reach = "connected" if uplink.connected else "no answer, keeping everything on disk"
        table = Table(title=f"{self.agent.settings.agent} → {self.agent.settings.aggregator}: {reach}",
                      caption=f"{self.agent.spool.depth} messages wait to be acknowledged", expand=True)
        table.add_column("camera", style="bold")
        table.add_column("state")
        for name in ("fps", "people", "dropped"):
            table.add_column(name, justify="right")
        table.add_column("in view", overflow="ellipsis")
        for camera, status in self.agent.capture.status().items():
            numbers = status.numbers()
            ids = " ".join(dict.fromkeys(list(self.agent.global_ids[camera].values())[-6:]))
            table.add_row(camera, status.state, f"{numbers['fps']:.1f}", str(self.agent.people.get(camera, 0)),
                          f"{numbers['dropped']:.0f}", ids)
        return table
