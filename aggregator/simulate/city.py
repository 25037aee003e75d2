"""`City`: settings in, visits with their truth out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.simulate.looks import look, open_eye
from aggregator.simulate.seen import Sightings, see
from aggregator.simulate.settings import CitySettings
from aggregator.simulate.walkers import Party, Passings, gather, walk
from aggregator.simulate.world import World, build

EMBEDDING = "simulated"
EPOCH = 1_767_571_200.0
"""2026-01-05T00:00:00Z, a Monday: the city's second 0."""


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """A day in a town that never was.

    Attributes:
        settings: what it was made from.
        world: its cameras.
        party: its people.
        passings: where everybody truly was.
        seen: what the cameras made of it, n visits ordered by their end.
        embedding: (n, d) float16, unit rows.
    """

    settings: CitySettings
    world: World
    party: Party
    passings: Passings
    seen: Sightings
    embedding: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.seen)

    def arrays(self, epoch: float = EPOCH) -> dict[str, NDArray[np.generic]]:
        """The columns of a visits.npz that `aggregator replay` reads, with the truth beside them.

        `identity` (from 1), `group` (0: walks alone), `true_start` and `true_end` are the truth. `clock_offset` has a
        number for each of `cameras`.
        """
        grouped = self.party.size[self.party.of_person] > 1
        group = np.where(grouped, self.party.of_person + 1, 0)
        seen, names = self.seen, np.asarray(self.world.names)
        return {
            "camera": names[seen.camera], "start": seen.start + epoch, "end": seen.end + epoch,
            "images": seen.pictures.astype(np.int32), "frames": seen.frames.astype(np.int32),
            f"embedding_{EMBEDDING}": self.embedding, "identity": seen.who + 1, "group": group[seen.who],
            "true_start": seen.true_start + epoch, "true_end": seen.true_end + epoch,
            "cameras": names, "clock_offset": self.world.offset,
        }


def simulate(settings: CitySettings) -> City:
    """Make a city. The same settings make the same one, number by number, on one machine.

    Each part draws from a source of its own, so that, say, another `error` leaves everybody's ways as they were.
    """
    sources = [np.random.default_rng([settings.seed, part]) for part in range(6)]
    world = build(settings, sources[0])
    party = gather(settings, sources[1])
    passings = walk(world, party, settings, sources[2])
    seen = see(passings, world, settings, sources[3])
    eye = open_eye(settings, party, sources[4])
    return City(settings=settings, world=world, party=party, passings=passings, seen=seen,
                embedding=look(eye, seen, sources[5]))
