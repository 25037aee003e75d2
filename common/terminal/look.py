"""`Look`: which part of which list is on the screen, and what keys do to that. Plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

T = TypeVar("T")

PAGE = 10
_STEPS = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -PAGE, "b": -PAGE, "page down": PAGE, " ": PAGE}
HELP = "q quit  ↑↓ scroll  / filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What somebody at the keyboard chose.

    Attributes:
        first: of each list, its first row on the screen.
        chosen: the list that keys scroll.
        wanted: only rows with this text are shown.
        typing: `wanted` is being typed.
        on: letters that were switched on.
    """

    first: tuple[int, ...] = (0,)
    chosen: int = 0
    wanted: str = ""
    typing: bool = False
    on: frozenset[str] = frozenset()

    def pressed(self, key: str, counts: Sequence[int], switches: str = "") -> Look | None:
        """After a key; None when it ends the view.

        Args:
            key: as `keys.keys_of` names it; empty for none.
            counts: rows of each list.
            switches: letters that may be switched on and off.
        """
        if self.typing:
            return self._typed(key)
        if key in ("q", "Q"):
            return None
        if key == "escape":
            return replace(self, wanted="") if self.wanted else None
        if key == "/":
            return replace(self, typing=True)
        if key and key in switches:
            return replace(self, on=self.on ^ {key})
        if key in ("tab", "back tab"):
            return replace(self, chosen=(self.chosen + (1 if key == "tab" else -1)) % len(self.first))
        most = max(0, counts[self.chosen] - 1)
        now = min(self.first[self.chosen], most)
        then = {"home": 0, "g": 0, "end": most, "G": most}.get(key, now + _STEPS.get(key, 0))
        rows = list(self.first)
        rows[self.chosen] = min(max(0, then), most)
        return replace(self, first=tuple(rows))

    def _typed(self, key: str) -> Look:
        if key == "escape":
            return replace(self, typing=False, wanted="")
        if key == "enter":
            return replace(self, typing=False)
        if key == "backspace":
            return replace(self, wanted=self.wanted[:-1])
        return replace(self, wanted=self.wanted + key, first=(0,) * len(self.first)) if len(key) == 1 else self

    def matches(self, *texts: str | None) -> bool:
        """Whether a row with these texts is wanted."""
        wanted = self.wanted.casefold()
        return not wanted or any(wanted in text.casefold() for text in texts if text)

    def part(self, rows: Sequence[T], room: int, which: int = 0) -> tuple[Sequence[T], int]:
        """The rows of list `which` that are on the screen, and how many are above; the last page is full."""
        first = max(0, min(self.first[which], len(rows) - room))
        return rows[first : first + room], first
