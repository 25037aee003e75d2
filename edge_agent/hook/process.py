"""`HookProcess`: the process in which a hook runs, as its one caller sees it: give it a call, wait for its answer."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from common.errors import PassageError
from edge_agent.hook.child import LENGTHS

START_S = 60.0
"""Seconds that a hook's module may take to be imported."""
_STEP_S = 0.2


class HookError(PassageError):
    """A hook's process cannot go on."""


class HookProcess:
    """Starts at once; used by one thread.

    Args:
        run: file or module.
        go_on: asked now and then while it waits; False gives up.

    Attributes:
        functions: of those that there can be, which there are.

    Raises:
        HookError: its module cannot be imported, and why.
    """

    def __init__(self, run: str, go_on: Callable[[], bool]) -> None:
        self._go_on = go_on
        self._process = subprocess.Popen([sys.executable, "-m", "edge_agent.hook.child", run], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, bufsize=0)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._calls, self._answers = self._process.stdin, self._process.stdout
        os.set_blocking(self._calls.fileno(), False)
        self._rest = b""
        try:
            answer = self._answer(time.monotonic() + START_S)
            if "error" in answer:
                raise HookError(f"{run} cannot be used: {answer['error']}", "mend it; it is tried again")
        except BaseException:
            self.end(0.0)
            raise
        ready = answer.get("ready")
        self.functions: frozenset[str] = frozenset(ready if isinstance(ready, list) else ())

    def call(self, parts: Sequence[bytes | memoryview], timeout_s: float) -> str:
        """Hand one call over and wait until it is done.

        Args:
            parts: head, and pixels if it is a frame.
            timeout_s: how long both may take.

        Returns:
            What the user's function raised; empty when it did not.

        Raises:
            HookError: the process has ended, or takes too long.
        """
        until = time.monotonic() + timeout_s
        self._write(LENGTHS.pack(len(parts[0]), len(parts[1]) if len(parts) > 1 else 0), until)
        for part in parts:
            self._write(part, until)
        return str(self._answer(until).get("error", ""))

    def end(self, patience_s: float) -> None:
        """Let it end by itself for so long, then end it."""
        with contextlib.suppress(OSError):
            self._calls.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def _write(self, data: bytes | memoryview, until: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._calls.fileno(), selectors.EVENT_WRITE, until)
            try:
                view = view[os.write(self._calls.fileno(), view):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone() from error

    def _answer(self, until: float) -> dict[str, object]:
        while b"\n" not in self._rest:
            self._wait(self._answers.fileno(), selectors.EVENT_READ, until)
            data = os.read(self._answers.fileno(), 1 << 16)
            if not data:
                raise self._gone()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else {}

    def _wait(self, descriptor: int, event: int, until: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            while not selector.select(min(_STEP_S, max(0.0, until - time.monotonic()))):
                if time.monotonic() >= until:
                    raise HookError("a call takes too long; its process is begun anew", "see hook.timeout_s")
                if not self._go_on():
                    raise HookError("the agent ends")

    def _gone(self) -> HookError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.returncode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return HookError(f"its process has ended ({how}); it is begun anew", "what it printed stands in the log")
