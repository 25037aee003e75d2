"""A dressed person in a pose, seen by a camera: colours and outline, without surroundings."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training import raster
from models.training.bodies import HAIR, SKIRT, Mesh
from models.training.cameras import Camera
from models.training.dressing import Figure
from models.training.painting import colours
from models.training.poses import pose, turn

Floats = NDArray[np.float32]

_FINER = 2  # drawn that much larger, then averaged: soft edges


def render(
    random: np.random.Generator, mesh: Mesh, figure: Figure, camera: Camera, heading: float, height: int, width: int
) -> tuple[Floats, Floats]:
    """Draw somebody, cut out as a person detector would.

    Args:
        random: for pose and crop.
        mesh: that the figure was made from.
        figure: the person.
        camera: where it hangs and what light there is.
        heading: degrees that the person is turned from facing the camera.
        height: of the picture; `width` too.

    Returns:
        (height, width, 3) RGB multiplied by the cover, and (height, width) cover 0–1.
    """
    tall, wide = height * _FINER, width * _FINER
    transforms = raster.chain(pose(random, mesh, figure.outfit), figure.joints, mesh.parents)
    posed = raster.skin(figure.vertices, figure.weights, figure.bones, transforms)
    view: Floats = np.asarray(turn("y", random.normal(0, 2)) @ turn("x", camera.pitch) @ turn("z", heading), np.float32)
    own = posed[figure.body]
    seen = np.asarray((posed - (own.max(0) + own.min(0)) / 2) @ view.T, np.float32)
    depth = seen[:, 1] + camera.distance
    scale = (camera.distance / depth).astype(np.float32)
    x, y = seen[:, 0] * scale, -seen[:, 2] * scale
    left, top, box_width, box_height = _box(random, x[figure.body], y[figure.body])
    screen = np.stack([(x - left) / box_width * wide, (y - top) / box_height * tall, depth], 1).astype(np.float32)
    heights = figure.surface[:, 2]
    face, corners = raster.rasterise(screen, figure.faces, figure.part, heights, *_shown(figure), tall, wide)
    pixels = np.flatnonzero(face.ravel() >= 0)
    values = np.concatenate([figure.surface, raster.normals(seen, figure.faces)], 1)
    at = raster.interpolate(pixels, face, corners, figure.faces, values)
    part = figure.part[face.ravel()[pixels]]
    colour, cloth = colours(mesh, figure.outfit, part, at[:, :5])
    light = _light(random, figure, camera, view, at, cloth, pixels, tall, wide)
    image, cover = np.zeros((tall * wide, 3), np.float32), np.zeros(tall * wide, np.float32)
    image[pixels] = np.sqrt(np.clip(colour**2 * light, 0, 3))  # light adds up before the eye's root
    cover[pixels] = 1
    size = (width, height)
    small = cv2.resize(image.reshape(tall, wide, 3), size, interpolation=cv2.INTER_AREA)
    shrunk = cv2.resize(cover.reshape(tall, wide), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), np.asarray(shrunk, np.float32)


def _box(random: np.random.Generator, x: Floats, y: Floats) -> tuple[float, float, float, float]:
    """Left, top, width and height of a crop as detectors give them: some air, some loss, at times the legs cut off."""
    r = random
    person_height, person_width = float(y.max() - y.min()), float(x.max() - x.min())
    top = float(y.min()) - person_height * r.uniform(-0.03, 0.08)
    bottom = float(y.max()) + person_height * r.uniform(-0.04, 0.08)
    if r.random() < 0.07:
        bottom = float(y.min()) + person_height * r.uniform(0.55, 0.9)
    height = bottom - top
    if r.random() < 0.7:
        width = max(height * r.uniform(0.39, 0.52), person_width * r.uniform(0.92, 1.15))
    else:
        width = max(height * 0.35, person_width * r.uniform(0.95, 1.3))
    centre = (float(x.max()) + float(x.min())) / 2 + width * r.normal(0, 0.04)
    return centre - width / 2, top, width, height


def _shown(figure: Figure) -> tuple[Floats, NDArray[np.bool_]]:
    """Heights between which each part is drawn, and whether it is at all."""
    outfit = figure.outfit
    span = np.array([[-9, 9]] * 6, np.float32)
    shown = np.ones(6, np.bool_)
    span[SKIRT] = outfit.skirt_end, 0.2
    span[HAIR, 0] = outfit.hair_end
    shown[SKIRT] = outfit.skirt or outfit.coat
    shown[HAIR] = outfit.long_hair and outfit.hat != "hood"
    return span, shown


def _light(
    random: np.random.Generator,
    figure: Figure,
    camera: Camera,
    view: Floats,
    at: Floats,
    cloth: NDArray[np.bool_],
    pixels: NDArray[np.int64],
    height: int,
    width: int,
) -> Floats:
    """(n, 3) light on points with places and normals `at` (n, 8): sun, sky, wrinkles, rims, a shadow's edge."""
    r, outfit = random, figure.outfit
    normal = at[:, 5:8] / (np.linalg.norm(at[:, 5:8], axis=1, keepdims=True) + 1e-6)
    normal[normal[:, 1] > 0] *= -1  # cloth has two sides
    depth = np.where(cloth, outfit.wrinkles, 0.05).astype(np.float32)
    for wave in outfit.wrinkle_waves:
        ripple = np.cos(at[:, :3] @ wave + np.float32(r.uniform(0, 2 * math.pi))) * depth * 0.5
        normal += ripple[:, None] * (wave / np.linalg.norm(wave)) @ view.T
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    direct = np.clip(normal @ camera.sun, 0, None)[:, None] * camera.direct * camera.direct_tint
    sky = (camera.ambient * (0.72 + 0.28 * normal[:, 2]))[:, None] * camera.ambient_tint
    light = direct + sky
    if r.random() < 0.1:
        slope = r.normal(size=2)
        shade = (pixels % width / width - 0.5) * slope[0] + (pixels // width / height - 0.5) * slope[1]
        light[shade > r.normal(0, 0.15)] *= r.uniform(0.5, 0.85)
    rim = np.clip((0.35 - abs(normal[:, 1])) / 0.35, 0, 1) * 0.25 * r.random()
    return np.asarray(light * (1 - rim)[:, None], np.float32)
