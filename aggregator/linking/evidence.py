"""`Evidence`: what two visits' likeness and the time between them say about their being of one person."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.clocks import Clocks
from aggregator.linking.cohort import Cohort
from aggregator.linking.gaps import BINS
from aggregator.linking.projection import Projection

Floats = NDArray[np.float32]

GRID = 256
"""Steps of the appearance tables."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Everything learned from the stream, frozen.

    Attributes:
        projection, cohort: embeddings → normalised scores.
        low, step: score of the first entry of `appearance`, and from one entry to the next.
        appearance: (2, GRID) float32, log-likelihood ratio of a score, same person : two people; [0] for visits of
            two cameras, [1] of one, where strangers look more alike.
        transit: (cameras + 1, cameras + 1, BINS) float32, log-odds that two visits are of one person when nothing
            is known but where and when: by camera of the earlier, of the later, and bin of the gap. The last
            index is a camera that was not there at the time of learning.
        likeliest: the greatest of `transit`.
        alike_from: score below which looks speak for one person nowhere in `appearance`.
        learned_from: visits in the sample.
        clocks: of the cameras, on top of what a layout says.
    """

    projection: Projection
    cohort: Cohort
    low: float
    step: float
    appearance: Floats
    transit: Floats
    learned_from: int
    clocks: Clocks
    likeliest: float = field(init=False)
    alike_from: float = field(init=False)

    def __post_init__(self) -> None:
        cameras = len(self.transit)
        for name, expected in (("appearance", (2, GRID)), ("transit", (cameras, cameras, BINS))):
            actual = getattr(self, name).shape
            if actual != expected:
                raise ValueError(f"Evidence.{name}: expected shape {expected}, got {actual}")
        object.__setattr__(self, "likeliest", float(self.transit.max()))
        speaks = (self.appearance > 0).any(axis=0)
        first = int(speaks.argmax())
        from_ = self.low + first * self.step if first else -np.inf
        object.__setattr__(self, "alike_from", from_ if speaks.any() else np.inf)

    def alike(self, score: Floats, same_camera: NDArray[np.bool_]) -> Floats:
        """Log-likelihood ratios of normalised scores, of the same shape."""
        entry = score - np.float32(self.low)
        entry *= np.float32(1 / self.step)
        np.minimum(np.maximum(entry, 0, out=entry), GRID - 1, out=entry)
        index = entry.astype(np.int32)
        index += same_camera * np.int32(GRID)
        out: Floats = self.appearance.ravel().take(index)
        return out

    def walk_between(
        self,
        camera_a: NDArray[np.int32],
        camera_b: NDArray[np.int32],
        earlier: NDArray[np.bool_],
        gap_bin: NDArray[np.int16],
    ) -> Floats:
        """Log-odds before anybody looks, float32, of visits a with visits b, which are broadcast against each other.

        Args:
            camera_a, camera_b: such as (n, 1) and (m,).
            earlier: such as (n, m), whether a began before b.
            gap_bin: of the same shape.
        """
        last = len(self.transit) - 1
        a, b = np.minimum(camera_a, last) * BINS, np.minimum(camera_b, last) * BINS
        index = np.where(earlier, a * (last + 1) + b, b * (last + 1) + a)
        index += gap_bin
        out: Floats = self.transit.ravel().take(index)
        return out
