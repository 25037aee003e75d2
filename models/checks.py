"""Checks of an embedder at load: the faults that ONNX exports of person re-identification networks are known for."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.embedder import Embedder
from models.graph_input import own_normalisation
from models.pixels import Image, Pixels

log = logging.getLogger("models")

_BATCH: Final = 3
_CLOSE: Final = 1e-3  # length of the difference of two unit vectors: a thousandth of a radian
_CLOSE_HALF: Final = 2e-2


def honest_pixels(name: str, graph: bytes, pixels: Pixels) -> Pixels:
    """The contract to use when a graph may already normalise its input itself: never twice.

    Args:
        name: for the warning.
        graph: an ONNX file's bytes.
        pixels: what would be fed to it.

    Returns:
        `pixels`, or the same without the arithmetic that the graph does by itself.
    """
    own = own_normalisation(graph)
    if own is None:
        return pixels
    scale = 1.0 if own.wants_bytes else 1 / 255
    once = replace(pixels, scale=scale, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    if once != pixels:
        log.warning(
            "%s: the graph normalises its input itself (%s); doing that twice would spoil every embedding, "
            "so it is fed %s instead of %s.",
            name,
            own,
            once,
            pixels,
        )
    return once


def check_embedder(embedder: Embedder, half: bool = False) -> Embedder:
    """Look at what an embedder says of made-up crops, and make it safe to use or refuse it.

    * It must answer with numbers, not all the same for different pictures.
    * Exports of OSNet have been seen to give other values for a crop in a batch than for the same crop alone
      (deep-person-reid issue 585). Such a graph is run one crop at a time, and that is said.

    Args:
        embedder: to check; its `batch` may be set to 1.
        half: it runs in half precision, so small differences are not a fault.

    Returns:
        The embedder given.

    Raises:
        ModelError: NaN, infinity, zeros, or the same answer to everything.
    """
    crops = probe_crops()
    alone = np.concatenate([embedder.embed([crop]) for crop in crops])
    if len(crops) > 1 and float(np.abs(alone - alone[0]).max()) < 1e-6:
        raise ModelError(
            f"{embedder.name}: answers the same to every picture, so it tells nobody apart",
            "export it again; its weights may be missing",
        )
    if embedder.fixed_batch == 1:
        return embedder
    together = embedder.embed(crops)
    drift = float(np.linalg.norm(together - alone, axis=1).max())
    if drift > (_CLOSE_HALF if half else _CLOSE):
        if embedder.fixed_batch:
            raise ModelError(
                f"{embedder.name}: its fixed batch of {embedder.fixed_batch} mixes the crops in it (drift {drift:.3f})",
                "export it again with a free batch size or a batch of 1",
            )
        embedder.batch = 1
        log.warning(
            "%s: a crop in a batch gets another embedding than alone (drift %.3f): a known fault of some exports. "
            "It is run one crop at a time, which is slower. Export it again with a free batch size.",
            embedder.name,
            drift,
        )
    return embedder


def probe_crops() -> list[Image]:
    """Made-up people: coloured blocks with some noise, the same at every start."""
    noise = np.random.default_rng(7)
    crops: list[NDArray[np.uint8]] = []
    for _ in range(_BATCH):
        blocks = noise.integers(20, 235, (4, 2, 3)).repeat(64, axis=0).repeat(64, axis=1)
        crops.append(np.clip(blocks + noise.normal(0, 12, blocks.shape), 0, 255).astype(np.uint8))
    return crops
