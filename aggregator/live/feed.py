"""`Feed`: asks the aggregator again and again in a thread of its own, and keeps the latest state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from aggregator.live.state import LiveState
from common.errors import PassageError
from common.http_client import Api, NoAnswerError

EVENTS = 60


class Feed:
    """The state of one aggregator. When it is away, it is asked on until it comes back.

    Args:
        api: the aggregator.
        interval_s: seconds between questions.
        changed: called in the feed's thread after each answer or failure.
    """

    def __init__(self, api: Api, interval_s: float = 1.0, changed: Callable[[], None] = lambda: None) -> None:
        self._api = api
        self._interval_s = interval_s
        self._changed = changed
        self._state = LiveState(url=api.url)
        self._answered = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)

    @property
    def state(self) -> LiveState:
        """The latest."""
        return self._state

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """End; an answer that is being waited for is not waited for."""
        self._stopping.set()
        self._thread.join(timeout=0.5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.ask()
            self._stopping.wait(self._interval_s)

    def ask(self) -> None:
        """One question and its answer."""
        try:
            stats = self._api.get("/api/stats")
            events = self._api.get("/api/events", limit=EVENTS)["events"]
            alerts = self._api.get("/api/events", kind="alert", limit=EVENTS)["events"]
            self._state = self._state.after(stats, events, alerts)
            self._answered = time.monotonic()
        except PassageError as error:
            self._state = self._state.silent(error.message, error.cure, time.monotonic() - self._answered)
        except (KeyError, TypeError) as error:
            problem = NoAnswerError(f"{self._api.url} answers in another way than this release expects ({error!r})",
                                    "install the same release here and there")
            self._state = self._state.silent(problem.message, problem.cure, time.monotonic() - self._answered)
        self._changed()
