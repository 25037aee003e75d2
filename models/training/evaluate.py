"""`evaluate`: what an embedder is worth: on real people of a labelled video, and on generated ones, group by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.embedder import Embedder
from models.training.generate import read
from models.training.judging import ask, find, likeness, visits
from models.training.labelled_video import read_tracks

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

DRAWS: Final = 10
FALSE_MATCHES: Final = 0.01  # share of pairs of strangers that pass the threshold groups are compared at

GROUPS: Final[dict[str, Callable[[dict[str, Floats]], Mask]]] = {
    "skin light": lambda traits: traits["tone"] <= 1,
    "skin middle": lambda traits: (traits["tone"] == 2) | (traits["tone"] == 3),
    "skin dark": lambda traits: traits["tone"] >= 4,
    "build slight": lambda traits: traits["weight"] < 0.45,
    "build heavy": lambda traits: traits["weight"] > 0.65,
    "child": lambda traits: traits["age"] < 0.57,
    "skirt or dress": lambda traits: traits["skirt"] > 0,
    "trousers": lambda traits: traits["skirt"] == 0,
    "dark top": lambda traits: traits["dark"] > 0,
    "bright top": lambda traits: traits["dark"] == 0,
    "hat or hood": lambda traits: traits["hat"] > 0,
    "bag": lambda traits: traits["bag"] > 0,
}


def on_video(embedder: Embedder, video: Path, labels: Path) -> dict[str, dict[str, float]]:
    """Labelled tracks of a video against each other: crop by crop (never within a track), and as means of tracks.

    Each figure is the mean of `DRAWS` random choices of crops; `auc_spread` and `mean_precision_spread` are the
    standard deviations between choices.
    """
    crops, means = [], []
    for seed in range(DRAWS):
        tracks, people = read_tracks(video, labels, seed=seed)
        which = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
        embeddings = embedder.embed([crop for track in tracks for crop in track])
        crops.append(find(embeddings, people[which], which).as_dict())
        means.append(find(visits(embeddings, which)[0], people).as_dict())
    return {"crops": _mean(crops), "tracks": _mean(means)}


def _mean(found: Sequence[dict[str, float]]) -> dict[str, float]:
    means = {key: round(float(np.mean([each[key] for each in found])), 4) for key in found[0]}
    spreads = {
        f"{key}_spread": round(float(np.std([each[key] for each in found], ddof=1)), 4)
        for key in ("auc", "mean_precision")
    }
    return means | spreads


def on_generated(embedder: Embedder, folder: Path, numbers: Sequence[int]) -> dict[str, Any]:
    """Visits of generated people across cameras, as a whole and for each of `GROUPS`.

    Every site is asked by itself. `false_matches` of a group is the share of pairs of strangers within it that pass the
    threshold at which 1 % of all such pairs do; equal treatment is equal figures.
    """
    rows = [_site(embedder, folder, number) for number in numbers]
    strangers = np.concatenate([likeness(embeddings, person)[1] for embeddings, person, _, _ in rows])
    threshold = float(np.quantile(strangers, 1 - FALSE_MATCHES))
    result: dict[str, Any] = {"sites": len(rows), "threshold": round(threshold, 4), "groups": {}}
    result |= _sum([(embeddings, person, place, np.ones(len(person), bool)) for embeddings, person, place, _ in rows])
    for name, chosen in GROUPS.items():
        result["groups"][name] = _sum(
            [(e, person, place, chosen(traits)[person]) for e, person, place, traits in rows], threshold
        )
    return result


def _site(embedder: Embedder, folder: Path, number: int) -> tuple[Floats, NDArray[np.int_], NDArray[np.int_], Any]:
    site = read(folder, number)
    crops = [np.ascontiguousarray(picture[..., ::-1]) for picture in site.pictures]
    embeddings, first = visits(embedder.embed(crops), site.visit)
    return embeddings, site.person[first].astype(int), site.camera[first].astype(int), site.traits


def _sum(
    rows: Sequence[tuple[Floats, NDArray[np.int_], NDArray[np.int_], Mask]], threshold: float | None = None
) -> dict[str, float]:
    """rank-1 and mAP of the visits chosen, and how often two of them are taken for one person."""
    right, precision, strangers = [], [], []
    for embeddings, person, place, chosen in rows:
        answers = ask(embeddings, person, place)
        mine = chosen[answers.asked]
        right.append(answers.right[mine])
        precision.append(answers.precision[mine])
        strangers.append(likeness(embeddings[chosen], person[chosen])[1])
    asked = np.concatenate(right)
    result = {
        "questions": len(asked),
        "rank1": round(float(asked.mean()), 4) if len(asked) else float("nan"),
        "mean_precision": round(float(np.concatenate(precision).mean()), 4) if len(asked) else float("nan"),
    }
    if threshold is not None:
        pairs = np.concatenate(strangers)
        result["false_matches"] = round(float((pairs > threshold).mean()), 4) if len(pairs) else float("nan")
    return result
