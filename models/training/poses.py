"""How people hold themselves: walking and standing, as turns of the bones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.training.bodies import Mesh
from models.training.wardrobe import Outfit

Floats = NDArray[np.float32]


def turn(axis: str, degrees: float) -> Floats:
    """(3, 3) rotation about x, y or z."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(rows[axis], np.float32)


def _about(axis: Floats, degrees: float) -> Floats:
    """(3, 3) rotation about any unit axis (Rodrigues)."""
    angle = math.radians(degrees)
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], np.float32)
    return (np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross).astype(np.float32)


def pose(random: np.random.Generator, mesh: Mesh, outfit: Outfit) -> Floats:
    """Turns of all bones, (b, 3, 3): four of five people walk, a few hold a phone, point or hide a hand."""
    r = random
    result = np.tile(np.eye(3, dtype=np.float32), (len(mesh.names), 1, 1))

    def put(name: str, rotation: NDArray[np.floating]) -> None:
        result[mesh.bone(name)] = rotation

    walking = r.random() < 0.82
    swing = (r.uniform(10, 32) if walking else r.uniform(0, 7)) * outfit.stride
    phase = r.uniform(0, 2 * np.pi)
    bag_arm = outfit.bag_side if outfit.carried == "hand bag" else 0
    for side, sign, p in (("L", 1, phase), ("R", -1, phase + np.pi)):
        thigh = -swing * math.sin(p) + r.normal(0, 2)
        knee = 3 + r.uniform(0.6, 1.8) * swing * max(0.0, math.cos(p)) + max(0.0, -swing * 0.2 * math.sin(p))
        put(
            f"upperleg01.{side}",
            turn("x", thigh) @ turn("y", sign * r.normal(6, 2.5)) @ turn("z", sign * r.normal(4, 5)),
        )
        put(f"lowerleg01.{side}", turn("x", knee))
        put(f"foot.{side}", turn("x", -0.25 * knee - 0.4 * thigh + r.normal(0, 4)))
        down = r.normal(37, 4) if r.random() < 0.92 else r.uniform(15, 30)
        forward = swing * 0.8 * math.sin(p) * r.uniform(0.3, 1.2) + r.normal(0, 5)
        elbow, act = 4 + 46 * r.beta(1.3, 2.5), r.random()
        curl = r.uniform(10, 55)
        if sign == bag_arm:
            elbow, forward, down = r.uniform(4, 20), forward * 0.4, r.uniform(26, 36)
        elif act < 0.05:  # a phone
            elbow, forward = r.uniform(80, 130), forward - r.uniform(0, 15)
        elif act < 0.13:  # hands in pockets
            elbow, forward, down = r.uniform(40, 65), r.uniform(8, 22), r.uniform(28, 36)
        elif act < 0.14:
            forward -= r.uniform(30, 80)
        lowered = turn("y", sign * down)
        put(f"upperarm01.{side}", turn("x", forward) @ lowered)
        hinge = lowered.T @ (turn("z", sign * r.uniform(0, 40)) @ np.array([1, 0, 0], np.float32))
        put(f"lowerarm01.{side}", _about(hinge, -elbow + 45))  # the rest pose bends the elbow by 45 degrees
        for finger in range(2, 6):
            for phalanx in range(1, 4):
                put(f"finger{finger}-{phalanx}.{side}", turn("x", curl))
    twist = swing * 0.25 * math.sin(phase) * r.uniform(0.2, 1)
    put("spine04", turn("x", r.normal(3, 4)) @ turn("z", twist) @ turn("y", r.normal(0, 2.5)))
    put("spine02", turn("z", twist + r.normal(0, 4)) @ turn("x", r.normal(1, 3)))
    put("neck01", turn("z", r.normal(0, 13)) @ turn("x", r.normal(3, 6)))
    put("head", turn("z", r.normal(0, 13)) @ turn("x", r.normal(1, 7)))
    return result
