"""What a network makes of people: embeddings that err as real ones do on a site they were not trained on.

An embedding is the sum of

* what all embeddings share, and what all of one camera share (lighting, angle);
* the person: coordinates along a few dozen directions of falling strength, partly the group's clothes, partly a style
  that many wear;
* the person as this camera and this pose show them: each bends the coordinates a little, the same way every time;
* a few directions that say nothing of the person (scale, blur, time of day);
* noise of each visit, less the more pictures were taken, and now and then a visit that shows nearly nothing.

The strengths are round numbers in the range that public re-identification networks have on cameras they do not know;
`docs/city.md` sets the resulting cosines beside those of real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.simulate.seen import Sightings
from aggregator.simulate.settings import CitySettings
from aggregator.simulate.walkers import Party

Floats = NDArray[np.float32]

PERSON, NUISANCE, POSES, STYLES = 64, 8, 4, 40
"""Directions that tell people apart, directions that do not, poses, and common styles of dress."""
FALL = 0.8
"""The k-th direction's variance falls as k to this power."""
GROUP_SHARE, STYLE_SHARE = 0.5, 0.15
"""Of a person's coordinates' variance: what a group dressed alike shares, what wearers of one style share."""
COMMON, CAMERA = 0.25, 0.02
"""Squared length of what all share, and of what one camera adds, where a person's is IDENTITY."""
IDENTITY = 0.45
BY_CAMERA, BY_POSE, BY_NUISANCE, BY_VISIT = 0.05, 0.15, 0.04, 0.2
"""Squared length of what errs, at error 1: by camera and by pose as shares of the person's own, the rest as it is."""
UNEVEN = 0.5
"""Spread of the logarithm of a visit's noise."""
HIDDEN = 0.18
"""Share of the person that is hidden in a visit on average; it is very different from visit to visit."""
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One network, and what the cameras do to it.

    Attributes:
        people: (p, PERSON) float32, coordinates of unit variance.
        loading: (PERSON + NUISANCE, d) float32.
        common: (d,) float32; camera: (c, d) float32.
        bend: (c, PERSON) float32, each camera's gain on each coordinate, about 0.
        turn: (POSES, PERSON, PERSON) float32, what a pose adds to the coordinates.
        error: see `CitySettings`.
    """

    people: Floats
    loading: Floats
    common: Floats
    camera: Floats
    bend: Floats
    turn: Floats
    error: float


def open_eye(settings: CitySettings, party: Party, random: np.random.Generator) -> Eye:
    """A network that has not seen these cameras."""
    d = settings.dimensions
    person = min(PERSON, d // 2)
    nuisance = min(NUISANCE, d - person)
    basis = np.linalg.qr(random.normal(size=(d, person + nuisance)))[0].T
    power = np.arange(1, person + 1.0) ** -FALL
    power *= IDENTITY / power.sum()
    strength = np.concatenate([np.sqrt(power), np.full(nuisance, np.sqrt(BY_NUISANCE / nuisance))])
    own = _normal(random, len(party.of_person), person)
    shared = _normal(random, len(party.size), person)[party.of_person]
    style = _normal(random, STYLES, person)[random.integers(0, STYLES, len(own))]
    group = np.where(party.size[party.of_person] > 1, GROUP_SHARE, 0.0)[:, None].astype(np.float32)
    people = np.sqrt(1 - group - STYLE_SHARE) * own + np.sqrt(group) * shared + np.sqrt(STYLE_SHARE) * style
    cameras = _normal(random, settings.cameras, d) / np.sqrt(d)
    common = random.normal(size=d)
    return Eye(
        people=people.astype(np.float32),
        loading=(basis * strength[:, None]).astype(np.float32),
        common=(common / np.linalg.norm(common) * np.sqrt(COMMON)).astype(np.float32),
        camera=np.float32(np.sqrt(CAMERA * settings.error)) * cameras,
        bend=np.float32(np.sqrt(BY_CAMERA * settings.error)) * _normal(random, settings.cameras, person),
        turn=np.float32(np.sqrt(BY_POSE * settings.error / person)) * _normal(random, POSES, person * person).reshape(
            POSES, person, person),
        error=settings.error)


def look(eye: Eye, seen: Sightings, random: np.random.Generator) -> NDArray[np.float16]:
    """(n, d) float16 unit rows, one a visit."""
    out = np.empty((len(seen), eye.loading.shape[1]), np.float16)
    for part, rows in zip(_chunks(len(seen)), _rows(eye, seen, random), strict=True):
        out[part] = rows
    return out


def _rows(eye: Eye, seen: Sightings, random: np.random.Generator) -> Iterator[Floats]:
    person = eye.people.shape[1]
    for part in _chunks(len(seen)):
        who, camera = seen.who[part], seen.camera[part]
        pose = random.integers(0, len(eye.turn), len(who))
        own = eye.people[who]
        hidden = np.minimum(random.exponential(HIDDEN, len(who)) * eye.error, 0.8).astype(np.float32)
        bent = own * (1 + eye.bend[camera])
        for k, turn in enumerate(eye.turn):
            at = pose == k
            bent[at] += own[at] @ turn
        # What hides them has looks of its own.
        bent *= (1 - hidden)[:, None]
        bent += hidden[:, None] * _normal(random, *bent.shape)
        aside = _normal(random, len(who), eye.loading.shape[0] - person) * np.float32(np.sqrt(eye.error))
        rows = np.concatenate([bent, aside], axis=1) @ eye.loading
        rows += eye.common + eye.camera[camera]
        uneven = np.exp(random.normal(0.0, UNEVEN, len(who)) - UNEVEN**2 / 2)
        noise = np.sqrt(BY_VISIT * eye.error / rows.shape[1] * (0.4 + 0.6 / seen.pictures[part])) * uneven
        grain = _normal(random, *rows.shape)
        grain *= noise[:, None].astype(np.float32)
        rows += grain
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield rows


def _chunks(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, min(count, start + CHUNK))


def _normal(random: np.random.Generator, rows: int, columns: int) -> Floats:
    return random.standard_normal((rows, columns), np.float32)
