"""The networks that find and embed the face in a picture: loaded when first needed, used by one request at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aggregator.api.errors import ApiError, bad_parameter
from aggregator.privacy.turn import Turn
from common.messages import ModelInfo
from models.faces import TASK, Faces

__all__ = ["TASK", "FaceNetworks"]

LONG_SIDE = 1280


class Reader(Protocol):
    """What `models.faces.FaceReader` is, as far as a search needs it."""

    @property
    def fingerprint(self) -> str:
        """Of the embedder's weights."""
        ...

    def find(self, image: NDArray[np.uint8], long_side: int = 0) -> Faces:
        """Faces in a (h, w, 3) uint8 BGR picture."""
        ...

    def embed(self, image: NDArray[np.uint8], faces: Faces) -> NDArray[np.float32]:
        """(n, d) float32, unit rows."""
        ...


def load_here() -> Reader:
    """Those of this machine's model store.

    Raises:
        ModelError: they are not there; the cure says how to get them.
    """
    from models.faces import load_faces

    return load_faces()


class FaceNetworks:
    """Call it from any thread.

    Args:
        load: gives what finds and embeds faces.
        turn: by which the stored embeddings are turned.
    """

    def __init__(self, load: Callable[[], Reader] = load_here, turn: Turn | None = None) -> None:
        self._load, self._turn = load, turn
        self._lock = threading.Lock()
        self._reader: Reader | None = None

    def embed(self, model: ModelInfo, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The largest face of a picture (h, w, 3) uint8 BGR → (d,) float32 of unit length.

        Raises:
            ModelError: the weights are not on this machine; the cure says how to get them.
            ApiError: 400, there is no face; 409, the agents' faces were embedded with another network.
        """
        with self._lock:
            self._reader = reader = self._reader or self._load()
            if reader.fingerprint != model.fingerprint:
                raise ApiError(409, "other_model", f"the agents' faces were embedded with {model.name} "
                               f"{model.fingerprint}, this machine has {reader.fingerprint}: they cannot be compared",
                               cure="install the same release on agents and aggregator")
            faces = reader.find(picture, LONG_SIDE)
            if not len(faces):
                raise bad_parameter("body", "there is no face in the picture", "send one that shows the face from the "
                                    "front, or search by=looks", code="no_face")
            largest = [int((faces.xyxy[:, 2] - faces.xyxy[:, 0]).argmax())]
            one = Faces(faces.xyxy[largest], faces.points[largest], faces.score[largest])
            row = reader.embed(picture, one)[0]
        return row if self._turn is None else self._turn.rows(row, model.fingerprint)
