"""`Projection`: embeddings without what a camera adds to all of them, and with their common directions toned down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Floats = NDArray[np.float32]

DIMENSIONS = 128
"""Directions kept once there is enough to tell them from noise: half the work, and a little better for it."""
ENOUGH = 8
"""Visits a direction before directions are dropped."""
FLATTEN = 0.35
"""Each direction is divided by its standard deviation to this power: 0 leaves it as it is, 1 whitens fully, which
blows up noise."""
CAMERA_WEIGHT = 30.0
"""A camera's own mean counts fully after many times so many visits; before, the mean of all cameras stands in."""
SPREAD_WEIGHT = 100.0
"""As many visits of equal spread in every direction are mixed into the covariance."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Raw embeddings → unit rows that are compared by their scalar product.

    Attributes:
        centre: (cameras + 1, d) float32, subtracted from embeddings of each camera; the last row is for cameras that
            were not there when this was fitted.
        matrix: (d, p) float32.
    """

    centre: Floats
    matrix: Floats

    @classmethod
    def plain(cls, dimensions: int) -> Projection:
        """Changes nothing: for before anything was seen."""
        return cls(centre=np.zeros((1, dimensions), np.float32), matrix=np.eye(dimensions, dtype=np.float32))

    @classmethod
    def fit(cls, embedding: Floats, camera: NDArray[np.int32], cameras: int) -> Projection:
        """Learn from a sample of visits.

        Args:
            embedding: (n, d) float32, unit rows.
            camera: (n,) int32, below `cameras`.
            cameras: how many there are.
        """
        n = len(embedding)
        count = np.bincount(camera, minlength=cameras)[:, None]
        total = (np.arange(cameras)[:, None] == camera).astype(np.float32) @ embedding
        everywhere = total.sum(0, dtype=np.float64) / max(1, n)
        centre = np.vstack([(total + CAMERA_WEIGHT * everywhere) / (count + CAMERA_WEIGHT), everywhere])
        rest = embedding - centre[camera]
        rest = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-9)
        return cls(centre=centre.astype(np.float32), matrix=_flattened(rest.astype(np.float32)))

    def apply(self, embedding: Floats, camera: NDArray[np.int32]) -> Floats:
        """(n, d) float32 raw unit rows → (n, p) float32 unit rows."""
        known = np.minimum(camera, len(self.centre) - 1)
        rest = embedding - self.centre[known]
        # The length before whitening does not count: divide once, after.
        turned = rest @ self.matrix
        out: Floats = turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
        return out


def _flattened(rest: Floats) -> Floats:
    """(n, d) unit rows → (d, p), what tones their common directions down."""
    n, d = rest.shape
    weight = n + SPREAD_WEIGHT
    even = SPREAD_WEIGHT * float(np.einsum("ij,ij->", rest, rest)) / d / max(1, n) / weight
    matrix: Floats
    if n < d:  # of as many directions as there are rows anything is known; the others are all alike
        power, mixed = eigh(rest @ rest.T, driver="evd")
        known = power > 1e-6 * max(1.0, float(power[-1]))
        direction = rest.T @ (mixed[:, known] / np.sqrt(power[known]))
        usual = max(even, 1e-12) ** (-FLATTEN / 2)
        more = (power[known] / weight + even) ** (-FLATTEN / 2) - usual
        matrix = (np.eye(d) * usual + (direction * more) @ direction.T).astype(np.float32)
    else:
        kept = min(d, DIMENSIONS) if n >= ENOUGH * DIMENSIONS else d
        power, direction = eigh(rest.T @ rest, subset_by_index=(d - kept, d - 1))
        power, direction = power[::-1], direction[:, ::-1]
        matrix = (direction * np.maximum(power / weight + even, 1e-12) ** (-FLATTEN / 2)).astype(np.float32)
    return matrix
