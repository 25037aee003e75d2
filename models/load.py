"""From a name or a path to a network that is ready to use."""

from __future__ import annotations

import logging
from pathlib import Path

from common.errors import ModelError
from models import builtin
from models.catalog import TASKS
from models.checks import check_embedder, honest_pixels
from models.detector import Detector, DetectorSettings
from models.embedder import Embedder
from models.graph_file import read_graph
from models.pixels import CONTRACTS, Pixels
from models.runtime import Device, Network, open_network
from models.store import ModelStore

log = logging.getLogger("models")


def load_detector(
    name_or_path: str,
    *,
    store: ModelStore | None = None,
    device: Device = "auto",
    threads: int = 0,
    fp16: bool = False,
    settings: DetectorSettings | None = None,
) -> Detector:
    """Open a detector.

    Args:
        name_or_path: a name of the catalog, or the path of an ONNX file (anything with a separator or `.onnx`).
        store: where pulled and added files are; the user's own by default.
        device: see `models.runtime.open_network`, as for `threads` and `fp16`.
        settings: what to look for.

    Raises:
        ModelError: not there (the cure says how to get it), broken, no detector, no such device.
        ConfigError: a class that the network does not know.
    """
    path, pixels = _find(name_or_path, store, "detect")
    network = open_network(
        path, name=_label(name_or_path), device=device, threads=threads, fp16=fp16, engine_cache=_engines(store, device)
    )
    return Detector(network, settings, pixels)


def load_embedder(
    name_or_path: str,
    *,
    store: ModelStore | None = None,
    device: Device = "auto",
    threads: int = 0,
    fp16: bool = False,
    pixels: str | None = None,
) -> Embedder:
    """Open an embedder and check it (`models.checks`).

    Args:
        name_or_path: `osnet_generated`, which comes with the package, a name of the catalog, or an ONNX file's path.
        store: where pulled and added files are; the user's own by default.
        device: see `models.runtime.open_network`, as for `threads` and `fp16`.
        pixels: one of `models.pixels.CONTRACTS`, for a file that the catalog does not know.

    Raises:
        ModelError: as for `load_detector`.
    """
    path, bound = _find(name_or_path, store, "embed")
    if pixels:
        bound = CONTRACTS[pixels]
    network = open_network(
        path, name=_label(name_or_path), device=device, threads=threads, fp16=fp16, engine_cache=_engines(store, device)
    )
    return _ready(network, path, bound, fp16)


def check_graph(path: Path, name: str, task: str, pixels: Pixels | None) -> None:
    """Open a file on the CPU as what it is meant to be.

    Raises:
        ModelError: it is no ONNX graph, or one of another kind.
    """
    network = open_network(path, name=name, device="cpu")
    if task == "detect":
        Detector(network, DetectorSettings(classes=()), pixels)
    else:
        _ready(network, path, pixels)


def _ready(network: Network, path: Path, pixels: Pixels | None, half: bool = False) -> Embedder:
    embedder = Embedder(network, pixels)
    embedder.pixels = honest_pixels(network.name, read_graph(path), embedder.pixels)
    return check_embedder(embedder, half)


def _find(name_or_path: str, store: ModelStore | None, task: str) -> tuple[Path, Pixels | None]:
    if name_or_path.endswith(".onnx") or "/" in name_or_path or "\\" in name_or_path:
        return Path(name_or_path).expanduser(), None
    if name_or_path == builtin.NAME:
        if task != "embed":
            raise ModelError(f"{builtin.NAME}: is a person embedder, not an {TASKS[task]}")
        return builtin.path(), CONTRACTS["rgb_imagenet"]
    store = store or ModelStore()
    return store.path(name_or_path, task=task), store.pixels(name_or_path)


def _label(name_or_path: str) -> str:
    return Path(name_or_path).stem if name_or_path.endswith(".onnx") else name_or_path


def _engines(store: ModelStore | None, device: Device) -> Path | None:
    return (store or ModelStore()).root / "engines" if device == "tensorrt" else None
