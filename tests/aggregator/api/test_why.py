from __future__ import annotations

from typing import get_args

import pytest

from aggregator.api.why import by_people, in_words
from aggregator.store.records import CorrectionRow
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
    def said(operation: Operation, by: str, **other: int) -> str:
        row = CorrectionRow(correction=2, time=0.0, who="Ada", operation=by, **other)  # type: ignore[arg-type]
        return by_people(entry(operation, correction=2.0, who="Ada"), None, row)

    assert said("confirm", "confirm") == "Ada confirmed that visit 4 is G1's (correction 2)."
    assert said("merge", "merge", undone=5) == "Ada said that G3 is G1 (correction 2, taken back by 5)."
    assert said("split", "reject") == "Ada said that visit 4 is not G3's; it is G1's now (correction 2)."
    assert said("restore", "undo", undoes=1) == "Ada took correction 1 back: visit 4 is G1's again (correction 2)."
    assert said("merge", "undo", undoes=1) == \
        "Ada took correction 1 back: G3 has no visit left and leads to G1 (correction 2)."
