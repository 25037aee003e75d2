"""`aggregator evaluate reid` over small made data sets."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from aggregator.evaluate.reid import search_market1501, search_mars, search_visits
from aggregator.evaluate.reid_cli import reid
from common.errors import ConfigError, SourceError
from models.load import load_embedder
from tests.support.reid import write_market, write_mars


def nothing(done: int, total: int) -> None:
    assert done <= total


def run(data: str, capsys: pytest.CaptureFixture[str], picture: Path | None = None, embedding: str | None = None
        ) -> dict[str, dict[str, float]]:
    reid(data, embedder="osnet_generated", embedding=embedding, images=4, rerank=True, device="cpu", picture=picture,
         as_json=True)
    found: dict[str, dict[str, float]] = json.loads(capsys.readouterr().out)
    return found


def test_people_of_other_colours_are_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    root = write_market(tmp_path / "market", range(2, 12))
    found = run(f"market1501:{root}", capsys, tmp_path / "curve.png")
    assert found["gallery"] == 10 * 3 * 4 + 3  # junk is not in it
    assert found["cosine"]["queries"] == 30
    assert found["cosine"]["rank_1"] > 0.8
    assert found["reranked"]["mAP"] > 0.6
    image = cv2.imread(str(tmp_path / "curve.png"))
    assert image is not None
    assert image.std() > 5


def test_tracklets_are_the_mean_of_some_of_their_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_mars(tmp_path / "mars", range(1, 7))
    found = run(f"mars:{root}", capsys)
    assert found["gallery"] == 6 * 3 * 2 + 1
    assert found["cosine"]["queries"] == 18
    assert found["cosine"]["rank_1"] > 0.8
    done: list[tuple[int, int]] = []
    embedder = load_embedder("osnet_generated", device="cpu")
    search = search_mars(root, embedder, lambda a, b: done.append((a, b)), images=2)
    assert done[-1] == (2 * 36 + 1, 2 * 36 + 1)
    np.testing.assert_allclose(np.linalg.norm(search.rows, axis=1), 1, atol=1e-5)


def test_visits_are_searched_for_among_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(20), 3)
    rows = rng.normal(size=(20, 16))[person] + rng.normal(0, 0.3, (60, 16))
    columns = {"camera": np.array(["a", "b", "c"] * 20), "start": np.arange(60.0), "end": np.arange(60.0) + 1,
               "embedding_x": rows.astype(np.float16)}
    np.savez(tmp_path / "v.npz", identity=person, **columns)
    found = run(str(tmp_path / "v.npz"), capsys)
    assert found["cosine"]["queries"] == 60
    assert found["cosine"]["rank_1"] > 0.9
    np.savez(tmp_path / "blind.npz", **columns)
    with pytest.raises(ConfigError, match="identity"):
        search_visits(tmp_path / "blind.npz", None)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which layout"):
        reid(str(tmp_path), device="cpu")
    with pytest.raises(SourceError, match=r"query: there is no such folder"):
        search_market1501(tmp_path, load_embedder("osnet_generated", device="cpu"), nothing)
    root = write_market(tmp_path / "market", [2, 3])
    broken = next((root / "query").iterdir())
    broken.write_bytes(b"no picture")
    with pytest.raises(SourceError, match=broken.name):
        search_market1501(root, load_embedder("osnet_generated", device="cpu"), nothing)
