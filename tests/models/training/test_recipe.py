"""The whole recipe, tiny: people are made, a network learns, is exported and judged. Needs `passage[train]`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from common.errors import ConfigError, ModelError

WHY = "needs the extra passage[train]"
torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("anny", reason=WHY)
pytest.importorskip("numba", reason=WHY)

from edge_agent.train_cli import app  # noqa: E402
from models.export.precision import to_half, to_int8  # noqa: E402
from models.export.reid import export_reid  # noqa: E402
from models.load import load_embedder  # noqa: E402
from models.runtime import open_network  # noqa: E402
from models.training import checkpoint, generate, learn, losses, network, sites  # noqa: E402
from models.training.bodies import BodyModel  # noqa: E402

pytestmark = [
    pytest.mark.timeout(900),  # `anny` and numba take a minute or two the first time
    pytest.mark.filterwarnings("ignore"),  # of packages that are not ours
]


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small sites."""
    folder = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites.make_site, "__defaults__", (10, 3, 2))
        generate.generate(folder, 3, seed=5, takes=2)
    return folder


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    """A network that has seen noise, so that its statistics are its own."""
    torch.manual_seed(0)
    net = network.Network()
    for _ in range(3):
        net(torch.randn(8, 3, 128, 64))
    return checkpoint.arrays(net.state_dict())


def test_the_same_seed_makes_the_same_people() -> None:
    model = BodyModel()
    sums = {
        hashlib.sha256(sites.make_site(model, 5, number, people=2, visits=2, takes=1).pictures.tobytes()).hexdigest()
        for number in (0, 0, 1)
    }
    assert len(sums) == 2


def test_people_look_more_like_themselves_than_like_others(people: Path) -> None:
    """Across cameras: there is something to learn from, and it is not only the cameras."""
    found = []
    for number in generate.ready(people):
        site = generate.read(people, number)
        assert site.pictures.shape == (60, 128, 64, 3)
        crops = [np.ascontiguousarray(picture[..., ::-1]) for picture in site.pictures]
        from models.training.judging import find

        found.append(find(load_embedder("osnet_generated").embed(crops), site.person, site.camera).auc)
    assert 0.9 < np.mean(found) < 1


def test_generating_goes_on_where_it_was_stopped(people: Path, tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in people.iterdir()}
    assert generate.generate(people, 3, seed=5) == 0
    assert {path.name: path.stat().st_mtime_ns for path in people.iterdir()} == before
    with pytest.raises(ConfigError, match="seed 5"):
        generate.generate(people, 3, seed=6)
    with pytest.raises(ConfigError, match="no generated people"):
        generate.contact_sheet(tmp_path, tmp_path / "sheet.png")


def test_the_exported_graph_says_what_the_network_says(weights: dict[str, Any]) -> None:
    net = network.Network()
    net.load_state_dict(checkpoint.tensors(weights))
    net.eval()
    images = torch.randn(3, 3, 256, 128)
    small = torch.nn.functional.avg_pool2d(images, 2)
    with torch.no_grad():
        expected = net(small).numpy()
    plain = open_network(export_reid(weights, "plain", mirrored=False), device="cpu").run(images.numpy())[0]
    np.testing.assert_allclose(plain, expected, atol=1e-4 * np.abs(expected).max())
    mirrored = export_reid(weights, "mirrored", mirrored=True)
    net_of_both = open_network(mirrored, device="cpu")
    np.testing.assert_allclose(
        net_of_both.run(images.numpy())[0] - net_of_both.run(images.flip(3).numpy())[0],
        0,
        atol=0.05 * np.abs(expected).max(),  # the colours' part stays as it is seen
    )
    assert len(mirrored) < 2_000_000


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(ModelError, match=r"stem\.0\.weight"):
        export_reid({"layer.weight": np.zeros((3, 3))}, "x")


def test_it_learns_is_stopped_goes_on_and_is_exported(people: Path, tmp_path: Path) -> None:
    state, settings, curve = tmp_path / "reid.npz", tmp_path / "learn.yaml", tmp_path / "curve.png"
    few = "people: 8\nheld_out: 1\njudge_every: 15\nsteps: 15\n"
    settings.write_text(few + "rate: 0.001\naverage: 0.8\nlately: 64\nlately_from: 0\n")
    first = json.loads(run("learn", "--people", people, "--checkpoint", state, "-c", settings, "--json").stdout)
    assert first["step"] == 15
    options = ("--steps", 45, "--curve", curve, "--json")
    said = run("learn", "--people", people, "--checkpoint", state, "-c", settings, *options).stdout.splitlines()
    assert [json.loads(line)["step"] for line in said] == [30, 45]
    assert json.loads(said[-1])["loss"] < first["loss"]
    assert curve.stat().st_size > 5000
    assert checkpoint.load(state).curve.shape == (3, 6)

    out = tmp_path / "reid.onnx"
    run("export", "--checkpoint", state, "--out", out, "--fp16", "--int8", people)
    exact = load_embedder(str(out), device="cpu")
    assert exact.dimensions == 512
    crops = [np.ascontiguousarray(p[..., ::-1]) for p in generate.read(people, 0).pictures[:16]]
    for kind, close in (("fp16", 0.999), ("int8", 0.9)):
        path = tmp_path / f"reid-{kind}.onnx"
        assert path.stat().st_size < out.stat().st_size
        smaller = load_embedder(str(path), device="cpu").embed(crops)
        assert float(np.einsum("ij,ij->i", smaller, exact.embed(crops)).min()) > close

    assert open_network(out, device="cpu").metadata["trained_on"] == "generated people only"
    result = json.loads(run("evaluate", out, "--people", people, "--json").stdout)
    assert 0 < result["generated"]["mean_precision"] <= 1
    assert "skin dark" in result["generated"]["groups"]


def test_a_site_teaches_it_without_labels(people: Path, tmp_path: Path) -> None:
    """Two people side by side are told apart better afterwards than before, by pictures not learned from."""
    site = generate.read(people, 0)
    own = [site.pictures[site.person == person] for person in (0, 1)]
    video, tracks = tmp_path / "shop.avi", tmp_path / "mot.txt"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 128))
    lines = []
    for frame in range(12):
        image = np.full((128, 160, 3), 90, np.uint8)
        for number, pictures in enumerate(own):
            image[:, 80 * number : 80 * number + 64] = pictures[frame % 3][..., ::-1]
            lines.append(f"{frame + 1},{number + 1},{80 * number},0,64,128,0.9,1,1")
        writer.write(image)
    writer.release()
    tracks.write_text("\n".join(lines))
    trainer = learn.Trainer(learn.LearnSettings(), checkpoint.Checkpoint())
    start, end, settings = tmp_path / "start.npz", tmp_path / "end.npz", tmp_path / "adapt.yaml"
    checkpoint.save(start, trainer.state())
    settings.write_text("steps: 12\npeople: 4\ntracks: 2\naverage: 0.5\n")
    options = ("--people", people, "--out", end, "-c", settings, "--json")
    said = json.loads(
        run("adapt", "--video", video, "--tracks", tracks, "--checkpoint", start, *options).stdout.splitlines()[-1]
    )
    assert (said["tracks"], said["crops"]) == (2, 24)
    likeness = []
    for path in (start, end):
        net = network.Network()
        net.load_state_dict(checkpoint.tensors(checkpoint.load(path).average))
        rows = [learn.embed(net.eval(), pictures[3:]) for pictures in own]
        unit = [row / np.linalg.norm(row, axis=1, keepdims=True) for row in rows]
        likeness.append(float((unit[0] @ unit[1].T).mean()))
    assert likeness[1] < likeness[0] - 0.05


def test_contrast_falls_as_people_come_apart() -> None:
    people = torch.arange(6).repeat_interleave(4)
    apart = torch.eye(6)[people] + 0.01 * torch.randn(24, 6)
    mixed = torch.randn(24, 6)
    near, right = losses.contrast(apart, people)
    assert near < losses.contrast(mixed, people)[0]
    assert right == 1
    lately = losses.Lately(100)
    lately.add(torch.eye(6), torch.arange(6) + 100)  # strangers just like them
    assert losses.contrast(apart, people, lately)[0] > near + 0.5


def test_a_training_needs_more_sites_than_it_holds_out(people: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="generate more"):
        learn.learn(people, tmp_path / "x.npz", learn.LearnSettings(held_out=3))


def test_smaller_files_keep_the_notes(weights: dict[str, Any], people: Path) -> None:
    data = export_reid(weights, "x", notes={"made": "of nobody"})
    for smaller in (to_half(data), to_int8(data, people)):
        assert open_network(smaller, device="cpu").metadata["made"] == "of nobody"


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    with pytest.raises(ModelError, match="is no checkpoint"):
        checkpoint.load(tmp_path / "bad.npz")
