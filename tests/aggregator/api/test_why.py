from __future__ import annotations

from typing import get_args

import pytest

from aggregator.api.why import in_words
from aggregator.store.rows import LogRow
from aggregator.visit import Operation


def entry(operation: Operation, **reason: float | str) -> LogRow:
    return LogRow(entry=1, time=0.0, operation=operation, visit=4, identity=1, other=3, score=0.0, confidence=0.9,
                  rivals=(), reason=reason, settings="")


@pytest.mark.parametrize("operation", get_args(Operation))
def test_every_operation_has_words(operation: Operation) -> None:
    words = in_words(entry(operation), None)
    assert "G1" in words
    assert words.endswith(".")


def test_what_a_person_said_is_told_with_their_name() -> None:
    assert in_words(entry("confirm", correction=2.0, who="Ada"), None) == "Visit 4 is G1, as Ada says."
    assert in_words(entry("merge", correction=2.0, who="Ada"), None) == \
        "G3 turned out to be G1, as Ada says; its visits are G1's now."
