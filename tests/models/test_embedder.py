"""Embedders of every layout give unit rows, the same alone and in company; the known faults are caught at load."""

from __future__ import annotations

import logging
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ModelError
from models.embedder import Embedder
from models.graph_input import own_normalisation
from models.load import load_embedder
from models.pixels import CONTRACTS, IMAGENET_MEAN, IMAGENET_STD
from models.runtime import open_network
from tests.models.graphs import constant_detector, mean_embedder

RNG = np.random.default_rng(0)
CROPS = [RNG.integers(0, 255, (h, w, 3), np.uint8) for h, w in ((200, 80), (90, 40), (256, 128), (31, 17), (300, 100))]


def saved(tmp_path: Path, graph: bytes) -> str:
    path = tmp_path / "net.onnx"
    path.write_bytes(graph)
    return str(path)


def by_hand(crop: np.ndarray) -> np.ndarray:
    """What `mean_embedder` makes of a crop fed as OSNet's contract says."""
    x = cv2.resize(crop, (128, 256)).astype(np.float64)[:, :, ::-1] / 255
    x = ((x - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)
    blocks = x.reshape(3, 4, 64, 2, 64).mean(axis=(2, 4)).ravel()
    row = blocks @ np.random.default_rng(3).normal(size=(24, 24))
    return row / np.linalg.norm(row)


@pytest.mark.parametrize("batch", ["b", 1, 3])
def test_embeddings_are_those_of_the_contract(batch: int | str, tmp_path: Path) -> None:
    net = load_embedder(saved(tmp_path, mean_embedder((batch, 3, 256, 128))), device="cpu")
    rows = net.embed(CROPS)
    assert rows.shape == (5, net.dimensions) == (5, 24)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(rows, [by_hand(crop) for crop in CROPS], atol=1e-4)
    assert net.embed([]).shape == (0, 24)
    assert net.notice is None


def test_channels_last_is_found_from_the_graph(tmp_path: Path) -> None:
    last = load_embedder(saved(tmp_path, mean_embedder((1, 256, 128, 3))), device="cpu", pixels="rgb_imagenet")
    np.testing.assert_allclose(last.embed(CROPS), [by_hand(crop) for crop in CROPS], atol=1e-4)
    guessed = load_embedder(saved(tmp_path, mean_embedder((1, 256, 128, 3))), device="cpu")
    assert guessed.pixels == CONTRACTS["bgr_bytes"]


def test_more_crops_than_a_batch_keep_their_order(tmp_path: Path) -> None:
    net = load_embedder(saved(tmp_path, mean_embedder()), device="cpu")
    many = CROPS * 15
    np.testing.assert_allclose(net.embed(many), np.concatenate([net.embed([crop]) for crop in many]), atol=1e-5)


def test_a_graph_that_only_tells_a_crop_from_its_batch_is_refused(tmp_path: Path) -> None:
    """Alone, a crop minus its batch's mean is nothing."""
    with pytest.raises(ModelError, match="the same to every picture"):
        load_embedder(saved(tmp_path, mean_embedder(drift=True)), device="cpu")


def test_batch_drift_is_noticed_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Drifting(Embedder):
        def _run(self, crops):  # type: ignore[no-untyped-def]
            rows = super()._run(crops)
            return rows + (0.5 * np.roll(rows, 1, axis=0) if len(rows) > 1 else 0)

    from models.checks import check_embedder

    net = Drifting(open_network(mean_embedder(), name="odd", device="cpu"))
    wrong = net.embed(CROPS)
    with caplog.at_level(logging.WARNING):
        check_embedder(net)
    assert "odd: a crop in a batch gets another embedding than alone" in caplog.text
    assert net.batch == 1
    np.testing.assert_allclose(net.embed(CROPS), [by_hand(crop) for crop in CROPS], atol=1e-4)
    assert np.abs(wrong - net.embed(CROPS)).max() > 0.01


@pytest.mark.parametrize(
    ("fault", "says"), [({"same": True}, "the same to every picture"), ({"nan": True}, "NaN or infinity")]
)
def test_useless_networks_are_refused(fault: dict[str, bool], says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=says):
        load_embedder(saved(tmp_path, mean_embedder(**fault)), device="cpu")


BYTES_OWN = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
UNIT_OWN = (IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize("own", [BYTES_OWN, UNIT_OWN])
def test_a_graph_that_normalises_itself_is_not_fed_normalised_pixels(
    own: tuple[list[float], list[float]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        net = load_embedder(saved(tmp_path, mean_embedder(own=own)), device="cpu")
    assert "normalises its input itself" in caplog.text
    np.testing.assert_allclose(net.embed(CROPS), [by_hand(crop) for crop in CROPS], atol=1e-4)


def test_what_a_graph_does_by_itself_is_read_from_it() -> None:
    assert own_normalisation(mean_embedder()) is None
    found = own_normalisation(mean_embedder(("b", 256, 128, 3), own=BYTES_OWN))
    assert found is not None
    assert found.wants_bytes
    np.testing.assert_allclose(found.gain, 1 / np.asarray(BYTES_OWN[1]))
    np.testing.assert_allclose(found.offset, -np.asarray(BYTES_OWN[0]) / BYTES_OWN[1])


def test_graphs_that_are_no_embedders(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net: is no embedder: its input is images \[\?, 3, 64, 96\].*expected"):
        load_embedder(
            saved(tmp_path, constant_detector(np.zeros((7, 126), np.float32), ("b", 3, 64, 96))), device="cpu"
        )
    with pytest.raises(ModelError, match=r"is no embedder: it answers \[1, 7, 126\].*expected"):
        load_embedder(
            saved(tmp_path, constant_detector(np.zeros((7, 126), np.float32), ("b", 3, 96, 64))), device="cpu"
        )


def test_the_first_crowd_takes_no_memory_that_was_not_there_before(tmp_path: Path) -> None:
    net = load_embedder(saved(tmp_path, mean_embedder(("b", 3, 256, 128))), device="cpu")
    net.warm_up()
    tracemalloc.start()
    net.embed(20 * CROPS)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20  # one crop as floats is a third of that
