"""The fast filling of an input tensor gives what the formula says, for every contract and both layouts."""

from __future__ import annotations

import numpy as np
import pytest

from models.pixels import CONTRACTS, Pixels, fill


def by_formula(images: np.ndarray, pixels: Pixels) -> np.ndarray:
    x = images[..., ::-1] if pixels.order == "rgb" else images
    return (x.astype(np.float64) * pixels.scale - pixels.mean) / pixels.std


@pytest.mark.parametrize("name", CONTRACTS)
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_filling_is_the_formula(name: str, channels_last: bool, dtype: type) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)
    tensor = np.full((3, 5, 7, 3) if channels_last else (3, 3, 5, 7), 99, dtype)
    fill(tensor, images, CONTRACTS[name], channels_last=channels_last)
    expected = by_formula(images, CONTRACTS[name])
    expected = expected if channels_last else expected.transpose(0, 3, 1, 2)
    exact = dtype == np.float32
    np.testing.assert_allclose(tensor, expected, rtol=1e-5 if exact else 4e-3, atol=1e-5 if exact else 1e-2)
