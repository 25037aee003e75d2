"""Every queue, cache, pool and table has a bound that is written down."""

from __future__ import annotations

import queue
from concurrent.futures import Future
from typing import Any

import pytest

from aggregator.corrections.asked import Asked, CorrectionError
from aggregator.engine import corrector, errands
from aggregator.engine.live import Live
from common.errors import StoreError, WireError
from common.messages import MAX_CAMERAS, CameraInfo, Hello, Stats, decode, encode
from docs.limits import PARTS, Limit, default_of
from tests.docs.growing import gathering, said
from tests.docs.held import found

ROWS = [row for rows in PARTS.values() for row in rows]


def test_everything_that_could_grow_has_a_bound_that_is_written_down() -> None:
    written = [name for row in ROWS for name in row.holds]
    assert len(written) == len(set(written)), "written down twice"
    assert found() - set(written) == set(), "say in docs/limits.py what bounds these, and run ./run docs"
    assert set(written) - found() == set(), "these are gone: take them out of docs/limits.py"


def test_what_gathers_in_plain_containers_is_bounded_and_somebody_said_by_what() -> None:
    written = said()
    assert len(written) == len(set(written)), "said twice"
    assert gathering() - set(written) == set(), "say in tests/docs/growing.py what bounds these"
    assert set(written) - gathering() == set(), "these are gone: take them out of tests/docs/growing.py"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_bound_that_is_written_down_is_there(row: Limit) -> None:
    default = default_of(row.bound)
    assert ":" not in row.bound or default not in ("", "None")
    assert row.beyond


def test_a_new_queue_would_be_noticed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aggregator").mkdir()
    (tmp_path / "aggregator" / "new.py").write_text(
        "class Thing:\n    def __init__(self):\n        self._waiting: list = deque()\n"
        "@functools.lru_cache(maxsize=None)\ndef looked_up(): ...\nSQL = 'CREATE TABLE heap (x)'\n")
    (tmp_path / "aggregator" / "other.py").write_text(
        "class Thing:\n    def __init__(self):\n        self._all: dict[str, int] = {}\n        self.n = [1]\n")
    monkeypatch.setattr("tests.docs.held.ROOT", tmp_path)
    monkeypatch.setattr("tests.docs.growing.ROOT", tmp_path)
    assert gathering() == {"aggregator.other.Thing._all"}
    assert found() == {"aggregator.new.Thing._waiting", "aggregator.new.looked_up", "table heap"}


def test_an_agent_with_too_many_cameras_is_refused() -> None:
    many = {f"c{i}": {"fps": 1.0} for i in range(MAX_CAMERAS + 1)}
    with pytest.raises(WireError, match="at most 1000"):
        decode(encode(Stats(clock=1.0, cameras=many)))
    cameras = tuple(CameraInfo(camera=name, width=1, height=1) for name in many)
    with pytest.raises(WireError, match="at most 1000"):
        decode(encode(Hello(agent="a", run="r", spool="s", software="", clock=1.0, cameras=cameras)))
    with pytest.raises(WireError, match="at most 100"):
        decode(encode(Stats(clock=1.0, spool={f"n{i}": 1.0 for i in range(101)})))


def test_cameras_that_an_agent_no_longer_speaks_of_are_forgotten() -> None:
    live = Live(10.0, 0.0)
    for i in range(1000):
        live.heard("box", Stats(clock=1.0, cameras={f"c{i}": {"fps": 1.0}}), 1.0)
    assert list(live.snapshot(1.0)["cameras"]) == ["c999"]


def test_who_asks_the_engine_while_very_many_wait_is_told_so() -> None:
    corrections, others = corrector.Corrector(), errands.Errands()
    wish = Asked(operation="undo", who="somebody")
    answers: list[Future[Any]] = [corrections.ask(wish) for _ in range(corrector.MOST + 1)]
    with pytest.raises(CorrectionError, match="wait already"):
        answers[-1].result(0)
    answers = [others.ask(lambda: None) for _ in range(errands.MOST + 1)]
    with pytest.raises(StoreError, match="wait"):
        answers[-1].result(0)
    assert isinstance(corrections._orders, queue.Queue)
