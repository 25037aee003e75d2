"""How long people took from camera to camera, by the truth and by the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Way = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Transits:
    """Successive visits of the same person (`true`) and of the same global id (`answered`): two rows of each.

    Attributes:
        camera: (n,) of every visit.
        start, end: (n,) float64, seconds.
        true, answered: (2, k) and (2, m) int, rows of the earlier and of the later visit, of two cameras.
    """

    camera: Sequence[str]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    true: NDArray[np.intp]
    answered: NDArray[np.intp]

    @classmethod
    def of(cls, truth: Sequence[Hashable], guess: Sequence[Hashable], camera: Sequence[str],
           start: NDArray[np.float64], end: NDArray[np.float64]) -> Transits:
        """From one person and one global id a visit."""
        order = np.argsort(start, kind="stable").tolist()
        return cls(camera, start, end, _successions(truth, camera, order), _successions(guess, camera, order))

    def seconds(self, way: Way, *, said: bool) -> NDArray[np.float64]:
        """Start of the later minus end of the earlier for every walk along `way`; below 0 where views overlap."""
        before, after = self.answered if said else self.true
        mine = [self.camera[a] == way[0] and self.camera[b] == way[1]
                for a, b in zip(before.tolist(), after.tolist(), strict=True)]
        gap: NDArray[np.float64] = self.start[after[mine]] - self.end[before[mine]]
        return gap

    def busiest(self, most: int) -> list[Way]:
        """The ways walked most often, by the truth."""
        ways = Counter((self.camera[a], self.camera[b]) for a, b in self.true.T.tolist())
        return [way for way, _ in ways.most_common(most)]


def _successions(who: Sequence[Hashable], camera: Sequence[str], order: Sequence[int]) -> NDArray[np.intp]:
    last: dict[Hashable, int] = {}
    pairs = []
    for row in order:
        before = last.get(who[row])
        if before is not None and camera[before] != camera[row]:
            pairs.append((before, row))
        last[who[row]] = row
    return np.array(pairs, np.intp).reshape(-1, 2).T
