"""`Crowd`: one place's number of people against a threshold that must be held for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Crowd:
    """How things stand at one place.

    Attributes:
        number: people there.
        since: from when on there were enough, None while there are not.
        raised: it was told of and not taken back.
    """

    number: int = 0
    since: float | None = None
    raised: bool = False

    def step(self, number: int, time: float, least: int, seconds: float,
             ) -> Iterator[tuple[Literal["raised", "cleared"], float, int]]:
        """At `time`, `number` people are there; yields what is to be told: state, since when, how many."""
        if self.since is not None and not self.raised and time - self.since >= seconds:
            self.raised = True
            yield "raised", self.since + seconds, self.number
        if number >= least:
            if self.since is None:
                self.since = time
            self.number = number
            if not self.raised and time - self.since >= seconds:
                self.raised = True
                yield "raised", time, number
        else:
            self.since, self.number = None, number
            if self.raised:
                self.raised = False
                yield "cleared", time, number
