"""What clothes are made of: colours as people wear them, and patterns painted in coordinates of the body."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Kind = Literal["top", "bottom", "shoe", "bag"]

_PLAIN: Final = {"top": 0.66, "bottom": 0.85, "shoe": 0.78, "bag": 0.7}  # share in black, grey, white, navy or beige
_PATTERNS: Final = ("solid", "rings", "stripes", "check", "fade", "block", "blotches", "print", "dots", "yoke")
_SHARES: Final = {
    "top": (0.52, 0.08, 0.03, 0.06, 0.03, 0.06, 0.04, 0.14, 0.02, 0.02),
    "bottom": (0.88, 0.01, 0.01, 0.03, 0.03, 0.02, 0.02, 0, 0, 0),
    "shoe": (0.70, 0.05, 0, 0, 0.10, 0.10, 0.05, 0, 0, 0),
    "bag": (0.70, 0.05, 0.05, 0, 0.05, 0.05, 0.05, 0.05, 0, 0),
}


def rgb(hue: float, saturation: float, value: float) -> Floats:
    """(3,) 0–1."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value), np.float32)


def colour(random: np.random.Generator, kind: Kind) -> Floats:
    """A colour of a piece of clothing, (3,) 0–1; dark and grey ones are by far the most common."""
    if kind == "bottom" and random.random() < 0.34:  # denim
        return rgb(random.uniform(0.57, 0.63), random.uniform(0.2, 0.6), random.uniform(0.15, 0.65))
    if random.random() < _PLAIN[kind]:
        pick = random.random()
        if pick < 0.42:
            return rgb(random.random(), random.uniform(0, 0.2), random.uniform(0.05, 0.18))
        if pick < 0.62:
            return rgb(random.random(), random.uniform(0, 0.08), random.uniform(0.2, 0.6))
        if pick < 0.82:
            return rgb(random.random(), random.uniform(0, 0.07), random.uniform(0.7, 0.95))
        if pick < 0.91:
            return rgb(random.uniform(0.58, 0.68), random.uniform(0.4, 0.8), random.uniform(0.12, 0.35))
        return rgb(random.uniform(0.07, 0.14), random.uniform(0.12, 0.4), random.uniform(0.25, 0.8))
    if random.random() < 0.5:  # half of what is colourful is red or blue
        hue = random.normal(0.98, 0.02) if random.random() < 0.4 else random.uniform(0.54, 0.68)
    else:
        hue = random.random()
    return rgb(hue, 0.2 + 0.7 * random.beta(1.5, 1.5) * (0.6 if kind == "bottom" else 1), random.uniform(0.2, 0.85))


@dataclass(frozen=True, kw_only=True)
class Cloth:
    """A painted cloth: three colours and a pattern with its measures (all along the neutral body, metres)."""

    colours: Floats
    pattern: str
    pitch: float
    duty: float
    phase: float
    level: float
    soft: float
    spot: tuple[float, float, float, float]
    side: int
    waves: Floats
    phases: Floats
    threshold: float
    weave: float

    @property
    def base(self) -> Floats:
        """The colour that most of it has."""
        return np.asarray(self.colours[0], np.float32)


def cloth(random: np.random.Generator, kind: Kind, base: Floats | None = None) -> Cloth:
    """Draw a cloth, of a given colour if `base` is given."""
    shares = np.array(_SHARES[kind])
    first = colour(random, kind) if base is None else base
    return Cloth(
        colours=np.stack([first, colour(random, "top"), colour(random, "top")]),
        pattern=_PATTERNS[random.choice(len(_PATTERNS), p=shares / shares.sum())],
        pitch=random.uniform(12, 60),
        duty=random.uniform(0.2, 0.6),
        phase=random.random(),
        level=random.uniform(0.15, 0.42),
        soft=random.uniform(1, 10),
        spot=(
            random.uniform(-0.05, 0.05),
            random.uniform(0.22, 0.45),
            random.uniform(0.03, 0.13),
            random.uniform(0.02, 0.12),
        ),
        side=int(random.choice([-1, 1, 0], p=[0.55, 0.2, 0.25])),
        waves=(random.normal(size=(4, 3)) * random.uniform(10, 50, (4, 1))).astype(np.float32),
        phases=random.uniform(0, 2 * np.pi, 4).astype(np.float32),
        threshold=random.uniform(-0.8, 0.8),
        weave=random.uniform(0, 0.12) * float(random.random() < 0.6),
    )


def paint(cloth: Cloth, places: Floats) -> Floats:
    """Colours of a cloth.

    Args:
        cloth: the cloth.
        places: (n, 3) on the neutral body, metres.

    Returns:
        (n, 3) 0–1.
    """
    first, second, third = cloth.colours
    result = np.tile(first, (len(places), 1))
    x, y, z = places.T
    if cloth.pattern == "rings":
        result[(z * cloth.pitch + cloth.phase) % 1 < cloth.duty] = second
    elif cloth.pattern == "stripes":
        around = np.arctan2(x, -y - 0.02)
        result[(around * cloth.pitch * 0.15 + cloth.phase) % 1 < cloth.duty * 0.7] = second
    elif cloth.pattern == "check":
        across = (z * cloth.pitch + cloth.phase) % 1 < cloth.duty
        down = (x * cloth.pitch + cloth.phase) % 1 < cloth.duty
        result += (second - first) * (0.5 * across + 0.5 * down)[:, None].astype(np.float32)
    elif cloth.pattern == "fade":
        result += (second - first) * np.clip((z - cloth.level) * cloth.soft + 0.5, 0, 1)[:, None].astype(np.float32)
    elif cloth.pattern == "block":
        result[z < cloth.level] = second
    elif cloth.pattern == "yoke":
        result[z > cloth.level + 0.08] = second
    elif cloth.pattern == "blotches":
        noise = np.sin(places @ cloth.waves.T + cloth.phases).sum(1)
        result[noise > cloth.threshold] = second
        result[noise > cloth.threshold + 1.2] = third
    elif cloth.pattern == "dots":
        result[np.sin(x * cloth.pitch * 6) * np.sin(z * cloth.pitch * 6) > 0.5] = second
    elif cloth.pattern == "print":
        _print(cloth, places, result)
    if cloth.weave:
        result *= (1 + cloth.weave * np.sin(x * 190) * np.sin(z * 170 + y * 100))[:, None]
    return result


def _print(cloth: Cloth, places: Floats, result: Floats) -> None:
    """A print on chest or back, round or square, often with lines of writing."""
    x, y, z = places.T
    left, level, width, height = cloth.spot
    across, down = (x - left) / width, (z - level) / height
    inside = across**2 + down**2 < 1 if cloth.soft < 5 else (abs(across) < 1) & (abs(down) < 1)
    if cloth.side:
        inside &= y * cloth.side > 0
    if cloth.phase < 0.5:
        result[inside] = cloth.colours[2]
    result[inside & ((down * 2.3 + cloth.phase) % 1 < 0.6)] = cloth.colours[1]
