"""`LiveView`: a running aggregator in the terminal; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from aggregator.live.feed import Feed
from aggregator.live.plain import PlainLines
from aggregator.live.render import ALERTS, START, lists, render
from common.http_client import DEFAULT_URL, Api
from common.terminal.keys import key_presses

FRAME_S = 0.25


class LiveView:
    """Shows agents, cameras, links and events, and follows the aggregator through restarts.

    Args:
        url: the aggregator's address.
        console: where to; standard output by default.
        interval_s: seconds between questions.

    Raises:
        ConfigError: `url` is no address.
    """

    def __init__(self, url: str = DEFAULT_URL, *, console: Console | None = None, interval_s: float = 1.0) -> None:
        self._api = Api(url, timeout_s=5.0)
        self._console = console or Console()
        self._interval_s = interval_s

    def run(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Show it until `until` says so or somebody presses q.

        Returns:
            False when somebody pressed q.

        Raises:
            KeyboardInterrupt: Ctrl-C; the terminal is as before.
        """
        feed = Feed(self._api, self._interval_s)
        feed.start()
        try:
            if self._console.is_terminal and not self._console.is_dumb_terminal:
                return self._on_screen(feed, until)
            self._in_lines(feed, until)
            return True
        finally:
            feed.stop()

    def _on_screen(self, feed: Feed, until: Callable[[], bool]) -> bool:
        console = self._console
        with key_presses() as press, Live(console=console, screen=True, auto_refresh=False) as live:
            shown: tuple[object, ...] = ()
            look = START
            while not until():
                # Asked for in every round, so that the picture follows when the window changes.
                now = (feed.state, console.size, look)
                if now != shown:
                    live.update(render(feed.state, *console.size, look), refresh=True)
                    shown = now
                if (key := press(FRAME_S)):
                    then = look.pressed(key, [len(rows) for rows in lists(feed.state, look)], ALERTS)
                    if then is None:
                        return False
                    look = then
        return True

    def _in_lines(self, feed: Feed, until: Callable[[], bool]) -> None:
        lines = PlainLines()
        last = False
        while not last:
            last = until()
            for line in lines.after(feed.state, time.monotonic()):
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            if not last:
                time.sleep(FRAME_S)
