"""Scenes for the tracker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from common.detections import Detections


def boxes(*rows: Sequence[float], confidence: float = 0.9, class_id: int = 0) -> Detections:
    """Detections of one confidence."""
    n = len(rows)
    return Detections(
        np.array(rows, np.float32).reshape(-1, 4), np.full(n, confidence, np.float32), np.full(n, class_id, np.int32)
    )


def crowd(seed: int, people: int, frames: int, *, shake: float = 0.0, classes: int = 2) -> Iterator[Detections]:
    """People who walk about in a small place, so that they meet, hide one another, leave and come back.

    Args:
        shake: how much the camera moves, pixels a frame.
    """
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 400, (people, 2))
    height = rng.uniform(40, 120, people)
    step = rng.normal(0, 3, (people, 2))
    kind = rng.integers(0, classes, people)
    hidden = np.zeros(people, int)
    for _ in range(frames):
        step += rng.normal(0, 0.3, (people, 2))
        place += step
        step[(place < 0) | (place > 400)] *= -1
        hidden = np.maximum(hidden - 1, 0)
        hidden[rng.random(people) < 0.02] = rng.integers(2, 25)
        half = np.stack([0.2 * height, 0.5 * height], 1)
        xyxy = np.concatenate([place - half, place + half], 1) + rng.normal(0, 1.5, (people, 4))
        xyxy += np.tile(rng.normal(0, shake, 2), 2) if shake else 0
        confidence = np.where(rng.random(people) < 0.3, rng.uniform(0.05, 0.6, people), rng.uniform(0.6, 1, people))
        label = np.where(rng.random(people) < 0.1, 1 - kind, kind) if classes > 1 else kind
        clutter = rng.uniform(0, 400, (rng.poisson(0.5), 2))
        xyxy = np.concatenate([xyxy[hidden == 0], np.concatenate([clutter, clutter + np.array([20, 50])], 1)])
        confidence = np.concatenate([confidence[hidden == 0], rng.uniform(0.3, 0.8, len(clutter))])
        label = np.concatenate([label[hidden == 0], np.zeros(len(clutter), int)])
        order = rng.permutation(len(confidence))
        yield Detections(
            xyxy[order].astype(np.float32), confidence[order].astype(np.float32), label[order].astype(np.int32)
        )
