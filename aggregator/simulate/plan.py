"""How well a site would work: the city's visits linked as the aggregator would, and scored by their truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.evaluate.scores import LinkScores, score_links
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.topology import Topology
from aggregator.replay import Replayed, replay_visits
from aggregator.simulate.city import EPOCH, City
from aggregator.simulate.letters import model_of
from aggregator.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to expect of a site.

    Attributes:
        final, online: scores after the last repair, and of the first decision.
        by_camera: of visits to each camera after somebody's first, the share whose id is the one that most of their
            earlier visits have.
        visits_per_second: linked, here.
        cosine_same, cosine_other: mean of pairs of visits of one person, and of two.
    """

    final: LinkScores
    online: LinkScores
    by_camera: dict[str, float]
    visits_per_second: float
    cosine_same: float
    cosine_other: float


def visits(city: City) -> Iterator[Visit]:
    """As they would arrive: in order of their true end, whatever the cameras' clocks say. Row i has number i + 1."""
    model, seen = model_of(city).fingerprint, city.seen
    for row in np.argsort(seen.true_end, kind="stable").tolist():
        yield Visit(visit=row + 1, camera=city.world.names[int(seen.camera[row])],
                    start=float(seen.start[row]) + EPOCH, end=float(seen.end[row]) + EPOCH, label="person",
                    frames=int(seen.frames[row]), final=True, model=model,
                    embedding=city.embedding[row].astype(np.float32))


def evaluate(city: City, settings: LinkingSettings, topology: Topology | None = None,
             watch: Callable[[Iterable[Visit]], Iterable[Visit]] = iter) -> Plan:
    """Link a city and score it.

    Args:
        topology: transit times that somebody wrote down; None: they are learned.
        watch: wraps the visits, for progress.
    """
    done: Replayed = replay_visits(watch(visits(city)), len(city), settings, topology)
    truth, start = city.seen.who, city.seen.true_start
    # A visit that got no identity is its own.
    final = np.where(done.identity > 0, done.identity, -1 - np.arange(len(city)))
    online = np.where(done.online > 0, done.online, -1 - np.arange(len(city)))
    same, other = cosines(city)
    return Plan(
        final=score_links(truth.tolist(), final.tolist(), start, done.confidence),
        online=score_links(truth.tolist(), online.tolist(), start, done.confidence),
        by_camera=_by_camera(city, final), visits_per_second=len(city) / max(done.seconds, 1e-9),
        cosine_same=float(same.mean()) if len(same) else float("nan"),
        cosine_other=float(other.mean()) if len(other) else float("nan"))


def cosines(city: City, most: int = 3000) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of pairs of visits to two cameras of one person, and of two people, among the first `most` visits."""
    rows = city.embedding[:most].astype(np.float32)
    who, camera = city.seen.who[:most], city.seen.camera[:most]
    a, b = np.triu_indices(len(rows), 1)
    apart = camera[a] != camera[b]
    cosine, same = (rows @ rows.T)[a, b], who[a] == who[b]
    return cosine[apart & same], cosine[apart & ~same]


def _by_camera(city: City, identity: NDArray[np.int64]) -> dict[str, float]:
    right: dict[int, list[bool]] = {}
    held: dict[int, dict[int, int]] = {}
    for row in np.argsort(city.seen.true_start, kind="stable").tolist():
        ids = held.setdefault(int(city.seen.who[row]), {})
        name = int(identity[row])
        if ids:
            right.setdefault(int(city.seen.camera[row]), []).append(max(ids, key=lambda one: ids[one]) == name)
        ids[name] = ids.get(name, 0) + 1
    return {city.world.names[camera]: float(np.mean(found)) for camera, found in sorted(right.items())}
