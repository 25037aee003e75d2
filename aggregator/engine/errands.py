"""`Errands`: what others ask the engine's thread to do, because it alone writes."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from common.errors import StoreError

T = TypeVar("T")
MOST = 1000


class Errands:
    """A queue. Any thread asks, the engine's does."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue(MOST)
        self._ended = False

    def ask(self, job: Callable[[], T]) -> Future[T]:
        """Have `job` done soon; the future has what it returns or raises."""
        answer: Future[T] = Future()
        try:
            self._waiting.put_nowait((job, answer))
        except queue.Full:
            answer.set_exception(StoreError(f"{MOST} others wait for the engine already", "ask again soon"))
        if self._ended:
            self.end()
        return answer

    def do(self) -> None:
        """Do what waits. Nothing that a job raises gets out."""
        while (order := self._next()) is not None:
            job, answer = order
            try:
                answer.set_result(job())
            except BaseException as error:
                answer.set_exception(error)

    def end(self) -> None:
        """Nobody is there any more to do it."""
        self._ended = True
        while (order := self._next()) is not None:
            order[1].set_exception(StoreError("the aggregator is stopping", "ask again when it is back"))

    def _next(self) -> tuple[Callable[[], Any], Future[Any]] | None:
        while True:
            try:
                order = self._waiting.get_nowait()
            except queue.Empty:
                return None
            if order[1].set_running_or_notify_cancel():
                return order
