"""People who walk between cameras, as visits: seeded, with clocks that may be off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from aggregator.visit import Visit

CAMERAS = ("hall", "yard", "shop", "dock")
START = 1_750_000_000.0
MODEL = "0123456789abcdef"


def walks(
    people: int,
    *,
    seed: int = 0,
    steps: int = 5,
    cameras: tuple[str, ...] = CAMERAS,
    every_s: float = 20.0,
    noise: float = 0.5,
    clock: Mapping[str, Callable[[float], float]] | None = None,
    farther: Callable[[str, float], float] | None = None,
) -> tuple[list[Visit], dict[int, int]]:
    """Visits in order of their end by the cameras' own clocks, and who each visit is.

    Args:
        people: one comes in every `every_s` seconds, and is seen `steps` times.
        seed: same seed, same people.
        steps: visits of each.
        cameras: all lie 8 to 40 s from one another, there as back.
        every_s: seconds.
        noise: of embeddings; 1 makes the noise as long as what is noised.
        clock: seconds that a camera's clock is ahead at a time.
        farther: seconds longer that every way to or from a camera takes at a time.
    """
    rng = np.random.default_rng(seed)
    far = {(a, b): 8.0 + 32.0 * rng.random() for k, a in enumerate(cameras) for b in cameras[k + 1:]}
    rows = []
    for person in range(1, people + 1):
        look = rng.normal(size=64)
        look /= np.linalg.norm(look)
        time, place = START + every_s * person + rng.normal(), cameras[rng.integers(len(cameras))]
        for _ in range(steps):
            stay = rng.uniform(3, 8)
            vector = look + noise * rng.normal(size=64) / 8
            ahead = clock[place](time) if clock and place in clock else 0.0
            rows.append((time + ahead, time + stay + ahead, place, vector / np.linalg.norm(vector), person))
            onward = [camera for camera in cameras if camera != place][rng.integers(len(cameras) - 1)]
            way = far[min(place, onward, key=cameras.index), max(place, onward, key=cameras.index)]
            if farther:
                way += farther(place, time) + farther(onward, time)
            time += stay + way * rng.lognormal(0, 0.15)
            place = onward
    rows.sort(key=lambda row: row[1])
    visits = [Visit(visit=k, camera=camera, start=start, end=end, label="person", frames=50, final=True, model=MODEL,
                    embedding=vector.astype(np.float32)) for k, (start, end, camera, vector, _) in enumerate(rows, 1)]
    return visits, {k: row[4] for k, row in enumerate(rows, 1)}


def groups(visits: Iterable[Visit], within_s: float = 1.0) -> list[list[Visit]]:
    """Visits that end within so many seconds, together."""
    out: list[list[Visit]] = []
    for visit in visits:
        if not out or visit.end > out[-1][0].end + within_s:
            out.append([])
        out[-1].append(visit)
    return out
