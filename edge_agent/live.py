"""`edge-agent run --live`: this box's cameras in the terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from common.terminal.keys import key_presses
from common.terminal.look import HELP, Look
from edge_agent.agent import Agent
from edge_agent.capture.status import CameraStatus

REFRESH_S = 0.5
KEYS_S = 0.1
PLAIN_S = 5.0
AROUND = 6
"""Lines of the screen that are not a camera's: title, head, frame, caption, help."""


class AgentLive:
    """A screen that follows the agent; at something that is no terminal, a plain line every few seconds.

    Arrow keys and page up and down scroll, / shows only cameras with a text in their name, q ends the view and the
    agent.

    Args:
        agent: what is shown.
        console: where to; standard output by default.
    """

    def __init__(self, agent: Agent, console: Console | None = None) -> None:
        self.agent = agent
        self.console = console or Console()
        self._live = Live(console=self.console, auto_refresh=False, screen=True)
        self._open = contextlib.ExitStack()
        self._press: Callable[[float], str] = lambda _seconds: ""
        self._look = Look()
        self._last = self._keys_at = 0.0

    def __enter__(self) -> AgentLive:
        if self.console.is_terminal:
            self._press = self._open.enter_context(key_presses())
            self._open.enter_context(self._live)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._open.close()
        if self.console.is_terminal:
            self.console.print(self.table(self._cameras(), len(self.agent.capture.status()) + AROUND))

    def refresh(self) -> None:
        """Called after every batch; draws only a few times a second."""
        now = time.monotonic()
        if not self.console.is_terminal:
            if now - self._last >= PLAIN_S:
                self._last = now
                self._lines()
            return
        changed = self._keys(now)
        if changed or now - self._last >= REFRESH_S:
            self._last = now
            self._live.update(self.table(self._cameras(), self.console.height), refresh=True)

    def _keys(self, now: float) -> bool:
        """What was pressed; whether the screen changes."""
        if now - self._keys_at < KEYS_S:
            return False
        self._keys_at, before = now, self._look
        while key := self._press(0.0):
            look = self._look.pressed(key, [len(self._cameras())])
            if look is None:
                self.agent.stop()
                break
            self._look = look
        return self._look is not before

    def _cameras(self) -> list[tuple[str, CameraStatus]]:
        return [(camera, status) for camera, status in self.agent.capture.status().items()
                if self._look.matches(camera)]

    def _lines(self) -> None:
        for camera, status in self.agent.capture.status().items():
            print(f"{camera}: {status.state}, {status.numbers()['fps']:.1f} fps, "
                  f"{self.agent.people.get(camera, 0)} people")

    def table(self, cameras: list[tuple[str, CameraStatus]], height: int) -> Table:
        """One row a camera, as many as fit; around it how the aggregator is reached and what waits."""
        uplink = self.agent.uplink.status()
        reach = "connected" if uplink.connected else "no answer, keeping everything on disk"
        rows, above = self._look.part(cameras, max(1, height - AROUND))
        table = Table(title=f"{self.agent.settings.agent} → {self.agent.settings.aggregator}: {reach}",
                      caption=self._caption(len(cameras) - len(rows), above), expand=True)
        table.add_column("camera", style="bold", no_wrap=True, overflow="ellipsis")
        table.add_column("state", no_wrap=True)
        for name in ("fps", "latency", "people", "dropped"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("in view", no_wrap=True, overflow="ellipsis")
        for camera, status in rows:
            numbers, latency = status.numbers(), self.agent.latency.numbers(camera).get("latency_s")
            ids = " ".join(dict.fromkeys(list(self.agent.global_ids[camera].values())[-6:]))
            table.add_row(camera, status.state, f"{numbers['fps']:.1f}",
                          "–" if latency is None else f"{1000 * latency:.0f} ms", str(self.agent.people.get(camera, 0)),
                          f"{numbers['dropped']:.0f}", ids)
        return table

    def _caption(self, hidden: int, above: int) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        if hidden:
            text.append(f"… and {hidden} more" + (f", {above} of them above" if above else "") + "   ", style="yellow")
        text.append(f"{self.agent.spool.depth} messages wait to be acknowledged   ")
        if self._look.typing or self._look.wanted:
            text.append(f"/ {self._look.wanted}", style="bold")
        else:
            text.append(HELP)
        return text
