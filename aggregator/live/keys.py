"""Single key presses, without waiting for Enter."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def key_presses() -> Iterator[Callable[[float], str]]:
    """Gives a function that waits at most so many seconds for a key and returns it, or an empty text.

    The terminal is as before when this ends. Where standard input is no terminal, the function only waits.
    """
    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        # A program in the background would be stopped for touching the terminal.
        usable = os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError, termios.error):
        usable = False
    if not usable:
        yield _wait_only
        return

    def press(seconds: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return os.read(descriptor, 32).decode("utf-8", "replace")[:1] if ready else ""

    tty.setcbreak(descriptor)  # Ctrl-C still interrupts
    try:
        yield press
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _wait_only(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""
