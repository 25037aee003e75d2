"""`adapt`: teach a trained network one site's cameras, from tracks without names.

The same track is the same person; two tracks in one picture are two people; of all other pairs nothing is assumed.
Generated people are learned from beside them, so that what is known in general is not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from models.training.batches import TAKES, Sites
from models.training.checkpoint import Checkpoint
from models.training.generate import ready
from models.training.learn import LearnSettings, Trainer
from models.training.tracklets import Tracklets


class AdaptSettings(LearnSettings):
    """How to adapt: short, slowly, and mostly by what is known already."""

    steps: int = Field(default=300, ge=1, description="Batches to learn from.")
    people: int = Field(default=12, ge=4, description="Generated people in a batch, four pictures each.")
    tracks: int = Field(default=12, ge=2, description="Tracks of the site in a batch, four crops each.")
    rate: float = Field(default=3e-4, gt=0, description="Highest rate of learning (AdamW).")
    average: float = Field(default=0.98, ge=0, lt=1, description="How slowly the exported average follows.")


def adapt(
    start: Checkpoint,
    tracklets: Tracklets,
    people: Path,
    settings: AdaptSettings,
    done: Callable[[int, int], None] | None = None,
) -> Checkpoint:
    """Go on from a trained network with a site's own tracks.

    Args:
        start: the trained network; its average is what is adapted.
        tracklets: the site's.
        people: folder of generated people.
        settings: how.
        done: told the step and how many there will be.

    Returns:
        The adapted network, as a checkpoint of its own.
    """
    random = np.random.default_rng(settings.seed)
    trainer = Trainer(settings, Checkpoint(network=start.average, average=start.average))
    sites = Sites(people, ready(people))
    for step in range(settings.steps):
        made, who = sites.draw(random, settings.people)
        real, track, apart = tracklets.draw(random, settings.tracks, TAKES)
        known = len(who)
        whole = np.zeros((known + len(track),) * 2, np.bool_)
        whole[:known, :known] = who[:, None] != who[None]
        whole[known:, known:] = apart
        trainer.learn(np.concatenate([made, real]), np.concatenate([who, -1 - track]), torch.from_numpy(whole))
        if done is not None:
            done(step + 1, settings.steps)
    state = trainer.state()
    state.trained_on = "generated people, then tracks of one site"
    return state
