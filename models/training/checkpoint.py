"""A training's state as one `.npz`: arrays only, so opening one never runs anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError

GENERATED: Final = "generated people only"


@dataclass(kw_only=True)
class Checkpoint:
    """Where a training is.

    Attributes:
        step: batches learned from.
        trained_on: what they showed, for the exported file's notes.
        network: parameters and statistics as they are; `average` their moving average, which is what gets exported.
        optimiser: moments, named `parameter/what`.
        curve: (rows, 6) step, seconds, loss, share right by the convolutions alone, rank-1 and mAP on people held out.
    """

    step: int = 0
    trained_on: str = GENERATED
    network: dict[str, NDArray[Any]] = field(default_factory=dict)
    average: dict[str, NDArray[Any]] = field(default_factory=dict)
    optimiser: dict[str, NDArray[Any]] = field(default_factory=dict)
    curve: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 6)))


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write whole or not at all."""
    arrays: dict[str, Any] = {"step": np.array(checkpoint.step), "curve": checkpoint.curve}
    arrays["trained_on"] = np.array(checkpoint.trained_on)
    for group in ("network", "average", "optimiser"):
        arrays |= {f"{group}:{key}": value for key, value in getattr(checkpoint, group).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)


def load(path: Path) -> Checkpoint:
    """Read one.

    Raises:
        ModelError: it is not there or no checkpoint of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            result = Checkpoint(step=int(stored["step"]), curve=stored["curve"])
            result.trained_on = str(stored["trained_on"]) if "trained_on" in stored else GENERATED
            for key in stored.files:
                group, _, name = key.partition(":")
                if name:
                    getattr(result, group)[name] = stored[key]
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such checkpoint", "edge-agent models train run") from error
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"{path}: is no checkpoint of this training") from error
    return result


def arrays(state: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Tensors by name → arrays by name."""
    return {key: value.detach().cpu().numpy().copy() for key, value in state.items()}


def tensors(state: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Arrays by name → tensors by name."""
    import torch

    return {key: torch.from_numpy(np.array(value)) for key, value in state.items()}


def optimiser_arrays(optimiser: Any, names: list[str]) -> dict[str, NDArray[Any]]:
    """An optimiser's moments, by parameter."""
    state = optimiser.state_dict()["state"]
    return {f"{names[i]}/{key}": value.cpu().numpy().copy() for i, own in state.items() for key, value in own.items()}


def restore_optimiser(optimiser: Any, names: list[str], stored: Mapping[str, NDArray[Any]]) -> None:
    """Put moments back."""
    import torch

    whole = optimiser.state_dict()
    state: dict[int, dict[str, Any]] = {}
    for key, value in stored.items():
        name, _, what = key.rpartition("/")
        state.setdefault(names.index(name), {})[what] = torch.from_numpy(np.array(value))
    whole["state"] = state
    optimiser.load_state_dict(whole)
