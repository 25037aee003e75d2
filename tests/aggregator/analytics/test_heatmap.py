from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from aggregator.analytics.heatmap import Footprints, dwell, fade, heatmap
from aggregator.analytics.picture import heatmap_png


def slow_heatmap(feet, weights, width, height, sigma):
    """Every point paints its own Gaussian, cell by cell."""
    cells = sigma * width
    reach = int(4.0 * cells + 0.5)
    one = np.exp(-0.5 * (np.arange(-reach, reach + 1) / cells) ** 2)
    one /= one.sum()
    out = np.zeros((height, width))
    for (x, y), weight in zip(feet, weights, strict=True):
        column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
        for i in range(-reach, reach + 1):
            for j in range(-reach, reach + 1):
                if 0 <= row + i < height and 0 <= column + j < width:
                    out[row + i, column + j] += weight * one[i + reach] * one[j + reach]
    return out


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.floats(0.01, 10)), max_size=6),
       st.integers(4, 20), st.integers(3, 15), st.floats(0.02, 0.2))
def test_fast_heatmap_is_the_slow_one(points, width, height, sigma):
    feet = np.array([p[:2] for p in points], np.float32).reshape(-1, 2)
    weights = np.array([p[2] for p in points], float)
    fast = heatmap(feet, weights, width=width, height=height, sigma=sigma)
    assert fast.shape == (height, width)
    np.testing.assert_allclose(fast, slow_heatmap(feet, weights, width, height, sigma), atol=1e-5)


def test_a_wide_gaussian_on_coarse_cells_is_nearly_the_exact_one():
    rng = np.random.default_rng(3)
    feet, weights = rng.random((40, 2)).astype(np.float32), rng.random(40) + 0.1
    width, height, sigma = 150, 90, 0.2  # 30 cells: computed on cells three times as large
    fast = heatmap(feet, weights, width=width, height=height, sigma=sigma)
    bins = np.zeros((height, width))
    np.add.at(bins, ((feet[:, 1] * height).astype(int), (feet[:, 0] * width).astype(int)), weights)
    exact = ndimage.gaussian_filter(bins, sigma * width, mode="constant", truncate=4.0)
    assert np.abs(fast - exact).max() < 0.03 * exact.max()
    assert fast.sum() == pytest.approx(exact.sum(), rel=0.01)


def test_seconds_add_up_to_the_time_somebody_was_there():
    path = np.array([1] * 5 + [2] * 9)
    times = np.concatenate([np.arange(5) * 0.5, 100 + np.arange(9) * 0.25])
    seconds = dwell(path, times)
    assert seconds[:5].sum() == pytest.approx(2.0 + 0.5)  # 2 s seen, and half a usual gap at either end
    assert seconds[5:].sum() == pytest.approx(2.0 + 0.5)  # the same walk sampled twice as often weighs the same


def test_a_lone_point_counts_half_a_second_and_a_hidden_time_is_capped():
    assert dwell(np.array([7]), np.array([5.0])).tolist() == [0.5]
    assert dwell(np.array([1, 1]), np.array([0.0, 60.0])).sum() == pytest.approx(0.5 + 2.0)
    assert dwell(np.zeros(0, np.int64), np.zeros(0)).shape == (0,)


def test_age_halves_the_weight():
    np.testing.assert_allclose(fade(np.array([100.0, 90.0, 80.0]), 100.0, 10.0), [1, 0.5, 0.25])
    assert fade(np.array([100.0, 0.0]), 100.0, None).tolist() == [1, 1]


def test_feet_beyond_the_edge_count_at_the_edge():
    heat = heatmap(np.array([[1.2, 1.01]], np.float32), np.ones(1), width=4, height=3, sigma=0.001)
    assert heat[2, 3] == 1
    assert heat.sum() == 1


def test_between_keeps_both_ends():
    prints = Footprints(np.zeros(4, np.int64), np.arange(4.0), np.zeros((4, 2), np.float32))
    assert prints.between(1, 2).times.tolist() == [1, 2]


def test_picture_is_transparent_where_nobody_was_and_brightest_where_most_were():
    heat = np.zeros((10, 20), np.float32)
    heat[3, 5], heat[7, 9] = 4, 1
    picture = cv2.imdecode(np.frombuffer(heatmap_png(heat), np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (10, 20, 4)
    assert picture[0, 0, 3] == 0
    assert picture[3, 5, 3] > picture[7, 9, 3] > 0
    assert cv2.imdecode(np.frombuffer(heatmap_png(heat * 0), np.uint8), cv2.IMREAD_UNCHANGED)[..., 3].max() == 0
