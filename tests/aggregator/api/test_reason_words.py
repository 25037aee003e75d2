"""What linking knew, in words that a person understands."""

from __future__ import annotations

import math
from typing import Any

import pytest

from aggregator.api.reason_words import against, because
from aggregator.store.rows import LogRow
from aggregator.visit import Rival

REASON: dict[str, float | str] = {
    "appearance": math.log(9), "walk": -1.0, "cosine": 0.8, "transit": 42.0, "from": "hall", "usual": 0.8,
    "sooner": 0.0, "candidates": 2.0, "visits": 3.0}


@pytest.mark.parametrize(("change", "says"), [
    ({}, "looked alike: 9 times likelier one person; came from hall after 42 s, as most do; 2 others could"),
    ({"appearance": 20.0}, "over 1000 times likelier one person"),
    ({"appearance": 0.9}, "2.5 times likelier one person"),
    ({"appearance": 0.1}, "looked as alike as one person might, or two"),
    ({"appearance": -math.log(4)}, "looked 4 times likelier two people"),
    ({"usual": 0.3}, "as many do"), ({"usual": 0.05}, "as some do"),
    ({"usual": 0.001, "sooner": 1.0}, "sooner than nearly all"), ({"usual": 0.001}, "later than nearly all"),
    ({"transit": 600.0}, "came from hall after 10 min"),
    ({"transit": -3.0}, "seen in hall too, for 3 s at once, as most do"),
    ({"candidates": 0.0}, "nobody else could have been here"), ({"candidates": 1.0}, "1 other could"),
])
def test_what_carried_a_link(change: dict[str, float], says: str) -> None:
    assert says in because({**REASON, **change})


def test_who_was_there_before_went_on() -> None:
    other = {key: value for key, value in REASON.items() if key not in ("from", "usual")} | {"to": "yard"}
    assert "; went on to yard after 42 s; " in because(other)


def row(operation: Any, confidence: float = 0.9) -> LogRow:
    return LogRow(entry=1, time=0.0, operation=operation, visit=1, identity=1, other=0, score=2.0,
                  confidence=confidence, rivals=(), reason=REASON, settings="")


@pytest.mark.parametrize(("operation", "looks", "walk", "probability", "says"), [
    ("link", math.log(9 / 30), -1.0, 0.05, "looked 30 times less alike"),
    ("link", math.log(9), -1.0 - math.log(5), 0.05, "the way there is 5 times less likely"),
    ("link", math.log(9), -1.1, 0.4, "looked and came about as likely"),
    ("link", math.log(20), -1.0, 0.95, "went to another visit of the same moment, which fits better still"),
    ("new", -math.log(12), -1.0, 0.01, "looked 12 times likelier two people"),
    ("new", math.log(4), -math.log(50), 0.01, "looked 4 times likelier one person, but the way there speaks 50 times "
                                              "against it"),
    ("new", 0.1, -1.0, 0.01, "too little speaks for it"),
])
def test_why_a_rival_lost(operation: str, looks: float, walk: float, probability: float, says: str) -> None:
    rival = Rival(identity=2, score=looks + walk, probability=probability, walk=walk)
    assert against(rival, row(operation)) == says


def test_a_log_of_an_older_release_can_be_read() -> None:
    assert against(Rival(identity=2, score=1.0, probability=0.1), row("link")) == "less likely"
    assert because({"cosine": 0.83, "transit_s": 5.0, "words": "like G1"}) == \
        "looked alike by 0.83; 5 s on the way; like G1"
