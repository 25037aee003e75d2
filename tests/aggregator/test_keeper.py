"""The index looks after itself in the background, and says how well it finds."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from aggregator.engine import keeper
from aggregator.engine.keeper import Keeper
from aggregator.linking import gallery, graph
from aggregator.linking.history import HistoryIndex
from tests.support.site import wait_for


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "EXACT_BELOW", 100)
    monkeypatch.setattr(keeper, "LOOK_EVERY_S", 0.02)


def filled(count: int) -> HistoryIndex:
    random = np.random.default_rng(0)
    rows = random.normal(size=(count, 24)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = HistoryIndex()
    index.add("m", list(range(1, count + 1)), [0] * count, rows, ["c"] * count, [0.0] * count, [1.0] * count)
    return index


def test_what_is_new_moves_into_the_graph_and_recall_is_measured() -> None:
    index = filled(500)
    assert index.figures()["m"]["waiting"] == 500
    one = Keeper(index, 600.0)
    one.start()
    wait_for(lambda: "recall_at_10" in index.figures()["m"], 20, "measured")
    assert index.figures()["m"]["waiting"] == 0
    assert index.figures()["m"]["recall_at_10"] >= 0.95
    one.stop(10)


def test_while_more_keep_coming_they_wait_for_one_another() -> None:
    index, asked = filled(500), list[int]()
    real = index.maintain

    def maintain(*, least: int = 1, **more: Any) -> bool:
        asked.append(least)
        index.add("m", [1000 + len(asked)], [0], np.eye(24, dtype=np.float32)[:1], ["c"], [0.0], [1.0])
        return real(least=least, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "maintain", maintain)
        one = Keeper(index, 600.0)
        one.start()
        wait_for(lambda: len(asked) > 3, 20, "several looks")
        assert index.figures()["m"]["waiting"] >= 2
    wait_for(lambda: index.figures()["m"]["waiting"] == 0, 20, "what waited when nothing more came")
    one.stop(10)


def test_while_the_engine_has_too_much_to_do_the_graph_waits() -> None:
    index, pressed = filled(500), [True]
    looks = list[int]()
    real = index.maintain
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "maintain", lambda **how: looks.append(how["least"]) or real(**how))
        one = Keeper(index, 600.0, lambda: pressed[0])
        one.start()
        wait_for(lambda: len(looks) > 3, 20, "several looks")
        assert index.figures()["m"]["waiting"] == 500
        assert "recall_at_10" not in index.figures()["m"]
        pressed[0] = False
        wait_for(lambda: "recall_at_10" in index.figures()["m"], 20, "measured")
    assert index.figures()["m"]["waiting"] == 0
    one.stop(10)


def test_a_poor_index_is_complained_about(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(graph, "DIMENSIONS", 2)
    caplog.set_level(logging.WARNING)
    one = Keeper(filled(2000), 600.0)
    one.start()
    wait_for(lambda: "of what it should" in caplog.text, 20, "a line in the log")
    one.stop(10)


def test_failure_of_the_keeper_ends_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    index, tries = filled(500), []

    def fail(**_: object) -> bool:
        tries.append(1)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(index, "maintain", fail)
    one = Keeper(index, 600.0)
    one.start()
    wait_for(lambda: len(tries) > 1, 20, "a second try")
    assert "searching goes on" in caplog.text
    one.stop(10)
