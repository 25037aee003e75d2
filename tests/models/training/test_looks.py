"""Generated people look as people do: covered to the neck, hands down, faces free of hair. Needs `passage[train]`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

WHY = "needs the extra passage[train]"
pytest.importorskip("torch", reason=WHY)
pytest.importorskip("anny", reason=WHY)
pytest.importorskip("numba", reason=WHY)

from models.training import raster  # noqa: E402
from models.training.bodies import BODY, HAIR, BodyModel, Mesh  # noqa: E402
from models.training.painting import colours  # noqa: E402
from models.training.poses import pose  # noqa: E402
from models.training.wardrobe import Outfit, Wardrobe  # noqa: E402

pytestmark = [
    pytest.mark.timeout(900),  # `anny` takes a minute the first time
    pytest.mark.filterwarnings("ignore"),  # of packages that are not ours
]


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return BodyModel().mesh


@pytest.fixture(scope="module")
def outfits(mesh: Mesh) -> list[Outfit]:
    random = np.random.default_rng(0)
    return [Wardrobe(mesh, random).draw(random.random(), random.uniform(0.4, 1)) for _ in range(200)]


def test_shoulders_are_covered(mesh: Mesh, outfits: list[Outfit]) -> None:
    """Whoever wears sleeves shows no skin beside the straps of a neckline."""
    x, z = abs(mesh.template[:, 0]), mesh.template[:, 2]
    near = (mesh.arm < 0.02) & (z > mesh.height_of("shoulder01.L") - 0.03) & (x > 0.1)
    shoulders = mesh.skin & ~mesh.head & near
    surface = np.concatenate([mesh.template, mesh.arm[:, None], mesh.head[:, None]], 1)[shoulders].astype(np.float32)
    part = np.full(len(surface), BODY, np.int32)
    sleeved = [outfit for outfit in outfits if outfit.sleeve > 0.4]
    covered = [colours(mesh, outfit, part, surface)[1].mean() for outfit in sleeved]
    assert len(sleeved) > 150
    assert np.mean(covered) > 0.98


def test_few_hold_a_hand_up(mesh: Mesh, outfits: list[Outfit]) -> None:
    random = np.random.default_rng(1)
    chest = mesh.height_of("spine02")
    up = [_wrist(mesh, pose(random, mesh, outfit), side) > chest for outfit in outfits for side in "LR"]
    assert 0 < np.mean(up) < 0.08


def _wrist(mesh: Mesh, rotations: Any, side: str) -> float:
    transforms = raster.chain(rotations, mesh.joints, mesh.parents)
    bone = mesh.bone(f"wrist.{side}")
    return float((transforms[bone][:, :3] @ mesh.joints[bone] + transforms[bone][:, 3])[2])


def test_no_hair_hangs_before_the_face(mesh: Mesh) -> None:
    middle = mesh.template[mesh.faces[mesh.part == HAIR]].mean(1)
    face = mesh.template[mesh.head & mesh.skin]
    x, y, z = middle.T
    before = (abs(x) < 0.05) & (y < face[:, 1].min() / 2) & (z > face[:, 2].min()) & (z < 0.78)
    assert not before.any()
