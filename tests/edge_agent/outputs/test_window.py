from __future__ import annotations

import sys

import pytest

from common.errors import ConfigError
from edge_agent.outputs.window import Window, require_display

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays of X11")


def test_show_without_a_screen_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(ConfigError, match="DISPLAY is not set") as error:
        require_display()
    assert "--annotate" in (error.value.cure or "")


@pytest.mark.parametrize("display", [":9731", "unix:9731.0", "127.0.0.1:59000", "nonsense"])
def test_show_on_a_screen_that_is_gone(monkeypatch: pytest.MonkeyPatch, display: str) -> None:
    """OpenCV's toolkit would abort the whole program here."""
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(ConfigError, match=f"nobody answers at DISPLAY={display}"):
        Window("door")
