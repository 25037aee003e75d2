"""`Trials`: what the graph found of right answers, looking at few neighbours and at many; how many to look at."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GOOD = 0.99
"""Share of the right answer that a search is to find."""
FINENESS = 4
"""Rungs until twice as many neighbours are looked at: each time a fifth more."""
EF_MOST = 1536
KEPT = 2000
"""Latest questions that are remembered: of so many the mean is off by about .0007."""
ERRORS = 2.5
"""Standard errors that the mean must lie above what is asked: chance says so wrongly once in 160 times."""
PRIOR = 0.9
"""What one imaginary question found, so that a few that found everything do not seem to be certainty."""
GROWTH = 1.5
"""What was asked when there were so many times fewer visits says nothing any more."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How much of the exact answer the graph finds.

    Attributes:
        at_10: share of the ten visits most like a visit that a search finds, mean over the sample.
        at_least: what it surely is: so many standard errors less.
        sample: visits that were searched for, now and before.
        visits: how many there were.
    """

    at_10: float
    at_least: float
    sample: int
    visits: int


class Trials:
    """Each question is asked with every rung of the ladder, so that rungs are compared over the same questions.

    Looking at more neighbours never finds less, or hardly ever. So who has found everything need not look further.

    Args:
        fewest: neighbours to look at, where the ladder begins: fewer would hardly be faster.
    """

    def __init__(self, fewest: int) -> None:
        steps = range(1 + max(0, int(np.ceil(FINENESS * np.log2(EF_MOST / fewest)))))
        self.ladder = tuple(round(fewest * 2 ** (step / FINENESS)) for step in steps)
        self._asked: deque[tuple[int, NDArray[np.float64]]] = deque(maxlen=KEPT)

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, found: Callable[[int], float], visits: int) -> None:
        """Ask one question.

        Args:
            found: gives the share of the right answer that is found looking at so many neighbours.
            visits: how many there are.
        """
        shares = np.ones(len(self.ladder))
        for rung, ef in enumerate(self.ladder):
            shares[rung] = found(ef)
            if shares[rung] >= 1:
                break
        self._asked.append((visits, np.maximum.accumulate(shares)))
        while self._asked[0][0] * GROWTH < visits:
            self._asked.popleft()

    def recall(self, ef: int) -> Recall:
        """What is known of searches that look at `ef` neighbours; between rungs, on the line between them."""
        mean, least = self._curves()
        at = np.log(ef)
        return Recall(at_10=float(np.interp(at, np.log(self.ladder), mean)),
                      at_least=float(np.interp(at, np.log(self.ladder), least)),
                      sample=len(self._asked), visits=self._asked[-1][0])

    def enough(self) -> int:
        """The smallest `ef` that surely finds what is asked, on the line between two rungs; where no rung does, the
        smallest that finds the most."""
        least = self._curves()[1]
        rung = int(np.argmax(least >= min(GOOD, least.max())))
        if rung == 0 or least[rung] < GOOD:
            return self.ladder[rung]
        part = (GOOD - least[rung - 1]) / (least[rung] - least[rung - 1])
        below, above = np.log(self.ladder[rung - 1]), np.log(self.ladder[rung])
        return int(np.ceil(np.exp(below + part * (above - below))))

    def _curves(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean at each rung, and what it surely is; both (rungs,) and rising."""
        shares = np.stack([one for _, one in self._asked])
        careful = np.concatenate([shares, np.full((1, len(self.ladder)), PRIOR)])
        least = careful.mean(axis=0) - ERRORS * careful.std(axis=0) / np.sqrt(len(careful))
        return shares.mean(axis=0), np.maximum.accumulate(least)
