"""The network that comes with the package: it tells clothes apart, survives other light, and may be used by anyone."""

from __future__ import annotations

import numpy as np
import pytest

from models import builtin
from models.embedder import Embedder
from models.load import load_embedder
from models.runtime import open_network


@pytest.fixture(scope="module")
def net() -> Embedder:
    return load_embedder(builtin.NAME, device="cpu")


def person(upper: tuple[int, int, int], lower: tuple[int, int, int], seed: int = 0, noise: float = 8) -> np.ndarray:
    """A figure in two colours (BGR) on a grey street."""
    random = np.random.default_rng(seed)
    image = np.full((220, 90, 3), 130.0)
    image[15:45, 35:55] = (120, 150, 200)
    image[45:115, 22:68] = upper
    image[115:210, 28:62] = lower
    return np.clip(image + random.normal(0, noise, image.shape), 0, 255).astype(np.uint8)


RED, BLUE, GREEN, BLACK, WHITE = (40, 40, 200), (200, 60, 40), (60, 170, 60), (30, 30, 30), (225, 225, 225)
PEOPLE = [(RED, BLUE), (BLUE, RED), (RED, BLACK), (BLACK, WHITE), (WHITE, BLACK), (GREEN, BLUE), (GREEN, BLACK)]


def test_it_comes_with_the_package_and_its_licence(net: Embedder) -> None:
    assert builtin.path().stat().st_size <= 2_000_000
    assert net.name == builtin.NAME
    assert net.notice is None
    assert net.dimensions == 512
    notes = open_network(builtin.path(), device="cpu").metadata
    assert notes["license"] == "Apache-2.0"
    assert "generated people" in notes["trained_on"]


def test_the_same_clothes_are_nearer_than_others(net: Embedder) -> None:
    first = net.embed([person(*clothes, seed=1) for clothes in PEOPLE])
    again = net.embed([person(*clothes, seed=2) for clothes in PEOPLE])
    likeness = first @ again.T
    same, other = np.diag(likeness), likeness[~np.eye(len(PEOPLE), dtype=bool)]
    assert same.min() > 0.95
    assert same.min() > other.max() + 0.05


def test_light_matters_less_than_clothes(net: Embedder) -> None:
    first = net.embed([person(*clothes) for clothes in PEOPLE])
    for gain, gamma in ((0.6, 1.0), (1.15, 1.0), (1.0, 1.2), (1.0, 0.85)):
        dim = [
            (255 * gain * (person(*clothes, seed=3) / 255) ** gamma).clip(0, 255).astype(np.uint8) for clothes in PEOPLE
        ]
        assert (first @ net.embed(dim).T).argmax(axis=1).tolist() == list(range(len(PEOPLE)))


def test_what_stands_beside_the_body_counts_little(net: Embedder) -> None:
    plain, beside = person(RED, BLUE), person(RED, BLUE)
    beside[:, :14], beside[:, -14:] = GREEN, GREEN
    other = person(RED, GREEN)
    a, b, c = net.embed([plain, beside, other])
    assert a @ b > a @ c + 0.05


def test_extremes_are_still_unit_vectors(net: Embedder) -> None:
    flat = [np.full((100, 50, 3), value, np.uint8) for value in (0, 1, 128, 255)]
    rows = net.embed([*flat, np.zeros((1, 1, 3), np.uint8), np.tile(np.uint8([0, 0, 255]), (50, 20, 1))])
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_batches_do_not_matter(net: Embedder) -> None:
    crops = [person(*clothes) for clothes in PEOPLE] * 6
    np.testing.assert_allclose(net.embed(crops), np.concatenate([net.embed([c]) for c in crops]), atol=2e-5)
