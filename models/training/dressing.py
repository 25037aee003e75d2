"""Clothes as shape: a body's surface pushed out where cloth hangs, and bags, peaks and buns added to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training import raster
from models.training.bodies import BAG, BODY, BUN, PEAK, SKIRT, Mesh
from models.training.wardrobe import Outfit

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A dressed person in rest, ready to be posed.

    Attributes:
        vertices: (v, 3) metres.
        joints: (b, 3) heads of the bones.
        faces, part, weights, bones: as in `Mesh`, with what was added.
        surface: (v, 5) place on the neutral body, arm and head as in `Mesh`: what painting goes by.
        body: (v,) bool, the body proper: what a person's box is drawn round.
    """

    outfit: Outfit
    vertices: Floats
    joints: Floats
    faces: NDArray[np.int32]
    part: NDArray[np.int32]
    weights: Floats
    bones: NDArray[np.int32]
    surface: Floats
    body: NDArray[np.bool_]


def hair_line(places: Floats, base: float) -> Floats:
    """How far above the hairline places on the head lie; `base` is the height of the head's bone."""
    return np.asarray((places[:, 2] - base - 0.02) * 0.75 + (places[:, 1] + 0.06) * 0.9 - 0.055, np.float32)


def hat_line(places: Floats, base: float) -> Floats:
    """How far above the rim of a cap places on the head lie."""
    return np.asarray((places[:, 2] - base - 0.02) + (places[:, 1] + 0.06) * 0.35, np.float32)


def hood_line(places: Floats, base: float) -> Floats:
    """How far inside a hood places on the head lie."""
    return np.asarray((places[:, 2] - base - 0.02) * 0.5 + (places[:, 1] + 0.06) - 0.035, np.float32)


def dress(mesh: Mesh, outfit: Outfit, body: Floats, joints: Floats) -> Figure:
    """Put clothes on a rest body (v, 3) with its joints (b, 3)."""
    closed = mesh.faces[mesh.part == BODY]
    vertices = body + raster.normals(body, closed) * _offsets(mesh, outfit)[:, None]
    if outfit.skirt or outfit.coat:
        _flare(mesh, outfit, vertices, joints)
    added = _Added(mesh)
    _carry(added, mesh, outfit, vertices, joints)
    _on_head(added, mesh, outfit, vertices)
    surface = np.concatenate([mesh.template, mesh.arm[:, None], mesh.head[:, None]], 1)
    return added.figure(outfit, vertices.astype(np.float32), joints, surface.astype(np.float32))


def _offsets(mesh: Mesh, outfit: Outfit) -> Floats:
    """(v,) metres that cloth and hair stand off the skin."""
    z, off = mesh.template[:, 2], np.zeros(len(mesh.template), np.float32)
    hip, ankle = mesh.height_of("upperleg01.L"), mesh.height_of("foot.L")
    neck, base = mesh.height_of("neck01"), mesh.height_of("head")
    chest, sleeve, thigh, shin = outfit.loose
    trunk = ~mesh.head & (mesh.arm < 0.02)
    torso, legs = trunk & (z > hip - 0.02), trunk & (z <= hip - 0.02)
    waist = np.exp(-(((z[torso] - hip - 0.17) / 0.1) ** 2))  # where cloth falls past the body
    beside = np.clip(abs(mesh.template[torso, 0]) / 0.1 - 0.6, 0, 1)  # shoulders carry the cloth
    chests = (chest + 0.015 * waist) * np.clip((neck - 0.01 - z[torso]) / 0.12, 0, 1)
    off[torso] = np.maximum(chests, 0.6 * sleeve * beside)
    arms = (mesh.arm >= 0.02) & (mesh.arm < min(outfit.sleeve, 2.0))
    off[arms] = sleeve * np.clip(0.6 + mesh.arm[arms], 0, 1)
    if not outfit.skirt:
        along = np.clip((hip - z) / (hip - ankle), 0, 1)
        covered = legs & (z > outfit.leg_end)
        off[covered] = (thigh * (1 - along) + shin * along)[covered]
    below = legs & (z > hip + outfit.hem * 0.6)
    off[below] = np.maximum(off[below], chest * 0.9)
    shoes = legs & (z < outfit.shoe_top)
    off[shoes] = np.maximum(off[shoes], 0.010)
    head = mesh.head & mesh.skin
    if outfit.hat == "hood":
        off[mesh.head & (hood_line(mesh.template, base) > 0)] = 0.03
    elif outfit.hat:
        off[head & (hat_line(mesh.template, base) > 0.075)] = 0.02
    elif not outfit.bald:
        off[head & (hair_line(mesh.template, base) > outfit.hairline)] = outfit.hair_volume * 1.3
    return off


def _flare(mesh: Mesh, outfit: Outfit, vertices: Floats, joints: Floats) -> None:
    """Make the skirt wide or narrow, growing downwards."""
    own = np.unique(mesh.faces[mesh.part == SKIRT])
    cone = vertices[own]
    low = np.clip((cone[:, 2].max() - cone[:, 2]) / 0.25, 0, 1)
    centre = np.array([0, joints[mesh.bone("root"), 1]], np.float32)
    out = cone[:, :2] - centre
    wide = np.maximum(1 + (outfit.flare - 0.75) * low * 0.55, 0.72)
    outward = out / np.linalg.norm(out, axis=1, keepdims=True)
    vertices[own, :2] = centre + out * wide[:, None] + outward * outfit.loose[0] * 0.9


def _carry(added: _Added, mesh: Mesh, outfit: Outfit, vertices: Floats, joints: Floats) -> None:
    width, depth, height = outfit.bag_size
    x, z = mesh.template[:, 0], mesh.template[:, 2]
    torso = ~mesh.head & (mesh.arm < 0.02) & mesh.skin
    if outfit.carried == "backpack":
        back = vertices[torso & (abs(x) < 0.08) & (z > 0.25) & (z < 0.5), 1].max()
        level = joints[mesh.bone("neck01"), 2] - 0.06 - height
        added.put(np.array([0, back + depth * 0.75, level]), outfit.bag_size, "spine02", BAG)
    elif outfit.carried == "shoulder bag":
        hips = torso & (abs(z - mesh.height_of("upperleg01.L") - 0.03) < 0.06)
        aside = abs(vertices[hips, 0]).max() + width * 0.9
        root = joints[mesh.bone("root")]
        place = np.array([outfit.bag_side * aside, root[1] + 0.02, root[2] - 0.03 - height * 0.3])
        added.put(place, outfit.bag_size, "root", BAG)
    elif outfit.carried == "hand bag":
        side = "L" if outfit.bag_side > 0 else "R"
        wrist, elbow = joints[mesh.bone(f"wrist.{side}")], joints[mesh.bone(f"lowerarm01.{side}")]
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        across = np.cross(-along, [1, 0, 0])
        across /= np.linalg.norm(across)
        frame = np.stack([np.cross(across, -along), across, -along], 1)  # it hangs when the arm hangs
        added.put(wrist + along * (0.1 + height * 1.2), outfit.bag_size, f"lowerarm02.{side}", BAG, frame)


def _on_head(added: _Added, mesh: Mesh, outfit: Outfit, vertices: Floats) -> None:
    head = vertices[mesh.head & mesh.skin]
    top = head[:, 2].max()
    if outfit.hat == "cap":
        added.put(np.array([0, head[:, 1].min() - 0.02, top - 0.085]), (0.075, 0.07, 0.012), "head", PEAK)
    elif outfit.bun:
        added.put(np.array([0, head[:, 1].max() + 0.015, top - 0.07]), (0.045, 0.045, 0.045), "head", BUN)


class _Added:
    """Blobs hung on bones."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._vertices: list[Floats] = []
        self._bones: list[int] = []
        self._parts: list[int] = []

    def put(
        self, place: Floats, size: tuple[float, float, float], bone: str, part: int, frame: Floats | None = None
    ) -> None:
        shape = _BLOB * np.array(size, np.float32)
        self._vertices.append((shape @ frame.T if frame is not None else shape) + place)
        self._bones.append(self._mesh.bone(bone))
        self._parts.append(part)

    def figure(self, outfit: Outfit, vertices: Floats, joints: Floats, surface: Floats) -> Figure:
        mesh, start = self._mesh, len(vertices)
        extra = np.zeros((len(_BLOB), surface.shape[1]), np.float32)
        extra[:, :3] = _BLOB * 0.12 + [0, 0, 0.3]  # cloth is painted on it as on a body of that size
        rigid = np.tile(np.array([1, 0, 0, 0], np.float32), (len(_BLOB), 1))
        numbers = range(len(self._parts))
        return Figure(
            outfit=outfit,
            vertices=np.concatenate([vertices, *self._vertices]).astype(np.float32),
            joints=joints,
            faces=np.concatenate([mesh.faces, *(_BLOB_FACES + start + i * len(_BLOB) for i in numbers)]),
            part=np.concatenate([mesh.part, *(np.full(len(_BLOB_FACES), p, np.int32) for p in self._parts)]),
            weights=np.concatenate([mesh.weights, *(rigid for _ in numbers)]),
            bones=np.concatenate([mesh.bones, *(np.full((len(_BLOB), 4), b, np.int32) for b in self._bones)]),
            surface=np.concatenate([surface, *(extra for _ in numbers)]),
            body=np.concatenate([mesh.skin, np.zeros(len(_BLOB) * len(self._parts), np.bool_)]),
        )


def _blob(around: int = 10, down: int = 8, square: float = 0.5) -> tuple[Floats, NDArray[np.int32]]:
    """A superellipsoid between ball and box, each side 2 long."""

    def power(wave: Floats) -> Floats:
        return np.asarray(np.sign(wave) * np.abs(wave) ** square, np.float32)

    u = np.linspace(-np.pi, np.pi, around, endpoint=False)[None]
    v = np.linspace(-np.pi / 2, np.pi / 2, down)[:, None]
    x, y = power(np.cos(v)) * power(np.cos(u)), power(np.cos(v)) * power(np.sin(u))
    points = np.stack([x, y, np.broadcast_to(power(np.sin(v)), x.shape)], 2).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(down - 1), np.arange(around), indexing="ij")
    a, b = (i * around + j).ravel(), (i * around + (j + 1) % around).ravel()
    faces = np.concatenate([np.stack([a, b, b + around], 1), np.stack([a, b + around, a + around], 1)])
    return points.astype(np.float32), faces.astype(np.int32)


_BLOB, _BLOB_FACES = _blob()
