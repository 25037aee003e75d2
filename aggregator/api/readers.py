"""Reads of the store, off the event loop: a few threads, each with its own read-only connections.

What is read is what the caller may see: one who may see some cameras only gets a reader to which there are no others.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from aggregator.api.access import Caller, caller
from aggregator.api.ports import ReaderFactory
from aggregator.store.reader import StoreReader

P = ParamSpec("P")
T = TypeVar("T")


class Readers:
    """Asks the store from `threads` threads. A connection is opened when its thread first needs one."""

    def __init__(self, factory: ReaderFactory, threads: int) -> None:
        self._factory = factory
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="api-read")
        self._own = threading.local()
        self._opened: list[StoreReader] = []
        self._lock = threading.Lock()

    async def ask(self, question: Callable[Concatenate[StoreReader, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`question(reader, …)` in one of the threads."""
        who = caller()
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: context.run(lambda: question(self._reader(who), *args, **kwargs)))

    async def work(self, job: Callable[[], T]) -> T:
        """A computation without the store, in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, job)

    def _reader(self, who: Caller) -> StoreReader:
        if who.cameras is None:
            reader: StoreReader | None = getattr(self._own, "reader", None)
            if reader is None:
                reader = self._own.reader = self._open()
            return reader
        narrow: StoreReader | None = getattr(self._own, "narrow", None)
        if narrow is None:
            narrow = self._own.narrow = self._open()
        if getattr(self._own, "cameras", None) != who.cameras:
            self._own.cameras = None
            narrow.show_only(who.cameras)
            self._own.cameras = who.cameras
        return narrow

    def _open(self) -> StoreReader:
        reader = self._factory()
        with self._lock:
            self._opened.append(reader)
        return reader

    def close(self) -> None:
        """Wait for what is being asked, then close every connection."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            for reader in self._opened:
                reader.close()
            self._opened.clear()
