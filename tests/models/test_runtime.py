"""What runs a network is said as it is, and what cannot run is an error with a cure."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from common.errors import ModelError
from models import runtime
from models.runtime import open_network, tensorrt_options
from tests.models.graphs import mean_embedder

GRAPH = mean_embedder()


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_cuda_driver", lambda: (0, "no NVIDIA driver is installed"))
    runtime._say_cpu.cache_clear()


@pytest.fixture
def broken_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU is there, but onnxruntime falls back to the CPU, as it does without raising."""
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(runtime, "_cuda_driver", lambda: (1, ""))
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda graph, options, providers: real(graph, options, ["CPUExecutionProvider"]),
    )


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_demanded_gpu_that_is_not_there_is_an_error(no_gpu: None, device: str) -> None:
    with pytest.raises(ModelError, match=f"{device} was demanded") as caught:
        open_network(GRAPH, name="net", device=device)  # type: ignore[arg-type]
    assert "device: cpu" in str(caught.value.cure)


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_silent_fallback_to_the_cpu_is_an_error_when_a_gpu_was_demanded(broken_gpu: None, device: str) -> None:
    if runtime._PROVIDER[device] not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime was built without it")
    with pytest.raises(ModelError, match=f"net: {device} was demanded, but onnxruntime runs it on cpu"):
        open_network(GRAPH, name="net", device=device)  # type: ignore[arg-type]


def test_a_provider_that_was_not_built_in_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="was built without it") as caught:
        open_network(GRAPH, device="tensorrt")
    assert "pip install onnxruntime-gpu" in str(caught.value.cure)


def test_auto_without_gpu_runs_on_the_cpu_and_says_so_once(no_gpu: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "models"):
        assert open_network(GRAPH, device="auto").device == "cpu"
        open_network(GRAPH, device="auto")
    assert [record.getMessage() for record in caplog.records] == [
        "No usable GPU (no NVIDIA driver is installed): networks run on the CPU."
    ]


def test_auto_with_a_gpu_that_cannot_be_used_is_loud(broken_gpu: None, caplog: pytest.LogCaptureFixture) -> None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime was built without it")
    with caplog.at_level(logging.WARNING, "models"):
        assert open_network(GRAPH, name="net", device="auto").device == "cpu"
    assert "net: there is a GPU but onnxruntime cannot use it; RUNNING ON THE CPU" in caplog.text


def test_cpu_asked_for_is_silent(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    network = open_network(GRAPH, device="cpu", threads=1, fp16=True)
    assert network.device == "cpu"
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_onnxruntime_s_own_pages_about_a_missing_gpu_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtime, "_cuda_driver", lambda: (1, ""))
    network = open_network(GRAPH, device="auto")
    out = capfd.readouterr()
    if network.device == "cpu":
        assert out.err.strip() == ""


def test_broken_files(tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(GRAPH[: len(GRAPH) // 2])
    with pytest.raises(ModelError, match="cut: is no ONNX graph, or is cut off"):
        open_network(cut, device="cpu")
    cut.write_bytes(b"")
    with pytest.raises(ModelError, match="is empty"):
        open_network(cut, device="cpu")
    with pytest.raises(ModelError, match=r"none\.onnx: No such file"):
        open_network(tmp_path / "none.onnx", device="cpu")
    checkpoint = tmp_path / "net.pt"
    checkpoint.write_bytes(b"PK")
    with pytest.raises(ModelError, match="PyTorch checkpoint") as caught:
        open_network(checkpoint, device="cpu")
    assert caught.value.cure == f"for YOLOv8: edge-agent models export {checkpoint}"
    cut.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match="is no ONNX graph"):
        open_network(cut, device="cpu")


def test_a_network_tells_its_shapes_and_refuses_others() -> None:
    network = open_network(GRAPH, name="net", device="cpu")
    assert str(network.inputs[0]) == "images [?, 3, 256, 128] float32"
    assert len(network.fingerprint) == 16
    with pytest.raises(ModelError, match="net: does not run on cpu"):
        network.run(np.zeros((1, 3, 64, 64), np.float32))


def test_tensorrt_keeps_its_engines(tmp_path: Path) -> None:
    options = tensorrt_options(True, tmp_path / "engines")
    assert options["trt_fp16_enable"] is True
    assert options["trt_engine_cache_path"] == str(tmp_path / "engines")
    assert (tmp_path / "engines").is_dir()
    assert tensorrt_options(False, None) == {"trt_fp16_enable": False}


def test_half_precision_graphs_give_nearly_the_same() -> None:
    """The conversion that a CUDA session uses, run on the CPU."""
    x = np.random.default_rng(0).random((2, 3, 256, 128), np.float32)
    half = runtime._half(GRAPH)
    assert half != GRAPH
    whole, less = (open_network(graph, device="cpu").run(x)[0] for graph in (GRAPH, half))
    assert less.dtype == np.float32
    np.testing.assert_allclose(less, whole, rtol=2e-2, atol=1e-2)


def test_bound_memory_gives_the_same() -> None:
    """What a GPU session does with its tensors, done on the CPU: inputs of changing batch size, outputs not reused."""
    network = open_network(GRAPH, device="cpu")
    random = np.random.default_rng(0)
    feeds = [random.random((n, 3, 256, 128), np.float32) for n in (2, 5, 1, 2)]
    plain = [network.run(feed)[0] for feed in feeds]
    network._binding = network._session.io_binding()
    bound = [network.run(feed)[0] for feed in feeds]
    for a, b in zip(plain, bound, strict=True):
        np.testing.assert_array_equal(a, b)
