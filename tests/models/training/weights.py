"""Made-up weights of the re-identification network, by name and shape, without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHANNELS = (16, 64, 96, 128)
STRIP, COLOURS, DIMENSIONS = 48, 144, 512


def made_up(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights that answer different pictures differently."""
    random = np.random.default_rng(seed)
    arrays: dict[str, NDArray[np.float32]] = {}

    def weight(name: str, *shape: int) -> None:
        scale = np.sqrt(2 / np.prod(shape[1:]))
        arrays[f"{name}.weight"] = (random.normal(size=shape) * scale).astype(np.float32)

    def norm(name: str, size: int, *, batch: bool = True) -> None:
        arrays[f"{name}.weight"] = random.uniform(0.8, 1.2, size).astype(np.float32)
        arrays[f"{name}.bias"] = random.normal(0, 0.1, size).astype(np.float32)
        if batch:
            arrays[f"{name}.running_mean"] = random.normal(0, 0.1, size).astype(np.float32)
            arrays[f"{name}.running_var"] = random.uniform(0.5, 2, size).astype(np.float32)

    def unit(name: str, inputs: int, outputs: int) -> None:
        weight(f"{name}.0", outputs, inputs, 1, 1)
        norm(f"{name}.1", outputs)

    def block(name: str, inputs: int, outputs: int, *, instance: bool) -> None:
        middle, hidden = outputs // 4, max(1, outputs // 64)
        unit(f"{name}.reduce", inputs, middle)
        for stream in range(4):
            for layer in range(stream + 1):
                weight(f"{name}.streams.{stream}.{layer}.across", middle, middle, 1, 1)
                weight(f"{name}.streams.{stream}.{layer}.around", middle, 1, 3, 3)
                norm(f"{name}.streams.{stream}.{layer}.norm", middle)
        for part, sizes in (("narrow", (hidden, middle)), ("widen", (middle, hidden))):
            weight(f"{name}.gate.{part}", *sizes, 1, 1)
            arrays[f"{name}.gate.{part}.bias"] = np.zeros(sizes[0], np.float32)
        unit(f"{name}.expand", middle, outputs)
        if inputs != outputs:
            unit(f"{name}.shortcut", inputs, outputs)
        if instance:
            norm(f"{name}.instance", outputs, batch=False)

    weight("stem.0", CHANNELS[0], 3, 7, 7)
    norm("stem.1", CHANNELS[0], batch=False)
    for stage, inputs, outputs in zip(("coarse", "middle", "fine"), CHANNELS[:-1], CHANNELS[1:], strict=True):
        block(f"{stage}.0", inputs, outputs, instance=False)
        block(f"{stage}.1", outputs, outputs, instance=stage != "fine")
        unit(f"{stage}.2", outputs, outputs)
    unit("strips", CHANNELS[-1], STRIP)
    norm("colour_norm", COLOURS)
    weight("join_deep", DIMENSIONS, CHANNELS[-1] + 4 * STRIP)
    weight("join_colour", DIMENSIONS, COLOURS)
    norm("norm", DIMENSIONS)
    return arrays
