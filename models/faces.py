"""Faces: where they are in a picture (YuNet), and unit vectors that say whose they are (SFace). OpenCV runs both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.mirrors import sha256_of
from models.store import ModelStore

DETECTOR: Final = "yunet"
EMBEDDER: Final = "sface"
TASK: Final = "face"  # as agents call it in `hello`
LEAST_SCORE: Final = 0.6
NO_EYES: Final = 6.0
"""Pixels between the eyes at which SFace tells people apart no more."""
WIDE_EYES: Final = 20.0
"""Pixels between the eyes from which more hardly helps: SFace looks at faces of 112 pixels, with 38 between them."""

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Faces in a picture, column by column.

    Attributes:
        xyxy: (n, 4) float32, pixels of the picture.
        points: (n, 5, 2) float32, x and y of right eye, left eye, nose, right and left corner of the mouth, pixels.
        score: (n,) float32 in [0, 1], how sure the detector is.
    """

    xyxy: Floats
    points: Floats
    score: Floats

    def __post_init__(self) -> None:
        n = len(self.score)
        for name, expected in (("xyxy", (n, 4)), ("points", (n, 5, 2))):
            actual = getattr(self, name).shape
            if actual != expected:
                raise ValueError(f"Faces.{name}: expected shape {expected}, got {actual}")

    def __len__(self) -> int:
        return len(self.score)

    def quality(self) -> Floats:
        """How much each tells of whose it is, (n,) float32 in [0, 1].

        The product of the detector's score, of how far apart the eyes are, and of how straight the face looks at the
        camera: seen from the side, the nose is nearer to one of the eyes.
        """
        right, left, nose = self.points[:, 0], self.points[:, 1], self.points[:, 2]
        across = left - right
        apart = np.maximum(np.linalg.norm(across, axis=1), 1e-3)
        aside = np.abs(((nose - (right + left) / 2) * across).sum(axis=1)) / apart**2
        large = np.clip((apart - NO_EYES) / (WIDE_EYES - NO_EYES), 0, 1)
        out: Floats = (self.score * large * np.clip(1 - aside, 0, 1)).astype(np.float32)
        return out

    def moved(self, left: float, top: float) -> Faces:
        """The same in a picture of which this one is a part, whose left upper corner is there."""
        by = np.array([left, top], np.float32)
        return Faces(self.xyxy + np.tile(by, 2), self.points + by, self.score)


NO_FACES: Final = Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


class FaceDetector:
    """YuNet. Not thread-safe.

    Args:
        weights: the ONNX file.
        least_score: fainter ones are left out.

    Raises:
        ModelError: OpenCV cannot use it.
    """

    def __init__(self, weights: Path, least_score: float = LEAST_SCORE) -> None:
        try:
            self._net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), least_score)
        except cv2.error as error:
            raise _unusable(weights, DETECTOR, error) from error

    def find(self, image: Image, long_side: int = 0) -> Faces:
        """Faces of a picture, the surest first.

        Args:
            image: (h, w, 3) uint8 BGR.
            long_side: pixels to which a larger picture is shrunk first; 0 never. It finds faces from ten pixels up.
        """
        scale = min(1.0, long_side / max(image.shape[:2])) if long_side else 1.0
        if scale < 1:
            image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        self._net.setInputSize((image.shape[1], image.shape[0]))
        rows: Any = self._net.detect(np.ascontiguousarray(image))[1]
        if rows is None:
            return NO_FACES
        rows = rows[np.argsort(-rows[:, 14], kind="stable")].astype(np.float32)
        corner, size = rows[:, :2] / scale, rows[:, 2:4] / scale
        return Faces(np.concatenate([corner, corner + size], axis=1), rows[:, 4:14].reshape(-1, 5, 2) / scale,
                     rows[:, 14])


class FaceEmbedder:
    """SFace. Not thread-safe.

    Args:
        weights: the ONNX file.

    Attributes:
        name: for messages.
        fingerprint: first 16 hexadecimal digits of the weights' SHA-256.
        dimensions: length of an embedding.

    Raises:
        ModelError: OpenCV cannot use it.
    """

    name = EMBEDDER
    dimensions = 128

    def __init__(self, weights: Path) -> None:
        try:
            self._net = cv2.FaceRecognizerSF.create(str(weights), "")
        except cv2.error as error:
            raise _unusable(weights, EMBEDDER, error) from error
        self.fingerprint = sha256_of(weights)[:16]

    def embed(self, image: Image, faces: Faces) -> Floats:
        """(n, 128) float32, unit rows: the faces of `image`, turned upright by their eyes, nose and mouth."""
        rows = [self._net.feature(self._net.alignCrop(image, self._as_opencv(faces, k))).ravel()
                for k in range(len(faces))]
        if not rows:
            return np.zeros((0, self.dimensions), np.float32)
        found = np.asarray(rows, np.float32)
        length = np.linalg.norm(found, axis=1, keepdims=True)
        if not (length > 1e-12).all():  # NaN is not either
            raise ModelError(f"{self.name}: answers a face with zeros or NaN", f"edge-agent models verify {EMBEDDER}")
        unit: Floats = found / length
        return unit

    @staticmethod
    def _as_opencv(faces: Faces, k: int) -> Floats:
        left, top, right, bottom = faces.xyxy[k]
        row = np.concatenate([[left, top, right - left, bottom - top], faces.points[k].ravel(), [faces.score[k]]])
        return np.asarray(row, np.float32)


class FaceReader:
    """Finds and embeds. Not thread-safe."""

    def __init__(self, detector: FaceDetector, embedder: FaceEmbedder) -> None:
        self.detector, self.embedder = detector, embedder

    @property
    def fingerprint(self) -> str:
        """Of the embedder."""
        return self.embedder.fingerprint

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""
        return self.embedder.dimensions

    @property
    def name(self) -> str:
        """Of the embedder."""
        return self.embedder.name

    def find(self, image: Image, long_side: int = 0) -> Faces:
        """See `FaceDetector.find`."""
        return self.detector.find(image, long_side)

    def embed(self, image: Image, faces: Faces) -> Floats:
        """See `FaceEmbedder.embed`."""
        return self.embedder.embed(image, faces)


def load_faces(store: ModelStore | None = None) -> FaceReader:
    """Both networks from the store.

    Raises:
        ModelError: one is not on this machine, and how to get it; or OpenCV cannot use it.
    """
    store = store or ModelStore()
    return FaceReader(FaceDetector(store.path(DETECTOR, "face-detect")),
                      FaceEmbedder(store.path(EMBEDDER, "face-embed")))


def _unusable(weights: Path, name: str, error: cv2.error) -> ModelError:
    return ModelError(f"{weights}: OpenCV cannot use it: {str(error).strip()}", f"edge-agent models pull {name}")
