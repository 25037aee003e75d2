"""`learn`: train the network on generated people; can be stopped and goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from pydantic import Field

from common.errors import ConfigError
from common.settings import Settings
from models.training.batches import TAKES, Sites, tensor, vary
from models.training.checkpoint import Checkpoint, arrays, load, optimiser_arrays, restore_optimiser, save, tensors
from models.training.generate import read, ready
from models.training.judging import Found, find, visits
from models.training.losses import Lately, contrast
from models.training.network import Network

_WARM: Final = 150  # steps over which the rate of learning rises
_CLIP: Final = 5.0
_CHUNK: Final = 96


class LearnSettings(Settings):
    """How to train."""

    steps: int = Field(default=12000, ge=1, description="Batches to learn from; the rate of learning falls towards it.")
    minutes: float | None = Field(default=None, gt=0, description="End after so long though steps are left.")
    people: int = Field(default=24, ge=4, description="People in a batch, four pictures each.")
    rate: float = Field(default=2e-3, gt=0, description="Highest rate of learning (AdamW).")
    decay: float = Field(default=5e-4, ge=0, description="Weight decay.")
    average: float = Field(default=0.998, ge=0, lt=1, description="How slowly the exported average follows.")
    lately: int = Field(default=0, ge=0, description="Embeddings of earlier batches to compare with; 0 for none.")
    alone: float = Field(default=1.0, ge=0, description="Weight of the loss of the convolutions without the colours.")
    lately_from: int = Field(default=1000, ge=0, description="Step from which on earlier batches are compared with.")
    held_out: int = Field(default=4, ge=0, description="Sites, the first ones, to measure on and not to learn from.")
    judge_every: int = Field(default=500, ge=1, description="Steps between measurements.")
    save_every: float = Field(default=180.0, gt=0, description="Seconds between checkpoints.")
    device: str = Field(default="cpu", description="cpu, or cuda.")
    threads: int = Field(default=1, ge=1, description="CPU threads.")
    compile: bool = Field(default=False, description="Compile the network first: minutes, then half as fast again.")
    seed: int = Field(default=0, ge=0, description="Of batches and of the first weights.")


def learn(
    folder: Path, target: Path, settings: LearnSettings, told: Callable[[Checkpoint], None] | None = None
) -> None:
    """Train on the sites in `folder` and keep `target`, a checkpoint, up to date; go on from it if it is there.

    Raises:
        ConfigError: too few sites.
    """
    numbers = ready(folder)
    if len(numbers) <= settings.held_out:
        raise ConfigError(f"{folder}: {len(numbers)} sites are here, {settings.held_out} are held out", "generate more")
    trainer = Trainer(settings, load(target) if target.exists() else Checkpoint())
    held_out = numbers[: settings.held_out]
    sites = Sites(folder, numbers[settings.held_out :])
    saved = time.monotonic()
    while trainer.progress() < 1:
        pictures, who = sites.draw(trainer.random, settings.people)
        trainer.learn(pictures, who)
        over = trainer.progress() >= 1
        if trainer.step % settings.judge_every == 0 or over:
            trainer.note(judge(trainer.averaged(), folder, held_out))
            sites.extend(folder, ready(folder)[settings.held_out :])  # more may be made meanwhile
            if told is not None:
                told(trainer.state())
        if time.monotonic() - saved > settings.save_every or over:
            save(target, trainer.state())
            saved = time.monotonic()


def judge(network: Any, folder: Path, numbers: list[int]) -> Found:
    """How well visits of generated people are found across cameras; every site is asked by itself."""
    found = []
    for number in numbers:
        site = read(folder, number)
        embeddings, first = visits(embed(network, np.asarray(site.pictures)), site.visit)
        found.append(find(embeddings, site.person[first], site.camera[first]))
    if not found:
        return Found(rank1=float("nan"), mean_precision=float("nan"), auc=float("nan"), questions=0)
    means = {key: float(np.mean([getattr(each, key) for each in found])) for key in ("rank1", "mean_precision", "auc")}
    return Found(**means, questions=sum(each.questions for each in found))


def embed(network: Any, pictures: Any) -> Any:
    """(n, h, w, 3) uint8 → (n, d) float32, by a network that is not learning."""
    device = next(network.parameters()).device
    with torch.no_grad():
        parts = [
            network(tensor(pictures[start : start + _CHUNK]).to(device)).cpu().numpy()
            for start in range(0, len(pictures), _CHUNK)
        ]
    return np.concatenate(parts)


class Trainer:
    """A network that learns: its optimiser, its moving average, and how it went."""

    def __init__(self, settings: LearnSettings, start: Checkpoint) -> None:
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads)
        self.step = start.step
        self.random = np.random.default_rng([settings.seed, start.step])
        self._settings, self._curve = settings, start.curve
        self._generator = torch.Generator().manual_seed(settings.seed + start.step)
        self._network = Network().to(settings.device, memory_format=torch.channels_last)
        self._average = Network().to(settings.device)
        names = [name for name, _ in self._network.named_parameters()]
        self._names = names
        self._optimiser = torch.optim.AdamW(self._network.parameters(), settings.rate, weight_decay=settings.decay)
        if start.network:
            self._network.load_state_dict(tensors(start.network))
            self._average.load_state_dict(tensors(start.average))
        else:
            self._average.load_state_dict(self._network.state_dict())
        if start.optimiser:
            restore_optimiser(self._optimiser, names, start.optimiser)
        self._run: Any = torch.compile(self._network.both) if settings.compile else self._network.both
        self._lately = (Lately(settings.lately), Lately(settings.lately)) if settings.lately else (None, None)
        self._began = time.monotonic() - (start.curve[-1, 1] if len(start.curve) else 0.0)
        self._losses: list[float] = []
        self._rights: list[float] = []
        self._best = (float("nan"), float("nan"))

    def learn(self, pictures: Any, who: Any, apart: Any = None) -> None:
        """One step on a batch.

        Args:
            pictures: (n, h, w, 3) uint8 RGB.
            who: (n,) whose they are.
            apart: (n, n) bool, who are surely two people; all that are not one person when None.
        """
        settings = self._settings
        warm = min(_WARM, settings.steps / 10)
        falling = max(0.005, 0.5 + 0.5 * np.cos(np.pi * min(1.0, self.progress())))
        rate = settings.rate * min(1.0, (self.step + 1) / warm) * falling
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._network.train()
        x = vary(pictures, self._generator).to(settings.device).contiguous(memory_format=torch.channels_last)
        embeddings, deep = self._run(x)
        people = torch.from_numpy(who).to(settings.device)
        both, alone = self._lately if self.step >= settings.lately_from else (None, None)
        apart = apart.to(settings.device) if apart is not None else None
        loss, _ = contrast(embeddings.float(), people, both, apart)
        harder, right = contrast(deep.float(), people, alone, apart)
        loss = loss + settings.alone * harder
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), _CLIP)
        self._optimiser.step()
        self._follow()
        self.step += 1
        self._losses.append(float(loss.detach()))
        self._rights.append(float(right))

    def progress(self) -> float:
        """How much of the training is done, by steps or by time, whichever is further; 1 is its end."""
        spent = (time.monotonic() - self._began) / 60
        return max(self.step / self._settings.steps, spent / self._settings.minutes if self._settings.minutes else 0.0)

    def _follow(self) -> None:
        """Move the average; at first it follows quickly, or it would be made of the random start."""
        slow = min(self._settings.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mine, new in zip(self._average.state_dict().values(), self._network.state_dict().values(), strict=True):
                if mine.dtype.is_floating_point:
                    mine.lerp_(new, 1 - slow)
                else:
                    mine.copy_(new)

    def averaged(self) -> Any:
        """The averaged network, not learning."""
        return self._average.eval()

    def note(self, found: Found) -> None:
        """Add a point to the curve."""
        row = [
            self.step,
            time.monotonic() - self._began,
            np.mean(self._losses) if self._losses else np.nan,
            np.mean(self._rights) if self._rights else np.nan,
            found.rank1,
            found.mean_precision,
        ]
        self._curve = np.concatenate([self._curve, np.array([row])])
        self._losses, self._rights = [], []

    def state(self) -> Checkpoint:
        """What it takes to go on from here."""
        return Checkpoint(
            step=self.step,
            network=arrays(self._network.state_dict()),
            average=arrays(self._average.state_dict()),
            optimiser=optimiser_arrays(self._optimiser, self._names),
            curve=self._curve,
        )


def pictures_seen(settings: LearnSettings) -> int:
    """How many pictures a whole training looks at."""
    return settings.steps * settings.people * TAKES
