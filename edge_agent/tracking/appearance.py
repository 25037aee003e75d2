"""What tracks look like, where motion alone cannot tell.

Embedding everything would cost far more than tracking, so the tracker asks only about detections that several tracks
might claim. How much a cosine says depends on the network, the camera and the light; it is learned on the way: a
track's next embedding is like its own, and people seen in one frame are different people. The two distributions give
a log-likelihood ratio, and nothing is said before both are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.tracking.association import Ints, Pairs
from edge_agent.tracking.batch import Batch

Embeddings = NDArray[np.float32]
# Rows of each entry's detections → their embeddings (k, d), unit length, in the same order.
Look = Callable[[Sequence[Ints]], Sequence[Embeddings]]

KEEP = 0.9  # share of a track's look that stays when it is seen anew (DeepSORT's successors agree on this)
LEAST_SAMPLES = 50  # of each kind before cosines are believed
MEMORY = 2000  # samples over which they are averaged
LEAST_SPREAD = 0.02  # standard deviation: no network is surer than this
MOST = 4.0  # nats that one look can say, for or against
WEIGHT = 0.1  # of a nat against a share of overlap: looks that are sure outweigh half of it


class _Spread:
    """Running mean and variance."""

    def __init__(self) -> None:
        self.count, self.mean, self.variance = 0, 0.0, 0.0

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        if not len(values):
            return
        total = self.count + len(values)
        share = len(values) / total
        mean = float(values.mean())
        step = mean - self.mean
        self.variance = (1 - share) * (self.variance + share * step * step) + share * float(values.var())
        self.mean += share * step
        self.count = min(total, MEMORY)

    def log_density(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        variance = max(self.variance, LEAST_SPREAD**2)
        density: NDArray[np.float64] = -0.5 * (math.log(variance) + (values - self.mean) ** 2 / variance)
        return density


class Looks:
    """What the tracks of each camera look like, and what cosines between looks mean."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, int], Embeddings] = {}
        self._same, self._different = _Spread(), _Spread()

    def __contains__(self, track: tuple[int, int]) -> bool:
        return track in self._of

    @property
    def ready(self) -> bool:
        """Whether enough was seen to say what a cosine means."""
        return min(self._same.count, self._different.count) >= LEAST_SAMPLES and self._same.mean > self._different.mean

    def learn(self, camera: int, ids: Sequence[int], embeddings: Embeddings) -> None:
        """Tracks `ids` (k,) of one camera, seen in one frame, looked like `embeddings` (k, d), unit rows."""
        known = [i for i, track in enumerate(ids) if (camera, track) in self._of]
        if known:
            cosines = embeddings @ np.stack([self._of[camera, ids[i]] for i in known]).T
            own = np.zeros(cosines.shape, np.bool_)
            own[known, np.arange(len(known))] = True
            self._same.add(cosines[own])
            self._different.add(cosines[~own])
        for track, embedding in zip(ids, embeddings, strict=True):
            before = self._of.get((camera, track))
            look = embedding if before is None else KEEP * before + (1 - KEEP) * embedding
            self._of[camera, track] = look / max(float(np.linalg.norm(look)), 1e-6)

    def evidence(self, tracks: Sequence[tuple[int, int]], embeddings: Embeddings) -> NDArray[np.float64]:
        """Log-likelihood ratio, nats, that `tracks[i]` looks like `embeddings[i]`, (k,); 0 for unknown tracks."""
        nothing = np.zeros(embeddings.shape[1], np.float32)
        looks = np.stack([self._of.get(track, nothing) for track in tracks])
        cosine = (looks * embeddings).sum(1).astype(np.float64)
        ratio = self._same.log_density(cosine) - self._different.log_density(cosine)
        ratio[[track not in self._of for track in tracks]] = 0.0
        return np.clip(ratio, -MOST, MOST)

    def forget(self, tracks: Sequence[tuple[int, int]]) -> None:
        """Tracks, as camera and id, that ended."""
        for track in tracks:
            self._of.pop(track, None)


def doubtful(
    pairs: Pairs, similarity: NDArray[np.float64], known: NDArray[np.bool_], missed: NDArray[np.bool_],
    sure: NDArray[np.bool_],
) -> Ints:
    """Candidates about which motion should not decide alone: rivals for a detection or a track, and returns.

    Args:
        pairs: the candidates.
        similarity: (k,) of the candidates; those at 0 or below do not count.
        known: (n,) tracks that are confirmed.
        missed: (n,) tracks that were not seen in the frame before.
        sure: (m,) detections the detector is sure of.
    """
    some = ((similarity > 0) & known[pairs.track] & sure[pairs.detection]).nonzero()[0]
    track, detection = pairs.track[some], pairs.detection[some]
    rivals = np.bincount(track, minlength=1)[track] + np.bincount(detection, minlength=1)[detection]
    return some[(rivals > 2) | missed[track]]


def ask(look: Look, batch: Batch, detection: Ints) -> Embeddings:
    """Embeddings (k, d) of the batch's columns `detection` (k,), rising."""
    mine = [detection[batch.frame[detection] == i] for i in range(len(batch.order))]
    rows: list[Ints] = [batch.row[:0]] * len(mine)
    for frame, place in enumerate(batch.order):
        rows[place] = batch.row[mine[frame]]
    answer = look(rows)
    return np.concatenate([answer[place] for place in batch.order if len(rows[place])])
