"""Embeddings are turned and toned down as the plain formula says, however few they are."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking.projection import CAMERA_WEIGHT, FLATTEN, SPREAD_WEIGHT, Projection


def plainly(embedding: np.ndarray, camera: np.ndarray, cameras: int) -> np.ndarray:
    """Cosines of all with all, with the covariance written out."""
    n, d = embedding.shape
    everywhere = embedding.mean(0)
    centre = np.stack([(embedding[camera == one].sum(0) + CAMERA_WEIGHT * everywhere)
                       / ((camera == one).sum() + CAMERA_WEIGHT) for one in range(cameras)])
    rest = embedding - centre[camera]
    unit = rest / np.linalg.norm(rest, axis=1, keepdims=True)
    covariance = (unit.T @ unit + np.eye(d) * SPREAD_WEIGHT / d) / (n + SPREAD_WEIGHT)
    power, direction = np.linalg.eigh(covariance)
    turned = rest @ direction * power ** (-FLATTEN / 2)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    return turned @ turned.T


@pytest.mark.parametrize("count", [4, 20, 63, 64, 65, 200])
def test_as_the_formula(count: int) -> None:
    rng = np.random.default_rng(count)
    embedding = rng.normal(size=(count, 64)) * np.linspace(0.1, 2, 64)
    embedding = (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)
    camera = rng.integers(0, 3, count).astype(np.int32)
    rows = Projection.fit(embedding, camera, 3).apply(embedding, camera)
    np.testing.assert_allclose(rows @ rows.T, plainly(embedding.astype(np.float64), camera, 3), atol=2e-4)
