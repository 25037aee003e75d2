"""The exported network keeps its contract, whole and in smaller copies. (`test_recipe` compares it with PyTorch's.)"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import ModelError
from models.checks import probe_crops
from models.embedder import Embedder
from models.export import colours
from models.export.graph import Graph
from models.export.precision import to_half, to_int8
from models.export.reid import export_reid
from models.load import load_embedder
from models.runtime import open_network
from tests.models.training.weights import made_up


@pytest.fixture(scope="module")
def graph() -> bytes:
    return export_reid(made_up(), "made_up", mirrored=True, notes={"trained_on": "nobody"})


def open_(data: bytes) -> Embedder:
    return Embedder(open_network(data, device="cpu"))


def test_it_keeps_the_contract(graph: bytes) -> None:
    network = open_network(graph, device="cpu")
    assert network.inputs[0].shape == (None, 3, 256, 128)
    assert network.metadata == {"pixels": "rgb_imagenet", "license": "Apache-2.0", "trained_on": "nobody"}
    assert len(graph) < 2_000_000
    embedder = open_(graph)
    assert embedder.dimensions == 512
    crops = probe_crops()
    np.testing.assert_allclose(embedder.embed(crops), np.concatenate([embedder.embed([c]) for c in crops]), atol=1e-4)


def test_a_crop_and_its_mirror_image_are_nearly_one(graph: bytes) -> None:
    crops = probe_crops()
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    once = open_(export_reid(made_up(), "once"))
    apart = 1 - np.einsum("ij,ij->i", once.embed(crops), once.embed(mirrored)).min()
    both = open_(graph)
    assert 1 - np.einsum("ij,ij->i", both.embed(crops), both.embed(mirrored)).min() < min(0.02, apart)


def test_plain_colours_beside_what_was_learned() -> None:
    """Their cosines add up; turning the learned part and cutting it short changes little."""
    crops = probe_crops()
    learned = open_(export_reid(made_up(), "x")).embed(crops)
    graph = Graph()
    worn = open_(
        graph.finish(
            "worn",
            {"images": ["batch", 3, 256, 128]},
            {"embedding": (colours.describe(graph, "images"), ["batch", colours.DIMENSIONS])},
            {"pixels": "rgb_imagenet"},
        )
    ).embed(crops)
    mixed = open_(export_reid(made_up(), "x", plain=0.5))
    assert mixed.dimensions == 512
    expected = (learned @ learned.T + 0.25 * worn @ worn.T) / 1.25
    rows = mixed.embed(crops)
    np.testing.assert_allclose(rows @ rows.T, expected, atol=0.05)


def test_every_weight_counts() -> None:
    """None is forgotten and none is taken for another: changing one changes the answer."""
    crops = probe_crops()
    exact = open_(export_reid(made_up(), "x")).embed(crops)
    for name in (
        "stem.0.weight",
        "coarse.0.streams.3.2.around.weight",
        "middle.0.shortcut.0.weight",
        "coarse.1.instance.bias",
        "fine.1.gate.widen.weight",
        "strips.1.running_mean",
        "colour_norm.running_var",
        "join_deep.weight",
        "norm.bias",
    ):
        weights = made_up()
        weights[name] = weights[name] * 1.5 + 0.5
        changed = open_(export_reid(weights, "x")).embed(crops)
        assert float(np.einsum("ij,ij->i", changed, exact).min()) < 0.99999, name


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(ModelError, match=r"stem\.0\.weight"):
        export_reid({"layer.weight": np.zeros((3, 3))}, "x")


@pytest.mark.filterwarnings("ignore")  # onnxruntime's quantizer
def test_smaller_copies_keep_answers_and_notes(tmp_path: Path) -> None:
    plain = export_reid(made_up(), "plain", notes={"trained_on": "nobody"})
    crops = probe_crops()
    pictures = np.stack([crop[::2, ::1][:128, :64, ::-1] for crop in crops])
    np.save(tmp_path / "site-00000.npy", pictures)
    numbers = np.arange(len(crops), dtype=np.int16)
    np.savez(tmp_path / "site-00000.npz", person=numbers, camera=numbers, visit=numbers)
    exact = open_(plain).embed(crops)
    for data, close in ((to_half(plain), 0.999), (to_int8(plain, tmp_path), 0.9)):
        assert len(data) < 0.75 * len(plain)
        (tmp_path / "small.onnx").write_bytes(data)
        smaller = load_embedder(str(tmp_path / "small.onnx"), device="cpu")
        assert float(np.einsum("ij,ij->i", smaller.embed(crops), exact).min()) > close
        assert open_network(data, device="cpu").metadata["trained_on"] == "nobody"
