"""`Embedder`: crops of people → unit vectors that say what they looked like to a network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.pixels import CONTRACTS, Image, Pixels, fill
from models.runtime import Network

log = logging.getLogger("models")

_CHUNK: Final = 32  # crops a run: the activations of more no longer fit a small GPU's memory or a CPU's cache
EXPECTED: Final = "one picture [b, 3, h, w] or [b, h, w, 3], taller than wide (256x128 as a rule), in; [b, d] out"
_CURE: Final = "take one of `edge-agent models list`, or `osnet_generated`, which is here"


class Embedder:
    """A network that embeds crops of people, ready and checked.

    It keeps its input buffers between calls, so one thread at a time may use it.

    Attributes:
        name: for messages.
        fingerprint: first 16 hexadecimal digits of the weights' SHA-256; embeddings of different ones never meet.
        dimensions: length of an embedding.
        notice: what a user has to know about these embeddings, said wherever they are used; or None.
        pixels: what the network's input is given.
        batch: crops that go through the network together; 1 when the graph wants it or cannot be trusted with more.
        device: where it really runs: `cpu`, `cuda` or `tensorrt`.

    Raises:
        ModelError: the graph is no embedder (what was found, what is expected).
    """

    def __init__(self, network: Network, pixels: Pixels | None = None, notice: str | None = None) -> None:
        self.name = network.name
        self.fingerprint = network.fingerprint
        self.device = network.device
        self.notice = notice
        self._network = network
        self._batch, self._height, self._width, self._channels_last = _input(network)
        stated = network.metadata.get("pixels", "")
        usual = CONTRACTS["bgr_bytes" if self._channels_last else "rgb_imagenet"]
        self.pixels = pixels or CONTRACTS.get(stated, usual)
        self._grow(self._batch or 1)
        self.dimensions = self._probe()
        self.batch = self._batch or _CHUNK

    @property
    def fixed_batch(self) -> int | None:
        """Batch size that the graph itself insists on, or None."""
        return self._batch

    def embed(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        """Embed crops.

        Args:
            crops: (h, w, 3) uint8 BGR each, of any sizes; stretched to the network's input.

        Returns:
            (n, d) float32, rows of unit length.

        Raises:
            ModelError: the network answers with something that is no number, or with nothing but zeros.
        """
        if not len(crops):
            return np.zeros((0, self.dimensions), np.float32)
        rows = [self._run(crops[start : start + self.batch]) for start in range(0, len(crops), self.batch)]
        return self._normalise(np.concatenate(rows) if len(rows) > 1 else rows[0])

    def warm_up(self) -> None:
        """Run once with as many crops as go together: the memory for that is taken now, and not in the first crowd."""
        self._run([np.zeros((self._height, self._width, 3), np.uint8)] * self.batch)

    def raw(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        """What the network answers to crops in one run, not normalised: for checks. (n, d) float32."""
        return self._run(crops)

    def _run(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        count = self._batch or len(crops)
        if len(self._canvas) < count:
            self._grow(count)
        canvas, tensor = self._canvas[:count], self._tensor[:count]
        for crop, target in zip(crops, canvas, strict=False):  # a fixed batch has room to spare
            # Bilinear also for shrinking: the networks were trained and published that way.
            cv2.resize(crop, (self._width, self._height), target, 0, 0, cv2.INTER_LINEAR)
        fill(tensor, canvas, self.pixels, channels_last=self._channels_last)
        answer = self._network.run(tensor)[0]
        flat: NDArray[np.float32] = answer.reshape(len(answer), -1)[: len(crops)].astype(np.float32, copy=False)
        return flat

    def _normalise(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
        if not np.isfinite(length).all() or (length < 1e-12).any():
            raise ModelError(
                f"{self.name}: answers crops with {'zeros only' if np.isfinite(length).all() else 'NaN or infinity'}",
                "check it with `edge-agent models verify`; in half precision, try without `fp16`",
            )
        unit: NDArray[np.float32] = rows / length
        return unit

    def _grow(self, count: int) -> None:
        shape = (count, self._height, self._width, 3) if self._channels_last else (count, 3, self._height, self._width)
        self._canvas: Image = np.zeros((count, self._height, self._width, 3), np.uint8)
        self._tensor: NDArray[Any] = np.zeros(shape, self._network.inputs[0].dtype)

    def _probe(self) -> int:
        answer = self._network.run(self._tensor)[0]
        count = self._batch or 1
        sides = [n for n in answer.shape[1:] if n != 1]
        one_row_each = answer.dtype.kind == "f" and answer.shape[:1] == (count,) and len(sides) == 1
        if not (one_row_each and 8 <= sides[0] <= 4096):
            found = f"{list(answer.shape)} {answer.dtype}"
            raise ModelError(f"{self.name}: is no embedder: it answers {found}; expected {EXPECTED}", _CURE)
        return int(sides[0])


def _input(network: Network) -> tuple[int | None, int, int, bool]:
    """Fixed batch size or None, height, width, channels last?"""
    first = network.inputs[0]
    shape = first.shape
    if len(shape) == 4 and first.dtype.kind == "f" and len(network.inputs) == 1:
        channels_last = shape[3] == 3 and shape[1] != 3
        if channels_last or shape[1] in (3, None):
            height, width = shape[1:3] if channels_last else shape[2:4]
            height, width = height or 256, width or 128
            if height > width:
                return shape[0], height, width, channels_last
    found = ", ".join(str(tensor) for tensor in network.inputs)
    raise ModelError(f"{network.name}: is no embedder: its input is {found}; expected {EXPECTED}", _CURE)
