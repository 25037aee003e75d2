"""`stripes`: unit vectors of clothes that survive other light, tell colours apart, and stay the same for ever."""

from __future__ import annotations

import numpy as np
import pytest

from models import stripes
from models.embedder import Embedder
from models.load import load_embedder
from models.runtime import open_network


@pytest.fixture(scope="module")
def net() -> Embedder:
    return load_embedder("stripes", device="cpu")


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


def test_it_says_loudly_what_it_is(net: Embedder) -> None:
    assert "NOT a trained" in str(net.notice)
    assert net.name == "stripes"
    assert net.dimensions == 144


def test_the_same_clothes_are_nearer_than_others(net: Embedder) -> None:
    first = net.embed([person(*clothes, seed=1) for clothes in PEOPLE])
    again = net.embed([person(*clothes, seed=2) for clothes in PEOPLE])
    likeness = first @ again.T
    same, other = np.diag(likeness), likeness[~np.eye(len(PEOPLE), dtype=bool)]
    assert same.min() > 0.97
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


def test_values_stay_what_they_are(net: Embedder) -> None:
    """Galleries hold old embeddings: whoever changes the values must raise `_VERSION` and so the fingerprint."""
    row = net.embed([person(RED, BLUE, noise=0)])[0]
    assert net.fingerprint == stripes.fingerprint() == FINGERPRINT
    np.testing.assert_allclose(row[PLACES], VALUES, atol=2e-4)


def test_the_fingerprint_is_not_of_the_bytes() -> None:
    """Another version of the onnx package may write the same graph in other bytes."""
    assert len(stripes.fingerprint()) == 16
    assert open_network(stripes.build(), device="cpu").fingerprint != stripes.fingerprint()


FINGERPRINT = "5599a1da631b8802"
PLACES = [0, 20, 40, 60, 80, 100, 120, 140]
VALUES = [0.011804, -0.050141, -0.090652, 0.034981, 0.157774, -0.090652, 0.00925, 0.011575]
