"""A city sent to a running aggregator, as fast as its people walk or faster."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aggregator.simulate.city import City
from aggregator.simulate.fleet import Fleet
from aggregator.simulate.letters import camera_infos, letters, model_of
from common.clock import Clock
from common.keys import AgentKeys

DRAIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of it.

    Attributes:
        entries: handed to the agents' sockets.
        acknowledged: on the aggregator's disk.
        refused: what it did not want, and why: count by code.
        seconds: from the first to the last acknowledgement.
        behind_s: how late the latest entry went out, against the pace that was asked for, at worst.
    """

    entries: int
    acknowledged: int
    refused: dict[str, int]
    seconds: float
    behind_s: float


def send(city: City, endpoint: str, clock: Clock, *, speed: float = 1.0, rate: float = 0.0, agents: int = 0,
         prefix: str = "city", keys: AgentKeys | None = None, events: bool = True,
         tell: Callable[[int, float], None] | None = None) -> Sent:
    """Play a city to an aggregator. Times are put so that the last visit ends when it is sent, never ahead of it.

    Args:
        speed: seconds of the city in a second; 0 as fast as it is taken.
        rate: entries a second instead, evenly; 0 for none.
        agents: how many share the cameras; 0 for one for every eight.
        prefix: agents are called `prefix-1`, `prefix-2` …; with keys, the one agent has the keys' name.
        keys: for CURVE.
        events: send `track_started` and `track_ended` too.
        tell: called now and then with entries sent so far and the city's second.

    Raises:
        WireError, ConfigError: see `Fleet`.
    """
    count = 1 if keys is not None else agents or -(-len(city.world) // 8)
    infos = camera_infos(city)
    owner = np.arange(len(infos)) * count // len(infos)
    names = [keys.agent] if keys is not None else [f"{prefix}-{k + 1}" for k in range(count)]
    boxes = [(name, tuple(info for info, whose in zip(infos, owner.tolist(), strict=True) if whose == k))
             for k, name in enumerate(names)]
    span = float(city.seen.end.max(initial=0.0))
    run = f"city{city.settings.seed}-{secrets.token_hex(4)}"
    paced = speed > 0 and not rate
    # What is sent at city second t then bears a time that is past, and now at the end.
    epoch = clock.now() + (span / speed if paced else 0.0) - span
    began, entries, behind, told = time.monotonic(), 0, 0.0, 0.0
    with Fleet(endpoint, boxes, model_of(city), run, clock, keys) as fleet:
        for letter in letters(city, run, epoch, events=events):
            due = began + (letter.at / speed if paced else entries / rate if rate else 0.0)
            while (left := due - time.monotonic()) > 0:
                fleet.serve(min(left, 0.2))
            behind = max(behind, -left if paced or rate else 0.0)
            fleet.send(fleet.boxes[int(owner[letter.camera])], letter.body)
            entries += 1
            if entries % 64 == 0:
                fleet.serve(0.0)
            if time.monotonic() - told > 0.2:
                told = time.monotonic()
                fleet.people = _people(city, letter.at)
                if tell is not None:
                    tell(entries, letter.at)
        fleet.drain(DRAIN_S)
        if tell is not None:
            tell(entries, span)
        return Sent(entries=entries, acknowledged=fleet.acknowledged, refused=dict(fleet.refused),
                    seconds=time.monotonic() - began, behind_s=behind)


def _people(city: City, now: float) -> dict[str, int]:
    """How many are before each camera."""
    seen = city.seen
    low, high = np.searchsorted(seen.end, [now, now + 600.0])
    here = seen.camera[low:high][seen.start[low:high] <= now]
    count = np.bincount(here, minlength=len(city.world))
    return dict(zip(city.world.names, count.tolist(), strict=True))
