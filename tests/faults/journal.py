"""What a box did, written where no fault of the round reaches: appended lines, so that a kill loses none of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


class Journal:
    """Written by a box."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, *words: object) -> None:
        """One line, at once."""
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


@dataclass
class Told:
    """What a journal says.

    Attributes:
        next: the first item that was never begun.
        kept: items that the spool had taken, by index → times.
        acknowledged: items whose acknowledgement came.
    """

    next: int = 0
    kept: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)


def read(path: Path) -> Told:
    """All of a journal."""
    told = Told()
    names: dict[tuple[str, int], int] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        word, *rest = line.split()
        if word == "will":
            told.next = max(told.next, int(rest[1]))
        elif word == "kept":
            spool, seq, first, count = rest[0], int(rest[1]), int(rest[2]), int(rest[3])
            for k in range(count):
                names[spool, seq + k] = first + k
                told.kept.add(first + k)
        elif word == "ack":
            named = {(rest[0], int(seq)) for seq in rest[1:]}
            told.acknowledged.update(names[name] for name in named & names.keys())
    return told
