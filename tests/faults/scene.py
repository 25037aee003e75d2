"""What the boxes of a round see: made people, so unlike each other that linking has no doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.messages import CameraInfo, Event, ModelInfo, pack_events, pack_tracklet
from common.tracklet import Path, Tracklet

BOXES = ("box-1", "box-2")
CAMERAS = {"box-1": ("gate", "hall"), "box-2": ("yard", "shop")}
START = 1_750_000_000.0
DIMENSIONS = 80
MODEL = ModelInfo(task="embedding", name="made", fingerprint="00ff00ff00ff00ff", dimensions=DIMENSIONS)
# Seconds to walk, as somebody who knows the site writes it.
LAYOUT = "gate hall 1 30\nhall yard 1 30\nyard shop 1 30\ngate yard 10 60\nhall shop 10 60\ngate shop 20 90\n"
RUN = "scene"
MOST_ALIKE = 0.3  # of two people, as a cosine; of one person seen twice it is about 0.7
BLUR = 0.08
BEFORE = 60  # people who came before the round: a site that has just been put up is still learning who is who


@dataclass(frozen=True, slots=True)
class Item:
    """One entry that a box sends: part `part` of `track`, or the event `number`."""

    track: int
    part: int  # -1 for an event
    number: int
    person: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that happens, by box, in the order in which it is sent."""

    seed: int
    items: dict[str, tuple[Item, ...]]

    def people(self) -> dict[int, int]:
        """Who is whose track: person by track."""
        return {item.track: item.person for items in self.items.values() for item in items if item.part >= 0}


def cameras_of(box: str) -> tuple[CameraInfo, ...]:
    """What a box says about its cameras."""
    return tuple(CameraInfo(camera=name, width=640, height=480, fps=10.0) for name in CAMERAS[box])


def make(seed: int, people: int = 8) -> Scene:
    """Each person passes all four cameras, one after the other; a visit is two parts and two events."""
    rng = np.random.default_rng(seed)
    return _make(seed, RUN, _looks()[BEFORE:][:people], START, rng)


def before() -> Scene:
    """What had happened until then."""
    return _make(-1, "before", _looks()[:BEFORE], START - 45.0 * BEFORE, np.random.default_rng(1_000_000))


def _looks() -> NDArray[np.float64]:
    """Everybody's, (n, d): no two alike, and as differently unlike as people are. Were all at right angles, and each
    always the same, linking would learn that strangers are so to the hundredth, and take a little less for much."""
    rng, looks = np.random.default_rng(0), np.zeros((0, DIMENSIONS))
    while len(looks) < DIMENSIONS:
        one = rng.normal(size=DIMENSIONS)
        one /= np.linalg.norm(one)
        if not len(looks) or (looks @ one).max() < MOST_ALIKE:
            looks = np.vstack([looks, one])
    return looks


def _make(seed: int, run: str, looks: NDArray[np.float64], start: float, rng: np.random.Generator) -> Scene:
    people = len(looks)
    found: list[tuple[float, str, int, int, int, bytes]] = []
    track = number = 0
    way = [(box, camera) for box in BOXES for camera in CAMERAS[box]]
    for person in range(people):
        at = start + 40.0 * person + rng.uniform(0, 5)
        for box, camera in way:
            track += 1
            begin, middle, end = at, at + 4.0, at + 8.0
            for part, (frm, to) in enumerate(((begin, middle), (middle, end))):
                body = pack_tracklet(_part(rng, looks[person], camera, run, track, part, begin, frm, to))
                number += 1
                found.append((to, box, track, part, person, body))
                kind = ("track_started", "track_ended")[part]
                event = Event(camera=camera, run=run, kind=kind, time=to, track=track, data={"n": number})
                found.append((to + 0.001, box, track, -1, number, pack_events([event])))
            at = end + rng.uniform(8, 20)
    found.sort(key=lambda row: row[0])
    items: dict[str, list[Item]] = {box: [] for box in BOXES}
    for _, box, of, part, who, body in found:
        items[box].append(Item(track=of, part=part, number=who if part < 0 else 0, person=who if part >= 0 else -1,
                               body=body))
    return Scene(seed, {box: tuple(rows) for box, rows in items.items()})


def _part(rng: np.random.Generator, look: NDArray[np.float64], camera: str, run: str, track: int,
          part: int, begin: float, frm: float, to: float) -> Tracklet:
    rows = look + rng.normal(scale=BLUR, size=(2, DIMENSIONS))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    times = np.arange(frm, to, 0.5)
    return Tracklet(
        camera=camera, run=run, track=track, part=part, final=part == 1, start=begin, end=to, label="person",
        frames=40 * (part + 1), confidence=0.9, model=MODEL.fingerprint, mean=rows[0].astype(np.float32),
        embeddings=rows[1:].astype(np.float32), quality=np.full(1, 0.8, np.float32),
        embedding_times=np.array([to - 1.0]),
        path=Path(times=times, frames=np.arange(len(times), dtype=np.int32),
                  boxes=np.tile(np.float32([0.4, 0.4, 0.5, 0.8]), (len(times), 1))))
