"""Small made data sets laid out as Market-1501 and MARS: people are stripes of colour, cameras are light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def person(number: int, camera: int, take: int, size: tuple[int, int] = (64, 128)) -> NDArray[np.uint8]:
    """Somebody's picture (h, w, 3): three bands of colours that are theirs, darker in higher cameras, some noise."""
    rng = np.random.default_rng(number)
    colours = rng.integers(30, 226, (3, 3))
    image = np.repeat(colours, [size[1] // 3, size[1] // 3, size[1] - 2 * (size[1] // 3)], axis=0)[:, None, :]
    noise = np.random.default_rng([number, camera, take]).normal(0, 12, (size[1], size[0], 3))
    return np.clip(image * (1 - 0.08 * camera) + noise, 0, 255).astype(np.uint8)


def write_market(root: Path, people: Sequence[int], cameras: int = 3, images: int = 4) -> Path:
    """A query in each camera; in the gallery several pictures, some junk and some distractors."""
    for who in people:
        for camera in range(1, cameras + 1):
            begin = 25 * (20 * who + 8 * camera)
            _write(root / "query" / f"{who:04d}_c{camera}s1_{begin:06d}_00.jpg", person(who, camera, 99))
            for i in range(images):
                name = f"{who:04d}_c{camera}s1_{begin + 12 * i:06d}_01.jpg"
                _write(root / "bounding_box_test" / name, person(who, camera, i))
    for camera in range(1, cameras + 1):
        _write(root / "bounding_box_test" / f"-1_c{camera}s1_000009_02.jpg", person(people[0], camera, 7))
        _write(root / "bounding_box_test" / f"0000_c{camera}s2_000009_02.jpg", person(1000 + camera, camera, 7))
    return root


def write_mars(root: Path, people: Sequence[int], cameras: int = 3, images: int = 6, tracklets: int = 2) -> Path:
    """Tracklets of every person in every camera, and one of junk."""
    for who in people:
        for camera in range(1, cameras + 1):
            for tracklet in range(1, tracklets + 1):
                for i in range(images):
                    name = f"{who:04d}C{camera}T{tracklet:04d}F{i + 1:03d}.jpg"
                    _write(root / "bbox_test" / f"{who:04d}" / name, person(who, camera, 10 * tracklet + i, (128, 256)))
    _write(root / "bbox_test" / "00-1" / "00-1C1T0001F001.jpg", person(people[0], 1, 5, (128, 256)))
    return root


def _write(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
