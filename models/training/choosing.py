"""`choose`: which of several embedders to take, and what that choice is worth on people it was not made by.

Labelled people of a video are few, and whoever picks the best of five by them measures luck. So they are cut in halves
in every way there is: one half chooses, the other half says what its choice is worth (cross-validation over people).
The people are also looked at through generated cameras, another one for each track: a video of one camera says
nothing about other light and other colours, which is what an embedder is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from models.embedder import Embedder
from models.training.cameras import camera, develop
from models.training.evaluate import on_generated
from models.training.generate import ready
from models.training.judging import find
from models.training.labelled_video import read_tracks
from models.training.site import HEIGHT, WIDTH

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Labels = NDArray[np.generic]

_DRAWS: Final = 5  # random choices of crops
_HALVES: Final = 200  # ways of cutting people in two that are looked at, at most


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one candidate did, each figure an mAP.

    Attributes:
        filmed: the video's people crop by crop across tracks; `elsewhere` with each track seen by another camera.
        generated: visits of generated people across cameras; NaN when none were asked.
        chosen: share of halves that chose it.
    """

    filmed: float
    elsewhere: float
    generated: float
    chosen: float


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen.

    Attributes:
        name: the candidate that most halves chose.
        standings: of every candidate, by name.
        promised: mean mAP that choosing halves saw in their choice; `kept` what the other halves found in it.
    """

    name: str
    standings: dict[str, Standing]
    promised: float
    kept: float


def choose(
    candidates: Mapping[str, Embedder],
    video: Path,
    labels: Path,
    folder: Path | None = None,
    done: Callable[[str], None] | None = None,
) -> Choice:
    """Choose by halves of a video's people, and by generated people where there are some; both weigh the same.

    Args:
        candidates: by name.
        video: with people labelled in `labels`, as in `read_tracks`.
        labels: CSV.
        folder: of generated people that no candidate has learned from.
        done: told each candidate's name once it was measured.

    Raises:
        ConfigError: a file lacks, or fewer than four people are labelled in more than one track.
    """
    draws = [_draw(video, labels, seed) for seed in range(_DRAWS)]
    found: dict[str, list[list[tuple[Floats, Labels, Labels]]]] = {}
    generated: dict[str, float] = {}
    for name, embedder in candidates.items():
        found[name] = [
            [(embedder.embed(crops), people, tracks) for crops in (filmed, elsewhere)]
            for filmed, elsewhere, people, tracks in draws
        ]
        if folder is not None:
            generated[name] = float(on_generated(embedder, folder, ready(folder))["mean_precision"])
        if done is not None:
            done(name)

    def real(name: str, who: Sequence[str], kinds: Sequence[int] = (0, 1)) -> float:
        return float(np.mean([_precision(*draw[kind], who) for draw in found[name] for kind in kinds]))

    def score(name: str, who: Sequence[str]) -> float:
        seen = real(name, who)
        return (seen + generated[name]) / 2 if folder is not None else seen

    everybody = _asked(draws[0][2], draws[0][3])
    picks: list[tuple[str, float, float]] = []
    for half, rest in _halves(everybody):
        best = max(candidates, key=lambda name: score(name, half))
        picks.append((best, real(best, half), real(best, rest)))
    times = Counter(pick[0] for pick in picks)
    standings = {
        name: Standing(
            filmed=real(name, everybody, [0]),
            elsewhere=real(name, everybody, [1]),
            generated=generated.get(name, float("nan")),
            chosen=times[name] / len(picks),
        )
        for name in candidates
    }
    return Choice(
        name=times.most_common(1)[0][0],
        standings=standings,
        promised=float(np.mean([pick[1] for pick in picks])),
        kept=float(np.mean([pick[2] for pick in picks])),
    )


def _draw(video: Path, labels: Path, seed: int) -> tuple[list[Image], list[Image], Labels, Labels]:
    """Crops as filmed, the same through other cameras, whose they are, and their tracks."""
    tracks, people = read_tracks(video, labels, seed=seed)
    random = np.random.default_rng(seed)
    elsewhere: list[Image] = []
    for crops in tracks:
        eye = camera(random)
        for crop in crops:
            small = cv2.resize(crop, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)[..., ::-1]
            light = np.asarray(small / 255, np.float32)
            elsewhere.append(np.ascontiguousarray(develop(eye, random, light)[..., ::-1]))
    which = np.repeat(np.arange(len(tracks)), [len(crops) for crops in tracks])
    return [crop for crops in tracks for crop in crops], elsewhere, people[which], which


def _asked(people: Labels, tracks: Labels) -> list[str]:
    """People of more than one track: only they can be looked for."""
    everybody = [str(who) for who in np.unique(people) if len(np.unique(tracks[people == who])) > 1]
    if len(everybody) < 4:
        raise ConfigError(f"{len(everybody)} people are labelled in more than one track", "choosing needs four")
    return everybody


def _halves(everybody: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """Every way to cut people in two, or some evenly spread ones where there are too many; both parts get to choose."""
    halves = list(combinations(everybody, len(everybody) // 2))
    halves = [halves[i] for i in np.unique(np.linspace(0, len(halves) - 1, _HALVES // 2).astype(int))]
    pairs = [(list(half), [who for who in everybody if who not in half]) for half in halves]
    return pairs + [(rest, half) for half, rest in pairs]


def _precision(embeddings: Floats, people: Labels, tracks: Labels, who: Sequence[str]) -> float:
    rows = np.isin(people, list(who))
    return find(embeddings[rows], people[rows], tracks[rows]).mean_precision
