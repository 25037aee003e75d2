"""Single key presses, without waiting for Enter."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator

_NAMES = {
    "[A": "up", "[B": "down", "OA": "up", "OB": "down", "[5~": "page up", "[6~": "page down", "[H": "home", "[F": "end",
    "OH": "home", "OF": "end", "[1~": "home", "[4~": "end", "[Z": "back tab",
}
_SEQUENCE = re.compile(r"\x1b(\[[0-9;]*[A-Za-z~]|O[A-Za-z])|(.)", re.DOTALL)
_PLAIN = {"\t": "tab", "\r": "enter", "\n": "enter", "\x1b": "escape", "\x7f": "backspace", "\x08": "backspace"}


def keys_of(text: str) -> list[str]:
    """What a terminal sends → keys: letters as they are, others by name (`up`, `page down`, `tab`, `escape` …). Those
    without a name here are left out."""
    found = (_NAMES.get(sequence, "") if sequence else _PLAIN.get(letter, letter if letter.isprintable() else "")
             for sequence, letter in _SEQUENCE.findall(text))
    return [key for key in found if key]


@contextlib.contextmanager
def key_presses() -> Iterator[Callable[[float], str]]:
    """Gives a function that waits at most so many seconds for a key and returns it, as `keys_of` names it, or an empty
    text.

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

    waiting: list[str] = []

    def press(seconds: float) -> str:
        if not waiting:
            ready, _, _ = select.select([descriptor], [], [], seconds)
            if ready:
                waiting.extend(keys_of(os.read(descriptor, 256).decode("utf-8", "replace")))
        return waiting.pop(0) if waiting else ""

    tty.setcbreak(descriptor)  # Ctrl-C still interrupts
    try:
        yield press
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _wait_only(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""
