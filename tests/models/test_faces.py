from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import ModelError
from models.faces import DETECTOR, EMBEDDER, FaceDetector, FaceEmbedder, Faces, load_faces
from models.store import ModelStore


def faces(*eyes: tuple[float, float]) -> Faces:
    """Faces by (pixels between the eyes, share of them by which the nose is off the middle)."""
    n = len(eyes)
    points = np.zeros((n, 5, 2), np.float32)
    for k, (apart, aside) in enumerate(eyes):
        points[k] = [(0, 0), (apart, 0), (apart * (0.5 + aside), apart / 2), (0, apart), (apart, apart)]
    return Faces(np.zeros((n, 4), np.float32), points, np.ones(n, np.float32))


def test_a_large_face_that_looks_at_the_camera_tells_most() -> None:
    large, small, tiny, aside, away = faces((40, 0), (12, 0), (5, 0), (40, 0.3), (40, 1.2)).quality()
    assert large == 1
    assert tiny == 0
    assert away == 0
    assert 0 < small < large
    assert 0.5 < aside < large


def test_a_face_that_lies_on_its_side_is_seen_as_straight_as_an_upright_one() -> None:
    upright = faces((30, 0.2))
    turned = Faces(upright.xyxy, upright.points[..., ::-1].copy(), upright.score)
    assert turned.quality() == pytest.approx(upright.quality())


def test_faces_of_a_part_are_moved_to_where_they_are_in_the_whole() -> None:
    part = faces((40, 0))
    whole = part.moved(100, 50)
    assert whole.xyxy[0].tolist() == [100, 50, 100, 50]
    assert (whole.points - part.points == [100, 50]).all()


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected shape \(1, 5, 2\)"):
        Faces(np.zeros((1, 4), np.float32), np.zeros((1, 3, 2), np.float32), np.zeros(1, np.float32))


def test_without_weights_the_cure_is_the_command_that_gets_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        load_faces(ModelStore(tmp_path))
    assert "models pull yunet" in str(refused.value.cure)


@pytest.mark.parametrize("kind", [FaceDetector, FaceEmbedder])
def test_a_file_that_is_no_network_is_said_to_be_none(tmp_path: Path, kind: type) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"broken\.onnx: OpenCV cannot use it"):
        kind(broken)


@pytest.mark.skipif(not all(ModelStore().stored(name) for name in (DETECTOR, EMBEDDER)),
                    reason="needs `edge-agent models pull yunet sface`")
def test_the_real_networks_open_and_see_nobody_in_noise() -> None:
    reader = load_faces()
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert len(reader.find(noise)) == 0
    drawn = Faces(np.array([[90, 60, 190, 180]], np.float32),
                  np.array([[[120, 105], [160, 105], [140, 130], [125, 150], [155, 150]]], np.float32),
                  np.ones(1, np.float32))
    (row,) = reader.embed(noise, drawn)
    assert row.shape == (reader.dimensions,)
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)
    assert len(reader.fingerprint) == 16
