"""Scripted scenes: people who walk from point to point at given times. Truth is written by hand beside each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edge_agent.tracking import TrackedFrame

WIDTH, HEIGHT = 1600, 900
TALL = 0.2  # a person's box, as a share of the view's height

Way = Sequence[tuple[float, float, float]]  # time, x, y


def frames(ways: dict[int, Way], fps: float, *, begin: float = 0.0, tremble: float = 0.0, seed: int = 3,
           lost: dict[int, tuple[float, float]] | None = None) -> Iterator[tuple[int, TrackedFrame]]:
    """(number, frame) at `fps` frames a second, until the last has gone.

    Args:
        ways: by track; straight and even between its points, in shares of the view.
        begin: time of the first frame.
        tremble: standard deviation of each box, shares of the view.
        lost: by track, between which times it is not seen.
    """
    noise = np.random.default_rng(seed)
    last = max(way[-1][0] for way in ways.values())
    gone: set[int] = set()
    seen: set[int] = set()
    for number in range(int(np.ceil((last - begin) * fps)) + int(2 * fps)):
        now = begin + number / fps
        here, feet = [], []
        for track, way in ways.items():
            times, x, y = np.array(way).T
            hidden = (lost or {}).get(track, (np.inf, np.inf))
            if times[0] - 1e-9 <= now <= times[-1] + 1e-9 and not hidden[0] < now < hidden[1]:
                here.append(track)
                feet.append((np.interp(now, times, x), np.interp(now, times, y)))
        ended = [track for track, way in ways.items() if track in seen - gone and now > way[-1][0] + 1.0]
        gone.update(ended)
        started = np.array([track not in seen for track in here], bool)
        seen.update(here)
        xy = (np.array(feet).reshape(-1, 2) + tremble * noise.normal(size=(len(here), 2))) * [WIDTH, HEIGHT]
        tall = TALL * HEIGHT
        xyxy = np.stack([xy[:, 0] - tall / 5, xy[:, 1] - tall, xy[:, 0] + tall / 5, xy[:, 1]], axis=1)
        n = len(here)
        yield number, TrackedFrame(
            camera="hall", time=now, track=np.array(here, np.int64), xyxy=xyxy.astype(np.float32),
            confidence=np.full(n, 0.9, np.float32), class_id=np.zeros(n, np.int32),
            detection=np.arange(n, dtype=np.int32), started=started, re_entered=np.zeros(n, bool),
            ended=np.array(ended, np.int64))
