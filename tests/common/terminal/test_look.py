from __future__ import annotations

import pytest

from common.terminal.keys import keys_of
from common.terminal.look import PAGE, Look


def after(look: Look, *keys: str, counts: tuple[int, ...] = (30, 5)) -> Look | None:
    for key in keys:
        now = look.pressed(key, counts, "a")
        if now is None:
            return None
        look = now
    return look


@pytest.mark.parametrize(("sent", "keys"), [
    ("q", ["q"]), ("\x1b[A\x1b[B", ["up", "down"]), ("\x1bOA", ["up"]),
    ("\x1b[5~x\x1b[6~", ["page up", "x", "page down"]),
    ("\x1b", ["escape"]), ("\t\r\x7f", ["tab", "enter", "backspace"]), ("\x1b[1;5C", []), ("é\x00", ["é"]), ("", []),
])
def test_what_terminals_send_is_told_apart(sent: str, keys: list[str]) -> None:
    assert keys_of(sent) == keys


def test_keys_scroll_and_stop_at_both_ends() -> None:
    look = Look(first=(0, 0))
    assert after(look, "down", "j", "down", "up").first == (2, 0)
    assert after(look, *["page down"] * 9).first == (29, 0)
    assert after(look, "G", "page up").first == (29 - PAGE, 0)
    assert after(look, "up", "home").first == (0, 0)
    assert after(look, "tab", *["down"] * 9).first == (0, 4)
    assert after(look, "tab", "tab").chosen == 0
    assert after(look, "down", counts=(0, 0)).first == (0, 0)


def test_a_filter_is_typed_kept_and_cleared() -> None:
    typed = after(Look(first=(7, 0)), "/", "q", "x", "backspace", "1")
    assert (typed.wanted, typed.typing, typed.first) == ("q1", True, (0, 0))
    kept = after(typed, "enter")
    assert (kept.wanted, kept.typing) == ("q1", False)
    assert kept.matches("Camera", "G17", None) is False
    assert kept.matches("AQ17") is True
    assert after(kept, "escape") == Look(first=(0, 0)), "the first escape clears the filter"
    assert after(kept, "escape", "escape") is None, "the next ends the view"
    assert after(typed, "escape").wanted == ""


def test_switches_and_the_end() -> None:
    assert after(Look(), "a", counts=(1,)).on == {"a"}
    assert after(Look(), "a", "a", counts=(1,)).on == frozenset()
    assert after(Look(), "q", counts=(1,)) is None
    assert after(Look(), "", "z", "page left", counts=(1,)) == Look()


def test_the_last_page_is_full() -> None:
    assert Look(first=(28,)).part(range(30), 10) == (range(20, 30), 20)
    assert Look(first=(28,)).part(range(3), 10) == (range(3), 0)
