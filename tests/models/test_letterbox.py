"""Pictures into a network's input and boxes back: nothing shifts, nothing is left from the picture before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.letterbox import fit_into, place, rectangle

SIDES = st.integers(8, 3000)


@given(SIDES, SIDES, st.booleans())
def test_boxes_come_back_where_they_were(height: int, width: int, centred: bool) -> None:
    fit = fit_into(height, width, 384, 640, centred=centred)
    whole = np.asarray([[fit.left, fit.top, fit.left + fit.inner_width, fit.top + fit.inner_height]], np.float32)
    np.testing.assert_allclose(fit.back(whole), [[0, 0, width, height]], rtol=1e-5, atol=1e-3)
    assert 0 <= fit.top <= fit.height - fit.inner_height
    assert 0 <= fit.left <= fit.width - fit.inner_width
    assert fit.inner_height == fit.height or fit.inner_width == fit.width


@given(SIDES, SIDES, st.sampled_from([320, 416, 640, 1280]))
def test_the_rectangle_is_the_smallest_that_holds_the_picture(height: int, width: int, size: int) -> None:
    rows, columns = rectangle(height, width, size)
    assert rows % 32 == columns % 32 == 0
    ratio = size / max(height, width)
    for side, got in ((height, rows), (width, columns)):
        assert got - 32 < max(1, round(side * ratio)) <= got


@pytest.mark.parametrize("shape", [(100, 100), (40, 160), (160, 40), (96, 64)])
@pytest.mark.parametrize("centred", [True, False])
def test_border_is_filled_whatever_was_there(shape: tuple[int, int], centred: bool) -> None:
    canvas = np.full((96, 64, 3), 255, np.uint8)
    fit = fit_into(*shape, 96, 64, centred=centred)
    place(np.zeros((*shape, 3), np.uint8), canvas, fit, 114)
    inner = np.zeros((96, 64), bool)
    inner[fit.top : fit.top + fit.inner_height, fit.left : fit.left + fit.inner_width] = True
    assert (canvas[inner] == 0).all()
    assert (canvas[~inner] == 114).all()
