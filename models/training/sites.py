"""Making a site: a few cameras and the people who pass them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.backgrounds import Scene, obstacle
from models.training.bodies import BodyModel, phenotypes
from models.training.cameras import Camera, camera, develop, moment
from models.training.dressing import Figure, dress
from models.training.rendering import render
from models.training.site import HEIGHT, PEOPLE, TAKES, WIDTH, Site
from models.training.wardrobe import Wardrobe

Floats = NDArray[np.float32]

CAMERAS: Final = 4
VISITS: Final = 4  # that each person pays, to random cameras
_BEHIND: Final = 0.4  # share of pictures with others behind; `_BEFORE` with somebody in front, `_COVERED` with a thing
_BEFORE: Final = 0.08
_COVERED: Final = 0.1


def make_site(
    model: BodyModel, seed: int, number: int, people: int = PEOPLE, visits: int = VISITS, takes: int = TAKES
) -> Site:
    """Make one site; the same seed and number give the same pictures."""
    random = np.random.default_rng([seed, number])
    cameras = [camera(random) for _ in range(CAMERAS)]
    scenes = [Scene(each.seed, HEIGHT, WIDTH) for each in cameras]
    builds = phenotypes(random, people)
    bodies, joints = model.bodies(builds)
    wardrobe = Wardrobe(model.mesh, random)
    outfits = [wardrobe.draw(*pair) for pair in zip(builds["gender"], builds["age"], strict=True)]
    figures = [dress(model.mesh, *parts) for parts in zip(outfits, bodies, joints, strict=True)]
    crowd = _Crowd()
    rows: list[tuple[NDArray[np.uint8], int, int, int]] = []
    for visit in range(visits):  # visit by visit, so that others of the site can stand behind
        for person, figure in enumerate(figures):
            place = int(random.integers(CAMERAS))
            here = moment(cameras[place], random)
            heading = random.uniform(0, 360)
            for _ in range(takes):
                heading += random.normal(0, 20)
                picture = _picture(random, model, figure, here, scenes[place], heading, crowd)
                rows.append((picture, person, place, visit * people + person))
    pictures, person_of, camera_of, visit_of = zip(*rows, strict=True)
    dark = [float(outfit.top.base.mean() < 0.3) for outfit in outfits]
    traits = {
        "tone": [outfit.tone for outfit in outfits],
        "feminine": [outfit.feminine for outfit in outfits],
        "weight": builds["weight"],
        "height": builds["height"],
        "age": builds["age"],
        "skirt": [outfit.skirt for outfit in outfits],
        "dark": dark,
        "hat": [bool(outfit.hat) for outfit in outfits],
        "bag": [bool(outfit.carried) for outfit in outfits],
    }
    return Site(
        pictures=np.stack(pictures),
        person=np.array(person_of, np.int16),
        camera=np.array(camera_of, np.int16),
        visit=np.array(visit_of, np.int16),
        traits={key: np.asarray(value, np.float32) for key, value in traits.items()},
    )


class _Crowd:
    """Cut-out people seen lately, to stand behind or before others."""

    def __init__(self, kept: int = 60) -> None:
        self._kept = kept
        self._people: list[tuple[Floats, Floats]] = []

    def join(self, random: np.random.Generator, image: Floats, cover: Floats) -> None:
        if len(self._people) == self._kept:
            self._people.pop(int(random.integers(self._kept)))
        self._people.append((image, cover))

    def __len__(self) -> int:
        return len(self._people)

    def paste(self, random: np.random.Generator, target: Floats, right: float, down: float, size: float = 1) -> None:
        """Put somebody into a picture, moved from its middle by shares of its sides."""
        image, cover = self._people[int(random.integers(len(self._people)))]
        tall, wide = cover.shape
        if size < 1:
            small = max(1, round(size * wide)), max(1, round(size * tall))
            image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.float32)
            cover = np.asarray(cv2.resize(cover, small, interpolation=cv2.INTER_AREA), np.float32)
        height, width = cover.shape
        x, y = round(right * wide + (wide - width) / 2), round(down * tall + (tall - height) / 2)
        to = target[max(0, y) : max(0, height + y), max(0, x) : max(0, width + x)]
        own = slice(max(0, -y), max(0, -y) + to.shape[0]), slice(max(0, -x), max(0, -x) + to.shape[1])
        to[:] = to * (1 - cover[own][..., None]) + image[own]


def _picture(
    random: np.random.Generator,
    model: BodyModel,
    figure: Figure,
    camera: Camera,
    scene: Scene,
    heading: float,
    crowd: _Crowd,
) -> NDArray[np.uint8]:
    r = random
    image, cover = render(r, model.mesh, figure, camera, heading, HEIGHT, WIDTH)
    canvas = scene.cut(r)
    if len(crowd) > 8 and r.random() < _BEHIND:
        for size in np.sort(r.uniform(0.25, 1, r.integers(1, 4))):
            crowd.paste(r, canvas, r.uniform(-0.8, 0.8), r.uniform(-0.3, 0.3), float(size))
    if r.random() < 0.5:  # the feet's shadow
        canvas[int(HEIGHT * r.uniform(0.92, 0.98)) :, int(WIDTH * 0.2) : int(WIDTH * 0.8)] *= r.uniform(0.5, 0.95)
    canvas = canvas * (1 - cover[..., None]) + image
    if len(crowd) > 8 and r.random() < _BEFORE:
        crowd.paste(r, canvas, float(r.choice([-1, 1])) * r.uniform(0.4, 0.85), r.uniform(-0.1, 0.4))
    elif r.random() < _COVERED:
        obstacle(r, canvas)
    crowd.join(r, image, cover)
    return develop(camera, r, canvas.astype(np.float32))
