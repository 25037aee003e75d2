"""What cameras make of passings: some are missed or broken in two, frames are lost, clocks are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aggregator.simulate.settings import CitySettings
from aggregator.simulate.walkers import Floats, Ints, Passings
from aggregator.simulate.world import World

LEAST_FRAMES = 3
"""Who is seen in fewer frames makes no track."""
SPLIT_FROM_S = 4.0
"""Shorter visits are not broken in two."""
FRAMES_A_PICTURE = 10
MOST_PICTURES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Visits as agents would report them, ordered by their end on the cameras' clocks.

    Attributes:
        who, camera: (n,) int64.
        start, end: (n,) float64 seconds by the camera's clock, of first and last frame.
        true_start, true_end: (n,) float64 seconds by the true clock.
        frames: (n,) int64, frames that show the person.
        pictures: (n,) int64, crops that were embedded.
    """

    who: Ints
    camera: Ints
    start: Floats
    end: Floats
    true_start: Floats
    true_end: Floats
    frames: Ints
    pictures: Ints

    def __len__(self) -> int:
        return len(self.who)


def see(passings: Passings, world: World, settings: CitySettings, random: np.random.Generator) -> Sightings:
    """Passings → visits."""
    kept = random.random(len(passings.who)) >= settings.missed
    who, camera = passings.who[kept], passings.camera[kept]
    start, end = passings.start[kept], passings.end[kept]
    broken = (end - start > SPLIT_FROM_S) & (random.random(len(who)) < settings.split)
    cut = start + (end - start) * random.uniform(0.3, 0.6, len(who))
    again = np.minimum(cut + random.uniform(0.5, 3.0, len(who)), end - 0.5)
    who, camera = np.append(who, who[broken]), np.append(camera, camera[broken])
    start, end = np.append(start, again[broken]), np.append(np.where(broken, cut, end), end[broken])
    # The first and the last frame that came through.
    step = 1 / settings.fps
    lost = random.geometric(1 - settings.dropped, (2, len(who))) - 1
    first = np.ceil(start / step).astype(np.int64) + lost[0]
    last = np.floor(end / step).astype(np.int64) - lost[1]
    inner = random.binomial(np.maximum(last - first - 1, 0), 1 - settings.dropped)
    frames = np.where(last > first, inner + 2, np.where(last == first, 1, 0)).astype(np.int64)
    tracked = frames >= LEAST_FRAMES
    clock = world.offset[camera]
    order = np.flatnonzero(tracked)
    order = order[np.lexsort((who[order], (last * step + clock)[order]))]
    return Sightings(
        who=who[order], camera=camera[order], start=(first * step + clock)[order], end=(last * step + clock)[order],
        true_start=(first * step)[order], true_end=(last * step)[order], frames=frames[order],
        pictures=np.clip(frames[order] // FRAMES_A_PICTURE, 1, MOST_PICTURES))
