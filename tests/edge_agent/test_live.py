"""A box in the terminal: what fits is shown, the rest is counted, keys move it, and a pipe gets plain lines."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from edge_agent.capture.status import CameraStatus
from edge_agent.latency import Latency
from edge_agent.live import AgentLive


def agent(cameras: int) -> Any:
    names = [f"cam{n:02d}" for n in range(cameras)]
    latency = Latency()
    latency.add("cam00", 0.041, 1.0)
    made = SimpleNamespace(
        capture=SimpleNamespace(status=lambda: {name: CameraStatus(state="running", fps=9.7) for name in names}),
        uplink=SimpleNamespace(status=lambda: SimpleNamespace(connected=True)),
        settings=SimpleNamespace(agent="box-1", aggregator="tcp://127.0.0.1:5599"), spool=SimpleNamespace(depth=3),
        people=dict.fromkeys(names, 2), latency=latency, global_ids={name: {1: "G17"} for name in names}, stopped=False)
    made.stop = lambda: setattr(made, "stopped", True)
    return made


def screen(view: AgentLive, height: int = 24) -> list[str]:
    console = Console(width=80, height=height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(view.table(view._cameras(), height))
    return console.export_text().splitlines()


def pressing(view: AgentLive, *keys: str) -> None:
    waiting = list(keys)
    view._press = lambda _seconds: waiting.pop(0) if waiting else ""
    view._keys(view._keys_at + 1)


@pytest.fixture
def view() -> AgentLive:
    return AgentLive(agent(40), Console(file=io.StringIO(), force_terminal=True, width=80, height=24))


def test_80_by_24_is_not_overflown_and_what_does_not_fit_is_counted(view: AgentLive) -> None:
    lines = screen(view)
    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines)
    shown = sum("running" in line for line in lines)
    assert f"… and {40 - shown} more" in lines[-1]
    assert "41 ms" in next(line for line in lines if "cam00" in line)
    assert "G17" in lines[5]


def test_keys_scroll_filter_and_end(view: AgentLive) -> None:
    pressing(view, "end")
    assert any("cam39" in line for line in screen(view))
    assert "of them above" in screen(view)[-1]
    pressing(view, "/", "3", "7", "enter")
    assert [line.split()[1] for line in screen(view) if "running" in line] == ["cam37"]
    pressing(view, "escape")
    assert sum("running" in line for line in screen(view)) > 10
    assert not view.agent.stopped
    pressing(view, "q")
    assert view.agent.stopped


def test_without_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with AgentLive(agent(2), Console(file=io.StringIO())) as view:
        view.refresh()
        view.refresh()
    assert capsys.readouterr().out.splitlines() == ["cam00: running, 9.7 fps, 2 people",
                                                    "cam01: running, 9.7 fps, 2 people"]
