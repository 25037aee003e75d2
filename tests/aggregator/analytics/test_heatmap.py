from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from aggregator.analytics.heatmap import Footprints, fade, heatmap, trace
from aggregator.analytics.picture import heatmap_png, laid_over


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


def prints_of(*paths):
    """Paths of (seconds, x, y)."""
    rows = [(number, *point) for number, path in enumerate(paths) for point in path]
    table = np.array(rows, float).reshape(-1, 4)
    return Footprints(table[:, 0].astype(np.int64), table[:, 1], table[:, 2:].astype(np.float32))


def slow_trace(prints, step, usual_s=0.5, longest_s=2.0):
    out = []
    n = len(prints)
    for i in range(n):
        own = 0.0
        if i == 0 or prints.path[i - 1] != prints.path[i]:
            own += usual_s / 2
        elif prints.times[i] - prints.times[i - 1] > longest_s:
            own += longest_s / 2
        if i == n - 1 or prints.path[i + 1] != prints.path[i]:
            own += usual_s / 2
        elif prints.times[i + 1] - prints.times[i] > longest_s:
            own += longest_s / 2
        else:
            gap = prints.times[i + 1] - prints.times[i]
            ahead = prints.feet[i + 1] - prints.feet[i]
            parts = min(max(int(np.ceil(np.hypot(*ahead) / step)), 1), 16)
            for k in range(parts):
                share = (k + 0.5) / parts
                out.append((*(prints.feet[i] + ahead * np.float32(share)), prints.times[i] + gap * share, gap / parts))
        if own:
            out.append((*prints.feet[i], prints.times[i], own))
    return np.array(sorted(out)).reshape(-1, 4)


share = st.floats(0, 1, width=32)
steps = st.tuples(st.sampled_from([0.25, 0.5, 1.0, 1.9, 2.5, 60.0]), share, share)


@given(st.lists(st.lists(steps, min_size=1, max_size=6), max_size=4), st.sampled_from([0.01, 0.1, 0.5]))
def test_fast_trace_is_the_slow_one(walks, step):
    prints = prints_of(*([(sum(s[0] for s in walk[:k + 1]), x, y) for k, (_, x, y) in enumerate(walk)]
                         for walk in walks))
    feet, times, seconds = trace(prints, step)
    fast = np.array(sorted(zip(feet[:, 0], feet[:, 1], times, seconds, strict=True))).reshape(-1, 4)
    slow = slow_trace(prints, step)
    assert fast.shape == slow.shape
    assert seconds.sum() == pytest.approx(slow[:, 3].sum())
    for column in range(4):  # sorted one by one: rounding may swap rows that are nearly alike
        np.testing.assert_allclose(np.sort(fast[:, column]), np.sort(slow[:, column]), atol=1e-5)


@pytest.mark.parametrize("interval", [0.5, 0.25, 1.0])
def test_seconds_add_up_to_the_time_somebody_was_there(interval):
    """The same walk weighs the same however often it is sampled, and is laid out evenly along the way."""
    walk = [(t, 0.1 + 0.2 * t, 0.5) for t in np.arange(0, 4.01, interval)]
    feet, _, seconds = trace(prints_of(walk), 0.02)
    assert seconds.sum() == pytest.approx(4.0 + 0.5)
    inner = (feet[:, 0] > 0.15) & (feet[:, 0] < 0.85)
    bins = np.histogram(feet[inner, 0], bins=7, range=(0.15, 0.85), weights=seconds[inner])[0]
    np.testing.assert_allclose(bins, 0.5, atol=0.11)


def test_a_lone_point_counts_half_a_second_and_a_hidden_way_is_not_guessed():
    assert trace(prints_of([(5.0, 0.5, 0.5)]), 0.01)[2].tolist() == [0.5]
    feet, _, seconds = trace(prints_of([(0.0, 0.1, 0.5), (60.0, 0.9, 0.5)]), 0.01)
    assert sorted(feet[:, 0].tolist()) == pytest.approx([0.1, 0.9])
    assert seconds.tolist() == [1.25, 1.25]


def test_nobody_leaves_no_trace():
    assert [len(column) for column in trace(prints_of(), 0.1)] == [0, 0, 0]


def test_two_people_are_not_joined():
    feet, _, _ = trace(prints_of([(0.0, 0.1, 0.5)], [(0.5, 0.9, 0.5)]), 0.01)
    assert sorted(feet[:, 0].tolist()) == pytest.approx([0.1, 0.9])


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


def test_over_a_picture_only_where_people_stood_is_painted() -> None:
    heat = np.zeros((9, 16), np.float32)
    heat[4, 8] = 1
    ground = np.random.default_rng(1).integers(0, 256, (90, 160, 3)).astype(np.uint8)
    over = cv2.imdecode(np.frombuffer(laid_over(heatmap_png(heat), ground), np.uint8), cv2.IMREAD_COLOR)
    assert over.shape == ground.shape
    far = np.ones((90, 160), bool)
    far[30:60, 70:100] = False
    assert np.array_equal(over[far], ground[far])
    assert over[44:46, 84:86].mean(axis=(0, 1)).tolist() == pytest.approx([158, 238, 252], abs=30)  # the brightest
