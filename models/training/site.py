"""A site: labelled pictures of people before a few cameras, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PEOPLE: Final = 48  # of a generated site
TAKES: Final = 3  # pictures of a visit
HEIGHT, WIDTH = 128, 64  # what the network works on


@dataclass(frozen=True, kw_only=True)
class Site:
    """Pictures of one site.

    Attributes:
        pictures: (n, h, w, 3) uint8 RGB.
        person: (n,) int16 number within the site.
        camera: (n,) int16.
        visit: (n,) int16 number within the site: one person before one camera.
        traits: what each person is like, (people,) each: tone 0–5, feminine, weight and height 0–1, skirt, dark top,
            hat, bag.
    """

    pictures: NDArray[np.uint8]
    person: NDArray[np.int16]
    camera: NDArray[np.int16]
    visit: NDArray[np.int16]
    traits: dict[str, NDArray[np.float32]]
