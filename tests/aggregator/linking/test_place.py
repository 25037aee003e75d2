"""Views that overlap, learned from people seen in both: made walks under two made cameras, whose floor is known."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking.continuation import continuations
from aggregator.linking.place import Feet, join, learn_overlap

WIDTH, FOCAL, PERSON = 1280.0, 1200.0, 1.75


class View:
    """A camera at `place` (east, north, up; metres) that looks towards `turn` (radians), a little down."""

    def __init__(self, east: float, north: float, turn: float, up: float = 5.0, tilt: float = 0.25) -> None:
        self.place = np.array([east, north, up])
        ahead = np.array([np.cos(turn) * np.cos(tilt), np.sin(turn) * np.cos(tilt), -np.sin(tilt)])
        right = np.cross(ahead, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        self.axes = np.stack([right, np.cross(ahead, right), ahead])

    def see(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) metres → (n, 2) pixels, NaN where out of view."""
        seen = (points - self.place) @ self.axes.T
        pixel = seen[:, :2] / seen[:, 2:] * FOCAL + [WIDTH / 2, 360]
        out = (seen[:, 2] < 1) | (pixel < 0).any(1) | (pixel > [WIDTH, 720]).any(1)
        return np.where(out[:, None], np.nan, pixel)


def people(count: int, ticks: int, rng: np.random.Generator) -> np.ndarray:
    """(people, ticks, 2) metres: everybody walks for a while between places, and stands there."""
    walks = []
    for _ in range(count):
        at = rng.uniform(-6, 6, 2)
        track = []
        while len(track) < ticks:
            to = rng.uniform(-6, 6, 2)
            steps = max(2, int(np.hypot(*(to - at)) / 0.6))
            track += [*np.linspace(at, to, steps), *[to] * int(rng.integers(0, 20))]
            at = to
        walks.append(track[:ticks])
    return np.array(walks)


def feet(view: View, walks: np.ndarray, base: int, rng: np.random.Generator, lasting: int = 30) -> Feet:
    """What a tracker says: visits that break off now and then, with some pixels of error."""
    rows = []
    for who, walk in enumerate(walks):
        down = view.see(np.column_stack([walk, np.zeros(len(walk))]))
        up = view.see(np.column_stack([walk, np.full(len(walk), PERSON)]))
        for tick in np.flatnonzero(np.isfinite(down).all(1) & np.isfinite(up).all(1)).tolist():
            foot = down[tick] + rng.normal(0, 2, 2)
            rows.append((base + 100 * who + (tick + 7 * who) // lasting, tick, *foot, down[tick, 1] - up[tick, 1]))
    table = np.array(rows)
    return Feet(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:4], table[:, 4], WIDTH)


@pytest.mark.parametrize(("east", "north", "turn"), [(9.0, 9.0, -2.3), (-14.0, 1.0, 0.0)])
def test_two_views_of_one_square(east: float, north: float, turn: float) -> None:
    rng = np.random.default_rng(7)
    walks = people(6, 110, rng)
    one, two = View(0, -14, 1.57), View(east, north, turn)
    overlap = learn_overlap(feet(one, walks, 1000, rng), feet(two, walks, 50_000, rng))
    assert overlap is not None
    assert overlap.explained > 2 * overlap.chance
    spots = np.column_stack([rng.uniform(-4, 4, (40, 2)), np.zeros(40)])
    here, there = one.see(spots), two.see(spots)
    both = np.isfinite(here).all(1) & np.isfinite(there).all(1)
    mapped = np.column_stack([here[both], np.ones(both.sum())]) @ overlap.matrix.T
    off = np.hypot(*(mapped[:, :2] / mapped[:, 2:] - there[both]).T)
    assert np.median(off) < 15  # pixels; a person is about 130 tall
    same = (overlap.pairs[:, 0] % 50_000 - 1000) // 100 == (overlap.pairs[:, 1] - 50_000) // 100
    said = overlap.evidence > 3
    long = overlap.ticks >= 10
    assert said[same & long].mean() > 0.8
    assert same[said].mean() > 0.8


def test_views_of_two_squares_have_nothing_in_common() -> None:
    rng = np.random.default_rng(8)
    one = feet(View(0, -14, 1.57), people(5, 90, rng), 1000, rng)
    two = feet(View(9, 9, -2.3), people(5, 90, rng), 50_000, rng)
    assert learn_overlap(one, two) is None


def test_nobody_seen_at_once_says_nothing() -> None:
    rng = np.random.default_rng(9)
    walks = people(4, 40, rng)
    one, two = feet(View(0, -14, 1.57), walks, 1000, rng), feet(View(9, 9, -2.3), walks, 50_000, rng)
    later = Feet(two.visit, two.tick + 1000, two.foot, two.height, two.width)
    assert learn_overlap(one, later) is None
    nobody = Feet(one.visit[:0], one.tick[:0], one.foot[:0], one.height[:0], WIDTH)
    assert learn_overlap(one, nobody) is None


def test_who_is_lost_and_found_near_by_is_likely_the_same() -> None:
    rng = np.random.default_rng(10)
    pairs, evidence = continuations(feet(View(0, -14, 1.57), people(9, 200, rng), 1000, rng))
    same = pairs[:, 0] // 100 == pairs[:, 1] // 100
    at_once = same & (pairs[:, 1] == pairs[:, 0] + 1)
    assert at_once.sum() > 20
    assert np.median(evidence[at_once]) > 1
    assert np.median(evidence[~same]) < 0
    nobody = Feet(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0), WIDTH)
    assert len(continuations(nobody)[0]) == 0


def test_the_surest_join_first_and_those_apart_never() -> None:
    visits = np.array([5, 6, 7, 8])
    pairs, evidence = np.array([[5, 6], [6, 7], [7, 8]]), np.array([3.0, 4.0, 1.0])
    assert len(set(join(visits, pairs, evidence, np.zeros((0, 2), np.int64), 2.0).tolist())) == 2
    a, b, c, d = join(visits, pairs, evidence, np.array([[5, 7]]), 2.0).tolist()
    assert b == c
    assert a not in (b, d)
    # Evidence of several pairs adds up, for and against.
    more = np.array([[5, 6], [5, 7], [6, 7]])
    assert len(set(join(visits[:3], more, np.array([1.5, 1.5, 3.0]), pairs[:0], 2.0).tolist())) == 1
    assert len(set(join(visits[:3], more, np.array([1.5, -1.5, 3.0]), pairs[:0], 2.0).tolist())) == 2


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"Feet\.foot: expected shape \(2, 2\), got \(2,\)"):
        Feet(np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2), np.zeros(2), WIDTH)
