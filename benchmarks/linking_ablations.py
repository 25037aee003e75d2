"""What each part of linking brings: identities with one part taken away at a time, on recorded visits and in the city.

    python benchmarks/linking_ablations.py --data ../shared/data [--only NAME ...] [--seed 1] [--people 200]

Parts are taken away as the code stands, by settings where there is one. The city is one that nothing was tried on.
Printed for each: IDF1 after the last repair, false links in percent, expected calibration error, IDF1 as first decided.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aggregator  # noqa: F401  # isort: skip  -- before NumPy: it says how many threads that takes
import numpy as np
from linking import people
from numpy.typing import NDArray

from aggregator.evaluate.scores import score_links
from aggregator.linking import linker, mixture
from aggregator.linking.cohort import Cohort, Floats
from aggregator.linking.gaps import BINS
from aggregator.linking.linker import Linker
from aggregator.linking.mixture import Doubles, Mixture, Pairs
from aggregator.linking.partition import Partition
from aggregator.linking.projection import Projection
from aggregator.linking.settings import LinkingSettings
from aggregator.replay import Recording, replay_visits
from aggregator.simulate.city import simulate
from aggregator.simulate.plan import visits
from aggregator.simulate.settings import CitySettings
from aggregator.visit import Decision, Visit

Without = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Visits with their truth, (n,)."""

    name: str
    visits: list[Visit]
    who: list[int]
    start: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something to be taken away."""

    words: str
    settings: dict[str, Any] = field(default_factory=dict)
    without: Without = nullcontext


def no_transit(self: Mixture, pairs: Pairs) -> Doubles:
    """Every way and every time is as likely as any."""
    weight = self.count * self.posterior()
    rate = [float(weight[:, part].sum() / max(1.0, self.count[:, part].sum()))
            for part in (slice(0, BINS), slice(BINS, None))]
    odds = np.full((pairs.cameras + 1, pairs.cameras + 1, BINS), np.log(rate[0] / (1 - rate[0])))
    some = np.arange(pairs.cameras + 1)
    odds[some, some] = np.log(rate[1] / (1 - rate[1]))
    return odds


def no_likeness(self: Mixture) -> tuple[Doubles, Doubles]:
    """Looks say nothing."""
    return np.zeros(len(self.friends)), np.zeros(len(self.friends))


def no_cohort(self: Cohort, rows: Floats) -> tuple[Floats, Floats]:
    """Strangers end at the same place for all."""
    scale = np.full(len(rows), 0.5 / self.spread, np.float32)
    return self.middle * scale, scale


def no_projection(embedding: Floats, camera: NDArray[np.int32], cameras: int) -> Projection:  # noqa: ARG001
    """Embeddings as they come."""
    return Projection.plain(embedding.shape[1])


def no_last_repair() -> AbstractContextManager[Any]:
    """Only the latest ten minutes are ever solved anew."""
    resolve = Linker.resolve

    def recent(self: Linker, now: float, *, whole: bool = False) -> list[Decision]:  # noqa: ARG001
        return resolve(self, now)

    return patch.object(Linker, "resolve", recent)


def one_by_one(self: Linker, partition: Partition, rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:  # noqa: ARG001
    """Visits that compete are decided one after the other."""
    return [rows[k : k + 1] for k in np.argsort(partition.table.end[rows], kind="stable")]


PARTS = {
    "all": Part(words="everything"),
    "learn": Part(words="nothing learned", settings={"learn": False}),
    "transit": Part(words="appearance alone: no transit times",
                    without=lambda: patch.object(Mixture, "odds", no_transit)),
    "appearance": Part(words="transit alone: no appearance",
                       without=lambda: patch.object(Mixture, "ratios", no_likeness)),
    "pairs": Part(words="one transit time for all pairs of cameras",
                  without=lambda: patch.object(mixture, "PRIOR_PAIR", 1e9)),
    "projection": Part(words="embeddings as they come: no camera means, nothing toned down",
                       without=lambda: patch.object(Projection, "fit", no_projection)),
    "cohort": Part(words="cosines not held against strangers'",
                   without=lambda: patch.object(Cohort, "place", no_cohort)),
    "renewal": Part(words="the cohort not renewed between lessons",
                    without=lambda: patch.object(Partition, "_meet", lambda *_: None)),
    "joint": Part(words="visits that compete decided one by one",
                  without=lambda: patch.object(Linker, "_competing", one_by_one)),
    "crowd": Part(words="no more caution where many are compared",
                  without=lambda: patch.object(linker, "CROWD", 0.0)),
    "independent": Part(words="every pair of visits counted as independent", settings={"dependence": 0.0}),
    "mean": Part(words="pairs' mean counted once", settings={"dependence": 1.0}),
    "single": Part(words="single linkage", settings={"linkage": "single"}),
    "complete": Part(words="complete linkage", settings={"linkage": "complete"}),
    "last": Part(words="no last look at everything", without=no_last_repair),
}


def cases(data: Path | None, seed: int, count: int) -> Iterator[Case]:
    """Two real networks, and a city."""
    if data:
        path = data / "visits" / "visits_dev.npz"
        who = np.unique(people(path), return_inverse=True)[1].tolist()
        for name in ("retail_0248", "osnet_x0_25"):
            recording = Recording.read(path, name)
            yield Case(name=name, visits=list(recording.visits()), who=who, start=recording.start)
    city = simulate(CitySettings(seed=seed, people=count))
    yield Case(name="city", visits=list(visits(city)), who=city.seen.who.tolist(), start=city.seen.true_start)


def measure(case: Case, part: Part) -> dict[str, float]:
    """One replay, scored; shares in percent."""
    with ExitStack() as stack:
        stack.enter_context(part.without())
        done = replay_visits(case.visits, len(case.visits), LinkingSettings(**part.settings), None)
    alone = -1 - np.arange(len(case.visits))  # who got no identity is by himself
    final = np.where(done.identity > 0, done.identity, alone).tolist()
    online = np.where(done.online > 0, done.online, alone).tolist()
    scores = score_links(case.who, final, case.start, done.confidence)
    return {"idf1": 100 * scores.idf1, "false": 100 * scores.false_links, "ece": scores.calibration_error or 0.0,
            "online": 100 * score_links(case.who, online, case.start).idf1}


def main() -> None:
    """Print a line for each part as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of visits/visits_dev.npz; without it, the city alone")
    parser.add_argument("--only", nargs="*", choices=sorted(PARTS), help="these parts")
    parser.add_argument("--seed", type=int, default=1, help="of the city")
    parser.add_argument("--people", type=int, default=200, help="of the city")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for case in cases(given.data, given.seed, given.people):
        print(f"{case.name}, {len(case.visits)} visits: IDF1, false links, ECE, IDF1 as first decided")
        for name in given.only or PARTS:
            one = found.setdefault(case.name, {})[name] = measure(case, PARTS[name])
            print(f"  {PARTS[name].words:62} {one['idf1']:5.1f} {one['false']:5.1f} {one['ece']:.3f} "
                  f"{one['online']:5.1f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
