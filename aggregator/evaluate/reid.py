"""How well an embedding finds people again: what is searched for, and in what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from aggregator.evaluate.ranking import Ranking, rank
from aggregator.evaluate.rerank import rerank
from common.errors import ConfigError, SourceError
from common.reid_layouts import JUNK, Pictures, pictures_folder, read_mars, read_pictures

BATCH = 64
Floats = NDArray[np.float32]
Step = Callable[[int, int], None]


class Embedder(Protocol):
    """As `models.embedder.Embedder`."""

    dimensions: int

    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> Floats:
        """Pictures BGR → (n, d) float32 unit rows."""
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Search:
    """What is searched for and where.

    Attributes:
        rows: (n, d) float32 unit rows.
        person, camera: (n,) int64; person −1 is junk.
        query, gallery: (q,) and (g,) which rows are asked, and in which is searched; a row may be both.
    """

    rows: Floats
    person: NDArray[np.int64]
    camera: NDArray[np.int64]
    query: NDArray[np.intp]
    gallery: NDArray[np.intp]

    def score(self) -> Ranking:
        """By cosine."""
        return self._rank(1 - self.rows[self.query] @ self.rows[self.gallery].T)

    def score_reranked(self) -> Ranking:
        """After k-reciprocal re-ranking."""
        return self._rank(rerank(self.rows, self.query, self.gallery))

    def _rank(self, distance: Floats) -> Ranking:
        return rank(distance, self.person[self.query], self.camera[self.query], self.person[self.gallery],
                    self.camera[self.gallery], JUNK)


def search_market1501(root: Path, embedder: Embedder, step: Step) -> Search:
    """Single-query: each picture of `query` in `bounding_box_test`. `step` is told how many pictures are done, of all.

    Raises:
        SourceError: folders or pictures that lack or cannot be read.
    """
    query = read_pictures(root / "query", "market1501")
    gallery = read_pictures(pictures_folder(root, "market1501"), "market1501")
    gallery = gallery[gallery.person != JUNK]
    total = len(query) + len(gallery)
    asked = _embed(query, embedder, lambda n: step(n, total))
    found = _embed(gallery, embedder, lambda n: step(len(query) + n, total))
    return Search(rows=np.concatenate([asked, found]), person=np.concatenate([query.person, gallery.person]),
                  camera=np.concatenate([query.camera, gallery.camera]), query=np.arange(len(query)),
                  gallery=np.arange(len(query), total))


def search_mars(root: Path, embedder: Embedder, step: Step, images: int) -> Search:
    """Tracklets: each the mean of at most `images` of its pictures, spread over it evenly; the gallery holds all.

    Raises:
        SourceError: folders or pictures that lack or cannot be read.
    """
    tracklets = read_mars(root)
    first, last = tracklets.first[:-1], tracklets.first[1:] - 1
    taken = [np.unique(np.linspace(a, b, min(images, b - a + 1)).round().astype(np.intp))
             for a, b in zip(first.tolist(), last.tolist(), strict=True)]
    rows = np.concatenate(taken)
    each = _embed(tracklets.pictures[rows], embedder, lambda n: step(n, len(rows)))
    mean = np.add.reduceat(each, np.concatenate([[0], np.cumsum([len(t) for t in taken])[:-1]]), axis=0)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    return Search(rows=mean, person=tracklets.person, camera=tracklets.camera, query=tracklets.query,
                  gallery=np.arange(len(mean)))


def search_visits(path: Path, embedding: str | None) -> Search:
    """Each visit of an .npz among all visits; one that nothing else answers counts only as somebody to be mistaken for.

    Raises:
        ConfigError: the file lacks truth or the embedding.
    """
    from aggregator.replay import Recording

    recording = Recording.read(path, embedding)
    with np.load(path, allow_pickle=False) as file:
        if "identity" not in file.files:
            raise ConfigError(f"{path}: holds no truth (array `identity`)")
        person = np.unique(file["identity"], return_inverse=True)[1].astype(np.int64)
    camera = np.unique(recording.camera, return_inverse=True)[1].astype(np.int64)
    everyone = np.arange(len(person))
    return Search(rows=recording.embedding, person=person, camera=camera, query=everyone, gallery=everyone)


def _embed(pictures: Pictures, embedder: Embedder, step: Callable[[int], None]) -> Floats:
    out = np.zeros((len(pictures), embedder.dimensions), np.float32)
    for begin in range(0, len(pictures), BATCH):
        crops = [_read(path) for path in pictures.path[begin : begin + BATCH]]
        out[begin : begin + len(crops)] = embedder.embed(crops)
        step(begin + len(crops))
    return out


def _read(path: str) -> NDArray[np.uint8]:
    image = cv2.imread(path, cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"{path}: cannot be read as a picture")
    return np.asarray(image, np.uint8)
