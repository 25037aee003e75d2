"""Sites that are unlike most: one way only, two cameras, next to nobody, everybody dressed alike."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.evaluate.scores import idf1, judge_links
from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.visit import Visit
from tests.aggregator.linking.stream import MODEL, START, groups


def site(cameras: int, people: int, seed: int, *, every_s: float = 12.0, noise: float = 0.6, alike: float = 0.0,
         turns: bool = False) -> tuple[list[Visit], dict[int, int]]:
    """People who walk from the first camera to the last, 15 to 40 s from one to the next; with `turns` half of them
    the other way. `alike` is what share of everybody's look is one uniform."""
    rng = np.random.default_rng(seed)
    ways, uniform = rng.uniform(15, 40, cameras), rng.normal(size=64)
    rows = []
    for person in range(people):
        look = (1 - alike) * rng.normal(size=64) + alike * uniform
        time = START + every_s * person + rng.exponential(every_s)
        order = range(cameras)[::-1] if turns and person % 2 else range(cameras)
        for place in order:
            vector = look / np.linalg.norm(look) + noise * rng.normal(size=64) / 8
            stay = rng.uniform(3, 8)
            rows.append((time, time + stay, f"c{place}", vector / np.linalg.norm(vector), person))
            time += stay + ways[place if order == range(cameras) else place - 1] * rng.lognormal(0, 0.15)
    rows.sort(key=lambda row: row[1])
    found = [Visit(visit=k, camera=camera, start=start, end=end, label="person", frames=50, final=True, model=MODEL,
                   embedding=vector.astype(np.float32)) for k, (start, end, camera, vector, _) in enumerate(rows, 1)]
    return found, {k: row[4] for k, row in enumerate(rows, 1)}


def link(visits: list[Visit]) -> tuple[dict[int, tuple[int, float]], Linker]:
    """Visit → identity and how sure, as they stand at the end."""
    linker = Linker(LinkingSettings(), None, IdAllocator())
    for minute in groups(visits, within_s=60.0):
        for group in groups(minute):
            linker.observe(group, group[-1].end)
        linker.resolve(minute[-1].end)
    linker.resolve(visits[-1].end, whole=True)
    return {visit: (identity, sure) for visit, identity, sure in linker.standing()}, linker


def judged(visits: list[Visit], who: dict[int, int], standing: dict[int, tuple[int, float]]) -> tuple[float, float]:
    """IDF1, and share of links that are right."""
    order = [visit.visit for visit in visits]
    _, right = judge_links([who[k] for k in order], [standing[k][0] for k in order],
                           np.array([visit.start for visit in visits]))
    return (idf1([who[k] for k in order], [standing[k][0] for k in order]),
            float(right.mean()) if len(right) else 1.0)


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize(("cameras", "people", "seed"), [(4, 80, 1), (3, 120, 2), (2, 100, 3), (2, 150, 4)])
def test_walks_are_found_and_no_clock_is_moved(cameras: int, people: int, seed: int, turns: bool) -> None:
    """Whether all walk one way, or to and fro."""
    visits, who = site(cameras, people, seed, turns=turns)
    standing, linker = link(visits)
    found, right = judged(visits, who, standing)
    assert found > 0.85
    assert right > 0.9
    assert all(abs(clock.offset) < 6 for clock in linker.site_map().clocks)


@pytest.mark.parametrize("people", [1, 2, 5, 12])
def test_next_to_nobody(people: int) -> None:
    """Too few to learn from: links are few, and none is wild."""
    visits, who = site(3, people, people, every_s=60.0)
    standing, _ = link(visits)
    _, right = judged(visits, who, standing)
    assert set(standing) == {visit.visit for visit in visits}
    assert right > 0.7


@pytest.mark.parametrize("seed", [1, 2])
def test_everybody_dressed_alike(seed: int) -> None:
    """Nobody can say who is who by looks: it does not pretend to."""
    visits, _ = site(3, 90, seed, every_s=6.0, alike=0.97, noise=0.9)
    standing, _ = link(visits)
    assert len({identity for identity, _ in standing.values()}) > 0.9 * len(visits)
