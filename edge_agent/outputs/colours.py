"""Colours that stay with somebody: one for every id, far from its neighbours'."""

from __future__ import annotations

import math
import zlib

Colour = tuple[int, int, int]

_GOLDEN = (math.sqrt(5) - 1) / 2
# Lightness and chroma in OKLCH; alternating levels keep near hues apart.
_LEVELS = ((0.83, 0.15), (0.75, 0.17), (0.90, 0.11))


def colour_of(name: str) -> Colour:
    """The BGR colour of an id such as `G17` or `12`; the same in every run and on every machine."""
    digits = name.lstrip("G#")
    number = int(digits) if digits.isdecimal() else zlib.crc32(name.encode())
    lightness, chroma = _LEVELS[number % len(_LEVELS)]
    return oklch(lightness, chroma, number * _GOLDEN % 1.0)


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """OKLCH → BGR of 0 to 255, cut at the gamut. `hue` in turns. After Ottosson, "A perceptual color space" (2020)."""
    a, b = chroma * math.cos(math.tau * hue), chroma * math.sin(math.tau * hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _byte(blue), _byte(green), _byte(red)


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever is read more easily on `colour` (contrast as WCAG 2.1 defines it)."""
    blue, green, red = (_linear(value / 255) for value in colour)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


def _byte(linear: float) -> int:
    """Linear light → sRGB byte."""
    linear = min(max(linear, 0.0), 1.0)
    encoded = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(encoded * 255)


def _linear(encoded: float) -> float:
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4
