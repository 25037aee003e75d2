"""How a training goes, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError


def draw(curve: NDArray[np.float64], target: Path) -> None:
    """Draw a checkpoint's curve.

    Args:
        curve: (rows, 6) as in `Checkpoint`.
        target: .png to write.

    Raises:
        ConfigError: matplotlib lacks.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("drawing curves needs matplotlib", "pip install 'passage[train]'") from error
    step, _, loss, right, rank1, precision = curve.T
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, middle = figure.subplots(1, 2)
    left.plot(step, loss, color="tab:red")
    left.set(xlabel="step", ylabel="loss", title="Learning")
    middle.plot(step, right, label="nearest right, in batches", color="tab:gray")
    middle.plot(step, rank1, label="rank-1, people held out", color="tab:blue")
    middle.plot(step, precision, label="mAP, people held out", color="tab:green")
    middle.set(xlabel="step", ylim=(0, 1), title="Finding generated people again")
    middle.legend(frameon=False, fontsize=8)
    figure.savefig(target, dpi=110)
