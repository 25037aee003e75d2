"""The networks that turn a picture into an embedding: loaded when first needed, used by one request at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from aggregator.api.errors import ApiError, bad_parameter
from aggregator.api.picture_size import picture_size
from aggregator.privacy.turn import Turn
from common.messages import ModelInfo

TASK = "embedding"  # as agents call it in `hello`
LEAST_SIDE = 8


class Embedder(Protocol):
    """What `models.embedder.Embedder` is, as far as a search needs it."""

    fingerprint: str
    notice: str | None

    def embed(self, crops: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(h, w, 3) uint8 BGR each → (n, d) float32, unit rows."""
        ...


def load_here(name: str) -> Embedder:
    """The embedder of that name in this machine's model store.

    Raises:
        ModelError: it is not there; the cure says how to get it.
    """
    # Only somebody who searches by picture pays for ONNX Runtime's memory.
    from models.load import load_embedder
    from models.store import ModelStore

    return load_embedder(name, store=ModelStore(), device="cpu", threads=1)


class Embedders:
    """Embedders by fingerprint. Call it from any thread.

    Args:
        load: gives the embedder of a name.
        turn: by which the stored embeddings are turned, so that a picture's can be compared with them.
    """

    def __init__(self, load: Callable[[str], Embedder] = load_here, turn: Turn | None = None) -> None:
        self._load = load
        self._turn = turn
        self._lock = threading.Lock()
        self._ready: dict[str, Embedder] = {}

    def embed(self, model: ModelInfo, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], str | None]:
        """Embed one picture of a person with the network that the site's visits were embedded with.

        Args:
            model: which network, as the agents named it.
            picture: (h, w, 3) uint8 BGR, cut around the person.

        Returns:
            (d,) float32 of unit length, and what to know about that network's embeddings.

        Raises:
            ModelError: the file is not on this machine; the cure says how to get it.
            ApiError: 409, the file of that name here holds another network.
        """
        with self._lock:
            embedder = self._ready.get(model.fingerprint)
            if embedder is None:
                embedder = self._load(model.name)
                if embedder.fingerprint != model.fingerprint:
                    raise ApiError(409, "other_model",
                                   f"'{model.name}' on this machine is {embedder.fingerprint}, the agents' is "
                                   f"{model.fingerprint}: their embeddings cannot be compared", field="embedder",
                                   cure=f"edge-agent models add PATH --as {model.name}, with the agents' file")
                self._ready[model.fingerprint] = embedder
            row = embedder.embed([picture])[0]
            return row if self._turn is None else self._turn.rows(row, model.fingerprint), embedder.notice


def decode_picture(data: bytes, most_pixels: int) -> NDArray[np.uint8]:
    """A JPEG, PNG or WebP → (h, w, 3) uint8 BGR.

    Raises:
        ApiError: 400, it is no picture, or a tiny one; 413, it has more than `most_pixels`.
    """
    size = picture_size(data)
    if size is None:
        raise _no_picture("the body is no JPEG, PNG or WebP")
    width, height = size
    if width * height > most_pixels:
        raise ApiError(413, "too_large", f"the picture has {width} × {height} pixels, at most {most_pixels} are taken",
                       field="body", cure="cut it around the person")
    if min(width, height) < LEAST_SIDE:
        raise _no_picture(f"the picture has {width} × {height} pixels, at least {LEAST_SIDE} a side are needed")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise _no_picture("the picture is broken")
    return np.asarray(picture, np.uint8)


def _no_picture(message: str) -> ApiError:
    return bad_parameter("body", message, "send a JPEG, PNG or WebP cut around the person", code="no_picture")
