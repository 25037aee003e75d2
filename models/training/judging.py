"""How well embeddings find people again: rank-1, mAP and AUC, by plain arrays."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.generic]


@dataclass(frozen=True, kw_only=True)
class Found:
    """How well people were found again.

    Attributes:
        rank1: share of questions whose best answer is right.
        mean_precision: mAP.
        auc: chance that two of one person are more alike than two of different people.
        questions: how many had a right answer at all.
    """

    rank1: float
    mean_precision: float
    auc: float
    questions: int

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {key: round(float(value), 4) for key, value in asdict(self).items()}


def visits(embeddings: Floats, visit: Labels) -> tuple[Floats, NDArray[np.int_]]:
    """Mean embedding of each visit, unit length, and the first row of each."""
    _, first, which = np.unique(visit, return_index=True, return_inverse=True)
    total = np.zeros((len(first), embeddings.shape[1]), np.float64)
    np.add.at(total, which, unit(embeddings))
    return unit(total), first


def unit(rows: NDArray[np.floating]) -> Floats:
    """Rows at unit length."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-12), np.float32)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What everybody who had other appearances got, best first.

    Attributes:
        asked: (q,) rows that were asked for.
        right: (q,) bool, was the best answer right?
        precision: (q,) average precision of the whole list.
    """

    asked: NDArray[np.int_]
    right: NDArray[np.bool_]
    precision: NDArray[np.float64]


def ask(embeddings: Floats, person: Labels, place: Labels | None = None) -> Answers:
    """Ask everybody for their other appearances.

    Args:
        embeddings: (n, d).
        person: (n,) whose they are.
        place: (n,) camera; the same person in the same camera is then no question and no answer.

    Returns:
        What they got; empty when nobody appears twice.
    """
    rows = unit(embeddings)
    cosine, same, counts = rows @ rows.T, person[:, None] == person[None], _pairs(person, place)
    asked, right, precision = [], [], []
    for i in range(len(person)):
        others = np.flatnonzero(counts[i])
        hits = same[i, others[np.argsort(-cosine[i, others], kind="stable")]]
        if hits.any():
            at = np.flatnonzero(hits)
            asked.append(i)
            right.append(hits[0])
            precision.append(np.mean(np.arange(1, len(at) + 1) / (at + 1)))
    return Answers(asked=np.array(asked, int), right=np.array(right, bool), precision=np.array(precision, float))


def find(embeddings: Floats, person: Labels, place: Labels | None = None) -> Found:
    """Sum `ask` up; NaN where nothing could be asked."""
    answers = ask(embeddings, person, place)
    if not len(answers.asked):
        return Found(rank1=float("nan"), mean_precision=float("nan"), auc=float("nan"), questions=0)
    own, others = likeness(embeddings, person, place)
    return Found(
        rank1=float(answers.right.mean()),
        mean_precision=float(answers.precision.mean()),
        auc=area(own, others),
        questions=len(answers.asked),
    )


def likeness(
    embeddings: Floats, person: Labels, place: Labels | None = None
) -> tuple[Floats, Floats]:
    """Cosines of all pairs of one person, and of all pairs of two."""
    rows = unit(embeddings)
    cosine, same = rows @ rows.T, person[:, None] == person[None]
    upper = np.triu(_pairs(person, place), 1)
    return cosine[upper & same], cosine[upper & ~same]


def _pairs(person: Labels, place: Labels | None) -> NDArray[np.bool_]:
    """(n, n) which pairs count."""
    counts = ~np.eye(len(person), dtype=bool)
    if place is not None:
        counts &= ~((person[:, None] == person[None]) & (place[:, None] == place[None]))
    return counts


def area(own: Floats, others: Floats) -> float:
    """Chance that one of `own` is larger than one of `others` (area under the ROC curve), ties counting half."""
    if not len(own) or not len(others):
        return float("nan")
    ranked = np.sort(others)
    below = np.searchsorted(ranked, own, "left") + np.searchsorted(ranked, own, "right")
    return float(below.mean() / (2 * len(others)))
