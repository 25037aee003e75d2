"""Scenes ready for use: a door, a room, a queue. Seeded; what must be counted of them follows from `Scene`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from aggregator.simulate.scene import Floats, Scene, Walk, distance

PICTURE = np.array([[0.02, 0.05], [0.98, 0.98]])
"""Where foot points stay: left, top; right, bottom."""


def door(people: int = 20, *, seed: int = 0, margin: float = 0.03) -> Scene:
    """A line across the picture, and people of four kinds in turn.

    They go through downwards, go through upwards, go through and come back, and come near, wait and turn round.
    Paths of different people overlap in time.
    """
    random = np.random.default_rng(seed)
    line = np.array([[0.1, 0.55], [0.9, 0.45]])
    walks = []
    for person in range(people):
        start = float(random.uniform(0, 2.0 * people))
        x = random.uniform(0.25, 0.75, 5)
        on_line = np.interp(x, line[:, 0], line[:, 1])
        # So that the distance is `margin` at right angles too.
        near = 1.1 * margin
        above, below = on_line - near - random.uniform(0.1, 0.3, 5), on_line + near + random.uniform(0.1, 0.3, 5)
        kind = person % 4
        if kind == 0:
            corners = [(x[0], above[0]), (x[1], below[1])]
        elif kind == 1:
            corners = [(x[0], below[0]), (x[1], above[1])]
        elif kind == 2:
            corners = [(x[0], above[0]), (x[1], below[1]), (x[2], below[2]), (x[3], above[3])]
        else:
            wait = on_line[1] - margin / 2 * 1.03  # the line slopes a little
            corners = [(x[0], above[0]), (x[1], wait), (x[1], wait), (x[2], above[2])]
        walks.append(_stroll(corners, start, random))
    return Scene(walks=tuple(walks), line=line, margin=margin)


def room(people: int = 20, *, seed: int = 0, margin: float = 0.03) -> Scene:
    """An L-shaped zone, and people who wander from place to place, inside and outside.

    Some are first seen inside it and some last; some pass it by.
    """
    random = np.random.default_rng(seed)
    zone = np.array([[0.3, 0.3], [0.7, 0.3], [0.7, 0.55], [0.5, 0.55], [0.5, 0.85], [0.3, 0.85]])
    scene = Scene(walks=(), zone=zone, margin=margin)
    while len(scene.walks) < people:
        corners = random.uniform(PICTURE[0], PICTURE[1], (int(random.integers(2, 7)), 2))
        walk = _stroll([(float(x), float(y)) for x, y in corners], float(random.uniform(0, 2.0 * people)), random)
        if decisive(walk, scene, 0.5):
            scene = Scene(walks=(*scene.walks, walk), zone=zone, margin=margin)
    return scene


def queue(people: int = 6, *, serve_s: float = 8.0, zone: Floats | None = None) -> Scene:
    """People who join a queue in front of a counter one after another, move up as the first is served, and leave.

    Each comes when the one before has been standing for a third of `serve_s`, so the queue grows and then shrinks.
    """
    corners = np.array([[0.1, 0.4], [0.9, 0.4], [0.9, 0.6], [0.1, 0.6]]) if zone is None else zone
    place = np.linspace(0.84, 0.16, max(2, people))
    walks = []
    for person in range(people):
        came = 1.0 + person * serve_s / 3
        served = [6.0 + serve_s * (k + 1) for k in range(people)]
        ahead = [k for k in range(person) if served[k] > came + 2.0]
        times = [came, came + 2.0]
        spot = len(ahead)
        points = [(float(place[spot]), 0.9), (float(place[spot]), 0.5)]
        for k in ahead:
            times += [served[k] + 0.4, served[k] + 1.0]
            points += [points[-1], (float(place[spot - 1]), 0.5)]
            spot -= 1
        times += [served[person], served[person] + 2.0]
        points += [points[-1], (0.84, 0.1)]
        walks.append(Walk(np.array(times), np.array(points)))
    return Scene(walks=tuple(walks), zone=corners, margin=0.05)


def decisive(walk: Walk, scene: Scene, least_s: float) -> bool:
    """Whether no count of a walk is a matter of taste.

    It begins and ends at least a margin from zone and line, and between two passages it is a margin away for `least_s`.
    """
    zone = scene.zone
    pieces = np.concatenate([np.stack([zone, np.roll(zone, -1, axis=0)], axis=1), scene.line.reshape(-1, 2, 2)])
    moments = np.arange(walk.times[0], walk.times[-1], 0.02)
    far = distance(walk.at(moments), pieces) >= scene.margin
    if not (far[0] and far[-1]):
        return False
    one = Scene(walks=(walk,), zone=zone, line=scene.line)
    passed = np.sort(np.concatenate([one.passages().time, one.crossings().time]))
    spans = np.searchsorted(moments, np.concatenate([[-np.inf], passed, [np.inf]]))
    clear = all(far[a:b].sum() * 0.02 >= least_s for a, b in pairwise(spans.tolist()))
    # Nor does it come near, within jitter's reach, and turn round.
    near = np.flatnonzero(np.diff(far.astype(np.int8), prepend=1, append=1))
    starts, ends = moments[np.minimum(near[::2], len(moments) - 1)], moments[np.minimum(near[1::2], len(moments) - 1)]
    grazes = any(((passed >= a - 0.03) & (passed <= b + 0.03)).sum() != 1 for a, b in zip(starts, ends, strict=True))
    return clear and not grazes


def _stroll(corners: list[tuple[float, float]], start: float, random: np.random.Generator) -> Walk:
    """Through `corners` at walking pace, .08 to .2 of the picture a second; standing where a corner comes twice."""
    points = np.array(corners)
    legs = np.linalg.norm(np.diff(points, axis=0), axis=1)
    seconds = np.where(legs > 0, legs / random.uniform(0.08, 0.2, len(legs)), random.uniform(2.0, 6.0, len(legs)))
    return Walk(start + np.concatenate([[0.0], np.cumsum(np.maximum(seconds, 0.2))]), points)
