"""Clothes as colour: what every visible point of a dressed person is coloured like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.training.bodies import BAG, BODY, BUN, HAIR, PEAK, SKIRT, Mesh
from models.training.cloth import paint
from models.training.dressing import hair_line, hat_line, hood_line
from models.training.wardrobe import Outfit

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def colours(mesh: Mesh, outfit: Outfit, part: NDArray[np.int32], surface: Floats) -> tuple[Floats, Mask]:
    """Paint points.

    Args:
        mesh: the mesh that the person was made from.
        outfit: what they wear.
        part: (n,) what each point belongs to: `BODY`, `SKIRT`, …
        surface: (n, 5) as in `Figure`.

    Returns:
        (n, 3) colours 0–1, and (n,) whether it is cloth, which wrinkles.
    """
    result = np.tile(outfit.skin, (len(part), 1))
    cloth = np.zeros(len(part), np.bool_)
    head = (surface[:, 4] > 0.5) & (part == BODY)
    arm = surface[:, 3] > 0.02
    body = (part == BODY) & ~head
    _legs(mesh, outfit, surface, body & ~arm, result, cloth)
    _top(mesh, outfit, surface, body, result, cloth)
    _neck(mesh, outfit, surface, body & ~arm, result)
    _head(mesh, outfit, surface, head, result)
    _skirt(outfit, surface, part == SKIRT, result, cloth)
    strands = part == HAIR
    result[strands] = outfit.hair * (1 + 0.12 * np.sin(surface[strands, 0] * 130))[:, None]
    bag = part == BAG
    result[bag] = paint(outfit.bag, surface[bag, :3])
    result[part == PEAK] = outfit.hat_colour
    result[part == BUN] = outfit.hair
    _straps(mesh, outfit, surface, body & ~arm, result)
    return np.clip(result, 0, 1), cloth | bag


def _legs(mesh: Mesh, outfit: Outfit, surface: Floats, trunk: Mask, result: Floats, cloth: Mask) -> None:
    x, y, z = surface[:, :3].T
    hip, knee = mesh.height_of("upperleg01.L"), mesh.height_of("lowerleg01.L")
    legs = trunk & (z < hip + 0.16)
    if outfit.skirt:
        seat = legs & (z > hip - 0.05)
        result[seat] = paint(outfit.bottom, surface[seat, :3])
        if outfit.tights is not None:
            result[legs] = outfit.tights
            cloth |= legs
    else:
        covered = legs & (z > outfit.leg_end)
        result[covered] = paint(outfit.bottom, surface[covered, :3])
        cloth |= covered
        if outfit.faded:
            worn = np.exp(-(((z - knee - 0.2) / 0.13) ** 2)) * (y < 0) * outfit.faded * covered
            result += (np.minimum(1, result * 1.6 + 0.12) - result) * worn[:, None]
        if outfit.side_stripe is not None:
            result[covered & (abs(y) < 0.02) & (abs(x) > 0.15)] = outfit.side_stripe
    result[legs & (z < outfit.sock_top)] = outfit.sock
    if not outfit.sandals:
        shoe = legs & (z < outfit.shoe_top)
        result[shoe] = paint(outfit.shoe, surface[shoe, :3])
        result[legs & (z < mesh.template[:, 2].min() + 0.025)] = outfit.sole


def _top(mesh: Mesh, outfit: Outfit, surface: Floats, body: Mask, result: Floats, cloth: Mask) -> None:
    x, y, z, arm = surface[:, :4].T
    hip, neck = mesh.height_of("upperleg01.L"), mesh.height_of("neck01")
    arms, hem = arm > 0.02, hip + outfit.hem
    edge = np.where(y < 0, neck - 0.03 - outfit.neck_round, neck + 0.01)
    beside = np.maximum(0, abs(x) - 0.05 - 0.5 * outfit.neck_round) * 3  # shoulders are covered up to the neck
    worn = body & np.where(arms, arm < outfit.sleeve, (z > hem) & (z < edge + beside))
    if outfit.neck_v:
        worn &= ~((y < 0) & ~arms & (abs(x) < (z - edge + outfit.neck_v) * 0.5))
    result[worn] = paint(outfit.top, surface[worn, :3])
    cloth |= worn
    if outfit.sleeve_colour is not None:
        result[worn & (arm > (0.02 if outfit.raglan else 0.25))] = outfit.sleeve_colour
    front = worn & ~arms & (y < 0)
    if outfit.open_front:
        inner = front & (abs(x) < outfit.open_front)
        result[inner] = paint(outfit.inner, surface[inner, :3])
    elif outfit.zipper is not None:
        result[front & (abs(x) < 0.008)] = outfit.zipper
    if outfit.hem_band is not None:
        result[worn & np.where(arms, arm > outfit.sleeve - 0.12, z < hem + 0.04)] = outfit.hem_band
    if outfit.belt is not None:
        result[body & ~arms & (abs(z - hem + 0.01) < 0.013)] = outfit.belt


def _neck(mesh: Mesh, outfit: Outfit, surface: Floats, trunk: Mask, result: Floats) -> None:
    x, y, z = surface[:, :3].T
    level = z - mesh.height_of("neck01")
    if outfit.collar:
        result[trunk & (level > -0.05) & (level < 0.035) & ~((y < 0) & (abs(x) < 0.02))] = outfit.top.base * 0.9
    if outfit.hood_down:
        result[trunk & (y > 0) & (abs(x) < 0.09) & (level > -0.09) & (level < 0.06)] = outfit.top.base * 0.8
    if outfit.scarf is not None:
        result[trunk & (level > -0.03) & (level < 0.06) & (abs(x) < 0.12)] = outfit.scarf


def _head(mesh: Mesh, outfit: Outfit, surface: Floats, head: Mask, result: Floats) -> None:
    places = surface[:, :3]
    x, y, z = places.T
    base = mesh.height_of("head")
    if not outfit.bald:
        hair = head & (hair_line(places, base) > outfit.hairline)
        result[hair] = outfit.hair * (1 + 0.12 * np.sin(x[hair] * 160))[:, None]
    if outfit.beard:
        beard = head & (y < -0.05) & (z < base + 0.035)
        result[beard] = result[beard] * 0.35 + outfit.hair * 0.65
    eyes = head & (y < -0.11) & (abs(z - base - 0.075) < 0.008) & (abs(x) > 0.015) & (abs(x) < 0.05)
    result[eyes] *= 0.35
    if outfit.mask:
        result[head & (y < -0.09) & (z < base + 0.06)] = (0.8, 0.88, 0.92)
    if outfit.hat == "hood":
        result[head & (hood_line(places, base) > 0)] = outfit.top.base
    elif outfit.hat:
        result[head & (hat_line(places, base) > (0.075 if outfit.hat == "cap" else 0.06))] = outfit.hat_colour


def _skirt(outfit: Outfit, surface: Floats, skirt: Mask, result: Floats, cloth: Mask) -> None:
    """The skirt's mesh is also the lower half of a dress or a coat."""
    if not skirt.any():
        return
    result[skirt] = paint(outfit.top if outfit.coat or outfit.dress else outfit.bottom, surface[skirt, :3])
    cloth |= skirt
    if outfit.coat and outfit.open_front:
        x, y, z = surface[:, :3].T
        gap = skirt & (y < 0) & (abs(x) < outfit.open_front * 0.8 + (0.15 - z) * 0.06)
        result[gap] = paint(outfit.bottom, surface[gap, :3]) * 0.8


def _straps(mesh: Mesh, outfit: Outfit, surface: Floats, trunk: Mask, result: Floats) -> None:
    x, y, z = surface[:, :3].T
    colour = outfit.bag.base * 0.85
    if outfit.carried == "backpack":
        result[trunk & (abs(abs(x) - 0.085) < outfit.strap) & (z > 0.27) & ((y < 0) | (z > 0.5))] = colour
    elif outfit.carried == "shoulder bag":
        across = abs(-x * outfit.bag_side - (z - 0.33) * 0.45) < outfit.strap * 0.8
        result[trunk & across & (z > mesh.height_of("upperleg01.L"))] = colour
