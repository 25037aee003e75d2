"""Embeddings are kept turned by a secret: the site works as before, and its store compares with nobody else's."""

from __future__ import annotations

import stat

import numpy as np
import pytest
from typer.testing import CliRunner

from aggregator.cli import app
from aggregator.engine import Bus, Engine, EngineSettings
from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.privacy.rekey_cli import check_key
from aggregator.privacy.turn import Turn, new_key, read_key
from aggregator.store import StoreReader, columns, open_store
from common.errors import ConfigError
from tests.aggregator.corrections.rig import FACE_MODEL, MODEL, Rig, look, walks

RANDOM = np.random.default_rng(1)


def unit(count: int, dimensions: int) -> np.ndarray:
    rows = RANDOM.normal(size=(count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("dimensions", [1, 2, 64, 512])
def test_cosines_stay_and_nothing_else_does(dimensions):
    rows, turn = unit(20, dimensions), Turn(bytes(range(32)))
    turned = turn.rows(rows, MODEL)
    np.testing.assert_allclose(turned @ turned.T, rows @ rows.T, atol=2e-6)
    np.testing.assert_allclose(turn.back(turned, MODEL), rows, atol=2e-6)
    if dimensions >= 64:
        assert np.abs((turned * rows).sum(axis=1)).mean() < 3 / np.sqrt(dimensions)
        other = Turn(bytes(32)).rows(rows, MODEL)
        assert np.abs((turned * other).sum(axis=1)).mean() < 3 / np.sqrt(dimensions), "no other deployment's fits"
        again = turn.rows(rows, "f" * 16)
        assert np.abs((turned * again).sum(axis=1)).mean() < 3 / np.sqrt(dimensions), "nor another network's"


def test_the_rotation_follows_from_the_secret_for_ever():
    """Numbers that were written down: a store must be readable by later releases and on other machines."""
    matrix = Turn(bytes(range(32))).matrix(MODEL, 3)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(matrix, EXPECTED, atol=1e-6)


def test_a_key_file_is_its_owners_and_never_shown(tmp_path):
    path = tmp_path / "embeddings.key"
    turn = new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path).id == turn.id
    assert turn.id in repr(turn)
    secret = next(line for line in path.read_text().splitlines() if line.startswith("embeddings")).split()[1]
    assert secret not in repr(turn)
    with pytest.raises(ConfigError, match="already there"):
        new_key(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        read_key(path)


def site(folder, turn: Turn | None) -> Rig:
    rig = Rig(folder)
    check_key(rig.store, turn, "test")
    rig.engine = Engine(rig.store, lambda after: Linker(LinkingSettings(), None, IdAllocator(after)), rig.messages,
                        lambda agent, message: None, rig.clock,
                        EngineSettings(gather_s=0.0, resolve_every_s=3600.0), Bus(), turn=turn)
    return rig


def bytes_of(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.suffix != ".key")


def test_who_is_who_stays_and_what_came_is_not_in_the_files(tmp_path):
    parts = walks(people=6)
    found = []
    for name, turn in (("plain", None), ("turned", Turn(bytes(range(32))))):
        (tmp_path / name).mkdir()
        with site(tmp_path / name, turn) as rig:
            rig.send(parts)
            found.append(rig.identities())
            query = look(1, 0.0, 0)
            assert rig.engine.indexer.wait(10)
            near = rig.engine.history.search(turn.rows(query, MODEL) if turn else query, MODEL, 3)
            found.append([visit for visit, _, _ in near])
    assert found[0] == found[2]
    assert found[1] == found[3]
    came = [columns.embedding_blob(part.mean) for part in parts if part.final]
    came += [columns.embedding_blob(part.face.mean) for part in parts if part.final and part.face]
    assert all(blob in bytes_of(tmp_path / "plain") for blob in came)
    assert not any(blob in bytes_of(tmp_path / "turned") for blob in came)


def test_another_key_turns_the_store_and_leaves_nothing_of_the_old(tmp_path):
    data, keys = tmp_path / "data", [tmp_path / "one.key", tmp_path / "two.key"]
    old = new_key(keys[0])
    with site(data, old) as rig:
        rig.send(walks(people=6))
        before = rig.identities()
    with StoreReader(data) as reader:
        looks = {visit: reader.embeddings(visit) for visit in before}
        blobs = [row[0] for row in reader.rows("SELECT mean FROM visits UNION SELECT embedding FROM exemplars "
                                            "UNION SELECT mean FROM faces")]
        faces = {visit: reader.face(visit) for visit in before}
        assert any(faces.values())
    assert all(blob in bytes_of(data) for blob in blobs)
    result = CliRunner().invoke(app, ["rekey", "--old", str(keys[0]), "--new", str(keys[1]), "--data", str(data)])
    assert result.exit_code == 0, result.output
    assert not any(blob in bytes_of(data) for blob in blobs)
    new = read_key(keys[1])
    with StoreReader(data) as reader:
        for visit, was in looks.items():
            now = reader.embeddings(visit)
            np.testing.assert_allclose(now.mean, new.rows(old.back(was.mean, MODEL), MODEL), atol=2e-3)
            np.testing.assert_allclose(now.exemplars, new.rows(old.back(was.exemplars, MODEL), MODEL), atol=2e-3)
            if one := faces[visit]:
                turned = new.rows(old.back(one.mean, FACE_MODEL), FACE_MODEL)
                np.testing.assert_allclose(reader.face(visit).mean, turned, atol=2e-3)
    with open_store(data) as store:
        check_key(store, new, "embedding_key")
        for wrong in (old, None):
            with pytest.raises(ConfigError, match="are turned by"):
                check_key(store, wrong, "embedding_key")
    with site(data, new) as rig:
        assert rig.identities() == before


def test_a_wrong_old_key_changes_nothing(tmp_path):
    data = tmp_path / "data"
    with site(data, None) as rig:
        rig.send(walks(people=3, rounds=1))
    new_key(tmp_path / "other.key")
    before = bytes_of(data)
    result = CliRunner().invoke(app, ["rekey", "--old", str(tmp_path / "other.key"), "--new", str(tmp_path / "n.key"),
                                      "--data", str(data)])
    assert isinstance(result.exception, ConfigError)
    assert not (tmp_path / "n.key").exists()
    assert len(bytes_of(data)) == len(before)


EXPECTED = np.array([
    [0.2065654, 0.5001882, 0.8409176],
    [-0.5812031, -0.6286640, 0.5167055],
    [0.7871047, -0.5954774, 0.1608507]])
