"""What stands behind people: walls, floors, windows, shelves and shadows, all drawn from random numbers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.cloth import colour, rgb

Floats = NDArray[np.float32]


class Scene:
    """A camera's surroundings, wider than a crop; every picture is cut from another place of it.

    Half of them are open and bright, as pavements by day and lit floors are; the others full of things and any light.
    """

    def __init__(self, seed: int, height: int, width: int) -> None:
        self._random = np.random.default_rng(seed)
        self._open = bool(self._random.random() < 0.5)
        self._height, self._width = height, width
        self._picture = self._draw(height, 5 * width)

    def cut(self, random: np.random.Generator) -> Floats:
        """(height, width, 3) from somewhere in it."""
        zoom = random.uniform(0.6, 1.0)
        height, width = int(self._height * zoom), int(self._width * zoom)
        y = random.integers(0, self._height - height + 1)
        x = random.integers(0, self._picture.shape[1] - width + 1)
        part = cv2.resize(self._picture[y : y + height, x : x + width], (self._width, self._height))
        return np.asarray(part[:, ::-1] if random.random() < 0.5 else part, np.float32) * random.uniform(0.85, 1.15)

    def _draw(self, height: int, width: int) -> Floats:
        r = self._random
        image = np.empty((height, width, 3), np.float32)
        horizon = int(height * r.uniform(-0.2, 0.7))
        image[:] = self._paint() * r.uniform(0.7, 1.1)
        if horizon > 0:
            image[:horizon] = self._paint()
        image *= 1 + (self._noise(height, width, r.uniform(2, 8)) - 0.5) * r.uniform(0.02, 0.3)
        image *= 1 + (self._noise(height, width, r.uniform(15, 50)) - 0.5) * r.uniform(0, 0.35)
        self._ground(image[max(0, horizon) :])
        if r.random() < 0.5:
            self._tiles(image, horizon)
        for _ in range(r.integers(0, 8) if self._open else r.integers(4, 30)):
            self._thing(image)
        if not self._open and r.random() < 0.4:
            self._shelves(image)
        for _ in range(r.integers(0, 5)):  # shadows and patches of light
            y, x = r.integers(0, height), r.integers(0, width)
            spot = np.ones((height, width), np.float32)
            axes = int(r.uniform(8, 60)), int(r.uniform(4, 30))
            cv2.ellipse(spot, (int(x), int(y)), axes, r.uniform(0, 180), 0, 360, r.uniform(0.5, 1.4), -1)
            image *= cv2.GaussianBlur(spot, (0, 0), r.uniform(1, 6))[..., None]
        if r.random() < 0.5:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), r.uniform(0.3, 1.1)), np.float32)
        return np.clip(image * r.uniform(0.8 if self._open else 0.65, 1.1), 0, 1).astype(np.float32)

    def _paint(self) -> Floats:
        r = self._random
        if self._open and r.random() < 0.8:
            return rgb(r.random(), r.uniform(0, 0.12), r.uniform(0.5, 0.95))
        return rgb(r.random(), r.uniform(0, 0.25), r.uniform(0.2, 0.85))

    def _noise(self, height: int, width: int, size: float) -> Floats:
        shape = max(2, int(height / size)), max(2, int(width / size)), 1
        coarse = self._random.random(shape).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)[..., None]

    def _ground(self, image: Floats) -> None:
        """Gravel, grass or asphalt, and the lines that are painted or laid on it."""
        r = self._random
        height, width = image.shape[:2]
        if r.random() < 0.15:
            image[:] = rgb(r.uniform(0.15, 0.3), r.uniform(0.2, 0.6), r.uniform(0.3, 0.65))
        if r.random() < 0.7:
            image *= 1 + r.normal(0, r.uniform(0.02, 0.15), (height, width, 1)).astype(np.float32)
        for _ in range(r.integers(0, 6)):
            x, slope = r.uniform(0, width), r.normal(0, 3)
            ends = (int(x), 0), (int(x + slope * height), height)
            tone = self._paint() if r.random() < 0.7 else rgb(r.uniform(0.1, 0.16), r.uniform(0.4, 0.9), 0.8)
            cv2.line(image, *ends, tone.tolist(), int(r.integers(1, 6)), cv2.LINE_AA)

    def _tiles(self, image: Floats, horizon: int) -> None:
        """Joints of a floor in perspective."""
        r = self._random
        height, width = image.shape[:2]
        x, y = np.meshgrid(np.linspace(-4, 4, width), np.arange(height))
        depth = 1 / (np.maximum(y - horizon, 1) / height + 0.15)
        joint = ((x * depth * r.uniform(0.5, 2)) % 1 < 0.1) | ((depth * r.uniform(1, 4)) % 1 < 0.12)
        image[joint & (y > horizon)] *= r.uniform(0.5, 1.4)

    def _thing(self, image: Floats) -> None:
        """A box, pole, door or sign: often with an edge or with lines."""
        r = self._random
        height, width = image.shape[:2]
        w, h = int(r.lognormal(2.4, 0.8)) + 1, int(r.lognormal(3.2, 0.8)) + 2
        x, y = int(r.integers(-w, width)), int(r.integers(-h, height))
        tone = self._paint() if r.random() < 0.7 else colour(r, "top")
        box = image[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)]
        if not box.size:
            return
        cover = r.uniform(0.5, 1)
        slope = np.linspace(r.uniform(0.8, 1.2), r.uniform(0.8, 1.2), box.shape[0])[:, None, None]
        box[:] = box * (1 - cover) + tone * slope * cover
        if r.random() < 0.5:
            box[:: max(3, int(r.integers(3, 14)))] *= r.uniform(0.6, 1.3)
        if r.random() < 0.6:
            edge = tone * r.uniform(0.4, 1.4)
            box[:1], box[-1:], box[:, :1], box[:, -1:] = edge, edge, edge, edge

    def _shelves(self, image: Floats) -> None:
        """Rows of small goods."""
        r = self._random
        height, width = image.shape[:2]
        step = int(r.uniform(10, 26))
        tones = [colour(r, "top") for _ in range(8)]
        for y in range(int(r.uniform(0, 30)), int(height * r.uniform(0.5, 1)), step):
            x = 0
            while x < width:
                w = int(r.uniform(2, 9))
                image[y : y + int(step * r.uniform(0.5, 0.9)), x : x + w] = tones[r.integers(8)] * r.uniform(0.6, 1.1)
                x += w + int(r.uniform(0, 3))


def obstacle(random: np.random.Generator, image: Floats) -> None:
    """Put something in front: a pole, a counter's edge, a box."""
    r = random
    height, width = image.shape[:2]
    tone = rgb(r.random(), r.uniform(0, 0.3), r.uniform(0.1, 0.9)) if r.random() < 0.7 else colour(r, "top")
    pick = r.random()
    if pick < 0.3:
        pole = int(r.integers(0, width))
        image[:, pole : pole + int(r.integers(2, 9))] = tone
    elif pick < 0.7:
        image[int(height * r.uniform(0.6, 0.95)) :] = tone * np.linspace(1, r.uniform(0.7, 1.2), width)[None, :, None]
    else:
        y, x = int(r.integers(int(height * 0.3), height)), int(r.integers(-8, width))
        image[y : y + r.integers(10, 50), max(0, x) : max(0, x + r.integers(8, 30))] = tone
