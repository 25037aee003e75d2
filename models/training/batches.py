"""From pictures on disk to batches: whom to compare, and what light, crop and loss do to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from models.pixels import IMAGENET_MEAN, IMAGENET_STD
from models.training.generate import read
from models.training.site import PEOPLE, Site

TAKES: Final = 4  # pictures of a person in a batch, each of another visit where there are so many

_MUTED: Final = 0.35  # share of batches whose people all wear paler colours than were drawn
_GREY: Final = 0.06  # share of pictures without any colour
_CUT_BESIDE: Final = 0.15  # share of pictures that lose a side, as at the frame's edge
_CUT_BELOW: Final = 0.12  # and that lose the legs

_MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
_DEVIATION = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)


class Sites:
    """Generated people, opened as they are asked for."""

    def __init__(self, folder: Path, numbers: Sequence[int]) -> None:
        self._sites: dict[int, Site] = {}
        self._numbers: list[int] = []
        self.extend(folder, numbers)

    def extend(self, folder: Path, numbers: Sequence[int]) -> None:
        """Open those of `numbers` that are not open yet."""
        for number in numbers:
            if number not in self._sites:
                self._sites[number] = read(folder, number)
        self._numbers = sorted(self._sites)

    def draw(
        self, random: np.random.Generator, people: int, sites: int = 2
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Pictures of some people; those of one site share its cameras, so light and place give nobody away.

        Returns:
            (people · TAKES, h, w, 3) uint8 and (people · TAKES,) who.
        """
        pictures: list[NDArray[np.uint8]] = []
        who: list[int] = []
        for number in random.choice(self._numbers, min(sites, len(self._numbers)), replace=False):
            site = self._sites[int(number)]
            for person in random.choice(int(site.person.max()) + 1, people // sites, replace=False):
                own = np.flatnonzero(site.person == person)
                visits = random.permutation(np.unique(site.visit[own]))
                rows = [int(random.choice(own[site.visit[own] == visit])) for visit in np.resize(visits, TAKES)]
                pictures.append(site.pictures[rows])
                who += [int(number) * 4 * PEOPLE + int(person)] * TAKES
        return np.concatenate(pictures), np.array(who, np.int64)


def tensor(pictures: NDArray[np.uint8]) -> Any:
    """(n, h, w, 3) uint8 → (n, 3, h, w) float32, ImageNet's mean and deviation taken out."""
    return (torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 255 - _MEAN) / _DEVIATION


def vary(pictures: NDArray[np.uint8], generator: torch.Generator) -> Any:
    """As `tensor`, with each picture mirrored, moved, lit, coloured, coarsened or partly covered at random."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    count, _, height, width = x.shape

    def even(*shape: int) -> Any:
        return torch.rand(shape, generator=generator)

    def bell(*shape: int) -> Any:
        return torch.randn(shape, generator=generator)

    # Which part of the picture is shown: nearly all, or what a frame's edge or a counter leaves of a person.
    wide, tall = (1 + 0.08 * bell(count)).clamp(0.82, 1.2), (1 + 0.06 * bell(count)).clamp(0.82, 1.2)
    right, down = 0.06 * bell(count), 0.05 * bell(count)
    cut, kept = even(count), 0.35 + 0.55 * even(count)
    beside, below = cut < _CUT_BESIDE, (cut >= _CUT_BESIDE) & (cut < _CUT_BESIDE + _CUT_BELOW)
    kept = torch.where(below, 0.4 + 0.6 * kept, kept)
    right = torch.where(beside, (1 - kept) * torch.where(even(count) < 0.5, -1.0, 1.0), right)
    down = torch.where(below, kept - 1, down)
    wide, tall = torch.where(beside, kept, wide), torch.where(below, kept, tall)
    place = torch.zeros(count, 2, 3)
    place[:, 0, 0] = wide * torch.where(even(count) < 0.5, -1.0, 1.0)
    place[:, 1, 1], place[:, 0, 2], place[:, 1, 2] = tall, right, down
    grid = functional.affine_grid(place, [count, 3, height, width], align_corners=False)
    x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    coarse = even(count) < 0.3
    if coarse.any():
        scale = 0.3 + 0.45 * float(even(1))
        small = functional.interpolate(x[coarse], scale_factor=scale, mode="area")
        x[coarse] = functional.interpolate(small, (height, width), mode="bilinear", align_corners=False)
    x = _expose(x, even)
    # Lenses blur and cameras sharpen what they show, up to the white rims of cheap ones.
    edges = x - functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    x = x + edges * torch.where(even(count) < 0.5, 0.0, 2 * even(count) - 0.6)[:, None, None, None]
    x = x * (1 + 0.12 * bell(count, 1, 1, 1)) * (1 + 0.045 * bell(count, 3, 1, 1))
    x = x.clamp(1e-3, 1) ** (0.15 * bell(count, 1, 1, 1)).exp()
    # Light from above or from one side.
    down = torch.linspace(-1, 1, height).view(1, 1, -1, 1) * bell(count, 1, 1, 1)
    x = x * (1 + 0.08 * (down + torch.linspace(-1, 1, width) * bell(count, 1, 1, 1))).clamp(0.5, 1.5)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (1 + 0.2 * bell(count, 1, 1, 1)).clamp(0.6, 1.6) + mean + 0.03 * bell(count, 1, 1, 1)
    grey = x.mean(1, keepdim=True)
    colourful = (1 + 0.2 * bell(count, 1, 1, 1)).clamp(0.4, 1.6) * (even(count, 1, 1, 1) >= _GREY)
    if float(even(1)) < _MUTED:
        colourful = colourful * (0.2 + 0.7 * even(1))
    x = grey + (x - grey) * colourful
    x = x + 0.02 * even(count, 1, 1, 1) * bell(count, 1, height, width)
    x = (x.clamp(0, 1) - _MEAN) / _DEVIATION
    _cover(x, even, bell)
    return x


def _expose(x: Any, even: Any) -> Any:
    """Cameras look for light and throw blacks away: on three of five pictures levels are stretched, more or less."""
    count = len(x)
    light = x[:, :, ::4, ::4].mean(1).flatten(1).sort(1).values
    dark, bright = light[:, int(0.03 * light.shape[1])], light[:, int(0.97 * light.shape[1])]
    black, white = 0.14 * even(count) - 0.06, 0.65 + 0.4 * even(count)
    gain = (white - black) / (bright - dark).clamp(min=0.1)
    share = torch.where(even(count) < 0.6, 0.2 + 0.8 * even(count), 0.0)[:, None, None, None]
    stretched = (x - dark[:, None, None, None]) * gain[:, None, None, None] + black[:, None, None, None]
    return (x + share * (stretched - x)).clamp(0, 1)


def _cover(x: Any, even: Any, bell: Any) -> None:
    """Random erasing (Zhong 2017): a patch of one colour on two of five pictures."""
    count, _, height, width = x.shape
    tall, wide = height * (0.1 + 0.35 * even(count)), width * (0.2 + 0.5 * even(count))
    top, left = even(count) * (height - tall), even(count) * (width - wide)
    rows, columns = torch.arange(height)[None, :, None], torch.arange(width)[None, None]
    inside = (rows >= top[:, None, None]) & (rows < (top + tall)[:, None, None])
    inside = inside & (columns >= left[:, None, None]) & (columns < (left + wide)[:, None, None])
    inside = inside & (even(count) < 0.4)[:, None, None]
    x.copy_(torch.where(inside[:, None], 0.7 * bell(count, 3, 1, 1), x))
