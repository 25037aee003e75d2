"""Who walks where and when: parties that go from camera to camera, all of them one step at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.simulate.settings import CitySettings
from aggregator.simulate.world import FAST, PAUSE_MOST_S, SLOW, World

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_STEPS = 15
"""Cameras that one trip passes at most."""
REST_S = 300.0
"""Who comes again was away for so long at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """People and the parties they walk in.

    Attributes:
        of_person: (p,) int64, each person's party.
        lag: (p,) float64, seconds that each walks behind the party's first.
        size: (g,) int64.
    """

    of_person: Ints
    lag: Floats
    size: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Passings:
    """Every time that somebody was before a camera, one a row, in true time.

    Attributes:
        who: (n,) int64.
        camera: (n,) int64.
        start, end: (n,) float64, seconds from the beginning.
    """

    who: Ints
    camera: Ints
    start: Floats
    end: Floats


def gather(settings: CitySettings, random: np.random.Generator) -> Party:
    """Who walks with whom: groups first, then those who walk alone."""
    grouped = round(settings.people * settings.groups)
    size = random.integers(2, 6, grouped // 2 + 1)
    size = size[: int(np.searchsorted(np.cumsum(size), grouped, side="right"))]
    size = np.concatenate([size, np.ones(settings.people - int(size.sum()), np.int64)]).astype(np.int64)
    of_person = np.repeat(np.arange(len(size)), size)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    place = np.arange(len(of_person)) - first[of_person]
    lag = place * random.uniform(0.4, 1.2, len(of_person))
    return Party(of_person, lag, size)


def walk(world: World, party: Party, settings: CitySettings, random: np.random.Generator) -> Passings:
    """Everybody's trips, ordered by person and time."""
    count, span = len(party.size), settings.hours * 3600
    speed = np.clip(random.normal(1.35, 0.25, count), SLOW * 1.2, FAST / 1.2)
    again = random.random(count) < settings.returning
    came = _arrivals(count, random) * span
    came[again] /= 2
    first = _trips(world, np.arange(count), came, speed, random)
    left = np.zeros(count)
    np.maximum.at(left, first.who, first.end)
    back = np.flatnonzero(again)
    later = np.maximum(left[back] + REST_S + party.size[back] * 1.2, (1 + _arrivals(len(back), random)) / 2 * span)
    second = _trips(world, back, later, speed, random)
    both = [np.concatenate(pair) for pair in zip(_columns(first), _columns(second), strict=True)]
    order = np.lexsort((both[2], both[0]))
    who, camera, start, end = (column[order] for column in both)
    # Each member goes the party's way, a little behind.
    steps = np.bincount(who, minlength=count)
    begin = np.concatenate([[0], np.cumsum(steps)[:-1]])
    people = np.repeat(np.arange(len(party.of_person)), steps[party.of_person])
    within = np.arange(len(people)) - np.repeat(np.cumsum(steps[party.of_person]) - steps[party.of_person],
                                                steps[party.of_person])
    row = begin[party.of_person[people]] + within
    return Passings(people, camera[row], start[row] + party.lag[people], end[row] + party.lag[people])


def _columns(one: Passings) -> tuple[Ints, Ints, Floats, Floats]:
    return one.who, one.camera, one.start, one.end


def _arrivals(count: int, random: np.random.Generator) -> Floats:
    """Shares of the time span: quiet at both ends, with two busy times between."""
    grid = np.linspace(0, 1, 201)
    busy = 0.3 + np.exp(-(((grid - 0.3) / 0.13) ** 2)) + 0.8 * np.exp(-(((grid - 0.72) / 0.12) ** 2))
    total = np.concatenate([[0.0], np.cumsum((busy[1:] + busy[:-1]) / 2)])
    out: Floats = np.interp(random.random(count), total / total[-1], grid)
    return out


def _trips(world: World, who: Ints, start: Floats, speed: Floats, random: np.random.Generator) -> Passings:
    """One trip each: in at an entrance, from neighbour to neighbour, out at an entrance if one comes."""
    neighbour, metres = _neighbours(world)
    camera = random.choice(np.flatnonzero(world.entrance), len(who))
    before = np.full(len(who), -1)
    free = start.copy()  # when the camera before the last was left: nobody is in three places
    now, out = start.copy(), []
    for step in range(MOST_STEPS):
        pace = speed[who] * np.exp(random.normal(0, 0.1, len(who)))
        stay = world.view[camera] / pace * np.exp(random.normal(0, 0.25, len(who)))
        stay += np.where(random.random(len(who)) < 0.12, random.exponential(15.0, len(who)), 0.0)
        end = now + stay
        out.append((who, camera, now, end))
        leaves = random.random(len(who)) < np.where(world.entrance[camera] & (step > 0), 0.5, 0.06)
        choice = neighbour[camera]
        weight = np.where(choice < 0, 0.0, np.where(choice == before[:, None], 0.15, 1.0))
        weight = weight / random.exponential(1.0, weight.shape)  # the first of racing clocks is a weighted draw
        pick = weight.argmax(axis=1) if weight.shape[1] else np.zeros(len(who), np.int64)
        stuck = weight.max(axis=1, initial=0.0) <= 0
        goes = np.flatnonzero(~leaves & ~stuck)
        if not len(goes):
            break
        way = metres[camera[goes], pick[goes]]
        pause = np.where(random.random(len(goes)) < 0.08, random.exponential(25.0, len(goes)), 0.0)
        seconds = way / pace[goes] * np.exp(random.normal(0, 0.08, len(goes))) + np.minimum(pause, PAUSE_MOST_S)
        seconds = np.where(way < 0, -np.minimum(-way / pace[goes], 0.6 * stay[goes]), seconds)
        arrives = np.maximum(end[goes] + seconds, free[goes] + 0.1)
        before, camera = camera[goes], choice[goes, pick[goes]]
        who, free, now = who[goes], end[goes], arrives
    column = [np.concatenate(part) for part in zip(*out, strict=True)]
    return Passings(column[0], column[1], column[2], column[3])


def _neighbours(world: World) -> tuple[Ints, Floats]:
    """(c, k) neighbours of each camera, -1 where there are fewer, and the metres to each."""
    joined = np.isfinite(world.gap)
    k = int(joined.sum(axis=1).max(initial=0))
    near = np.argsort(world.gap, axis=1, kind="stable")[:, :k]
    metres = np.take_along_axis(world.gap, near, axis=1)
    return np.where(np.isfinite(metres), near, -1), np.where(np.isfinite(metres), metres, 0.0)
