"""onnxruntime sessions: which device really runs a network, and how its tensors get there."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from common.errors import ModelError
from models.graph_file import read_graph

Device = Literal["auto", "cpu", "cuda", "tensorrt"]
Shape = tuple[int | None, ...]
Array = NDArray[Any]

log = logging.getLogger("models")

_PROVIDER: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_DTYPE: Final[dict[str, np.dtype[Any]]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
}
_UNKNOWN: Final[np.dtype[Any]] = np.dtype("V0")
_GPU_CURE: Final = (
    "install NVIDIA's driver, then: pip install 'onnxruntime-gpu[cuda,cudnn]' — or use `device: cpu` (or `auto`)"
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a network. A free dimension of the shape is None."""

    name: str
    shape: Shape
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.name} [{', '.join('?' if d is None else str(d) for d in self.shape)}] {self.dtype}"


class Network:
    """A graph ready to run on the device that it really got.

    Attributes:
        name: for messages.
        fingerprint: first 16 hexadecimal digits of the SHA-256 of the graph's bytes, unless it was given.
        device: `cpu`, `cuda` or `tensorrt`: what onnxruntime says it uses, not what was asked.
        inputs, outputs: as the graph declares them.
        metadata: the graph's own key-value notes.
    """

    def __init__(self, session: ort.InferenceSession, name: str, fingerprint: str) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.device = _device_of(session)
        self.inputs = tuple(_tensor(node) for node in session.get_inputs())
        self.outputs = tuple(_tensor(node) for node in session.get_outputs())
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self._session = session
        self._binding: Any = session.io_binding() if self.device != "cpu" else None
        self._names = [tensor.name for tensor in self.outputs]

    def run(self, feed: Array, outputs: Sequence[str] | None = None) -> list[Array]:
        """Run on one input.

        Args:
            feed: the first input's value, of its dtype.
            outputs: names of the outputs wanted, all when None.

        Returns:
            One array an output.

        Raises:
            ModelError: the graph refuses the input's shape, or the device fails.
        """
        names = list(outputs) if outputs is not None else self._names
        try:
            if self._binding is None:
                return list(self._session.run(names, {self.inputs[0].name: feed}))
            # Bound memory: the copy to the GPU and back happens once, and nothing is staged in between.
            self._binding.clear_binding_inputs()
            self._binding.clear_binding_outputs()
            self._binding.bind_cpu_input(self.inputs[0].name, np.ascontiguousarray(feed))
            for name in names:
                self._binding.bind_output(name)
            self._session.run_with_iobinding(self._binding)
            return list(self._binding.copy_outputs_to_cpu())
        except Exception as error:  # onnxruntime raises a family of unrelated classes
            raise ModelError(f"{self.name}: does not run on {self.device}: {_first_line(error)}") from error


def open_network(
    source: Path | bytes,
    *,
    name: str | None = None,
    device: Device = "auto",
    threads: int = 0,
    fp16: bool = False,
    engine_cache: Path | None = None,
    fingerprint: str | None = None,
) -> Network:
    """Open an ONNX graph.

    Args:
        source: a file, or the graph's bytes.
        name: what messages call it; the file's stem by default.
        device: `auto` takes the GPU when there is one that works and says so when there is none;
            `cuda` and `tensorrt` fail when they cannot be had; TensorRT leaves what it cannot do to CUDA.
        threads: CPU threads for one run, 0 for as many as there are cores.
        fp16: half precision on a GPU; the CPU ignores it.
        engine_cache: folder where TensorRT keeps its built engines; without it they are built at each start.
        fingerprint: instead of the bytes' sum, for graphs built at run time.

    Raises:
        ModelError: missing, truncated or no ONNX file; a demanded device that is not there.
    """
    label = name or (source.stem if isinstance(source, Path) else "graph")
    data = source if isinstance(source, bytes) else read_graph(source)
    wanted = _choose(device)
    providers = _providers(wanted, fp16, engine_cache)
    graph = _half(data) if fp16 and wanted == "cuda" else data
    options = ort.SessionOptions()
    options.log_severity_level = 4
    # A waiting worker that spins takes the core from the capture threads; on a busy box the network itself loses.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads > 0:
        options.intra_op_num_threads = threads
    if wanted != "cpu":
        _preload()
    with _quiet():
        try:
            session = ort.InferenceSession(graph, options, providers=providers)
        except Exception as error:
            if device not in ("auto", "cpu") and "provider" in str(error).lower():
                raise ModelError(f"{label}: cannot run on {device}: {_first_line(error)}", _GPU_CURE) from error
            raise ModelError(
                f"{label}: is no ONNX graph, or is cut off: {_first_line(error)}",
                "look at it with `edge-agent models verify`, or get it again with `edge-agent models pull`",
            ) from error
    got = _device_of(session)
    if device in ("cuda", "tensorrt") and got != device:
        why = _why_no_gpu()
        raise ModelError(f"{label}: {device} was demanded, but onnxruntime runs it on {got}: {why}", _GPU_CURE)
    if device == "auto" and wanted != "cpu" and got == "cpu":
        log.warning(
            "%s: there is a GPU but onnxruntime cannot use it; RUNNING ON THE CPU, much slower. %s", label, _GPU_CURE
        )
    return Network(session, label, fingerprint or hashlib.sha256(data).hexdigest()[:16])


def gpu_count() -> int:
    """How many NVIDIA GPUs the driver shows; 0 when there is no driver."""
    return _cuda_driver()[0]


@functools.cache
def _cuda_driver() -> tuple[int, str]:
    """Number of GPUs, and the reason when there are none."""
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(library)
        except OSError:
            continue
        if (code := driver.cuInit(0)) != 0:
            return 0, f"NVIDIA's driver does not start, error {code}"
        count = ctypes.c_int(0)
        driver.cuDeviceGetCount(ctypes.byref(count))
        return count.value, "" if count.value else "NVIDIA's driver shows no GPU"
    return 0, "no NVIDIA driver is installed"


def _why_no_gpu() -> str:
    count, reason = _cuda_driver()
    return reason if count == 0 else "CUDA's or cuDNN's libraries are missing or of another version"


def _choose(device: Device) -> str:
    """`auto` made definite, before any session is opened."""
    if device == "cpu":
        return "cpu"
    available = ort.get_available_providers()
    if device == "auto":
        if _PROVIDER["cuda"] in available and gpu_count() > 0:
            return "cuda"
        _say_cpu()
        return "cpu"
    if _PROVIDER[device] not in available:
        raise ModelError(
            f"{device} was demanded, but this onnxruntime was built without it (it has {', '.join(available)})",
            "pip install onnxruntime-gpu — or use `device: cpu` (or `auto`)",
        )
    if gpu_count() == 0:
        raise ModelError(f"{device} was demanded, but there is no usable GPU: {_why_no_gpu()}", _GPU_CURE)
    return device


@functools.cache
def _say_cpu() -> None:
    """Once a process: every network after the first would only repeat it."""
    log.warning("No usable GPU (%s): networks run on the CPU.", _why_no_gpu())


def _providers(device: str, fp16: bool, engine_cache: Path | None) -> list[str | tuple[str, dict[str, Any]]]:
    chain: list[str | tuple[str, dict[str, Any]]] = []
    if device == "tensorrt":
        chain.append((_PROVIDER["tensorrt"], tensorrt_options(fp16, engine_cache)))
    if device in ("tensorrt", "cuda"):
        # Exhaustive search would stall each new input shape for seconds.
        chain.append((_PROVIDER["cuda"], {"cudnn_conv_algo_search": "HEURISTIC", "do_copy_in_default_stream": True}))
    return [*chain, _PROVIDER["cpu"]]


def tensorrt_options(fp16: bool, engine_cache: Path | None) -> dict[str, Any]:
    """TensorRT's provider options: half precision, and engines kept between starts."""
    options: dict[str, Any] = {"trt_fp16_enable": fp16}
    if engine_cache is not None:
        engine_cache.mkdir(parents=True, exist_ok=True)
        options |= {
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(engine_cache),
            "trt_timing_cache_enable": True,
            "trt_timing_cache_path": str(engine_cache),
        }
    return options


def _half(data: bytes) -> bytes:
    """The graph in float16 with float32 inputs and outputs; as it was when it cannot be converted."""
    try:
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        converted: bytes = convert_float_to_float16(onnx.load_from_string(data), keep_io_types=True).SerializeToString()
        return converted
    except Exception as error:
        log.warning("half precision is not possible for this graph, float32 is used: %s", _first_line(error))
        return data


def _preload() -> None:
    """Find CUDA's libraries where pip put them."""
    preload = getattr(ort, "preload_dlls", None)
    if preload is not None:
        with _quiet():
            preload()


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime prints pages about a missing GPU straight to stderr; we say it in one line ourselves."""
    ort.set_default_logger_severity(4)
    try:
        yield
    finally:
        ort.set_default_logger_severity(3)


def _device_of(session: ort.InferenceSession) -> str:
    first = session.get_providers()[0]
    return next((device for device, provider in _PROVIDER.items() if provider == first), first)


def _tensor(node: Any) -> Tensor:
    shape = tuple(d if isinstance(d, int) and d > 0 else None for d in node.shape)
    return Tensor(node.name, shape, _DTYPE.get(node.type, _UNKNOWN))


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]
