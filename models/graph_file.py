"""Reading a graph from disk, whole: PyTorch's newer exporter puts the weights into a second file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from common.errors import ModelError

# The key `location` of a tensor's external_data, as protobuf writes it.
_ELSEWHERE: Final = b"\x0a\x08location"
_CHECKPOINTS: Final = {".pt", ".pth", ".tar"}


def read_graph(path: Path) -> bytes:
    """The bytes of an ONNX file, with weights that stand in a file beside it taken in.

    Raises:
        ModelError: no such file, empty, a checkpoint instead of a graph, or the file with the weights is missing.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}", "see `edge-agent models list` for known names") from error
    if not data:
        raise ModelError(f"{path}: is empty", "get it again")
    if path.suffix in _CHECKPOINTS:
        raise ModelError(
            f"{path}: is a PyTorch checkpoint, not an ONNX graph", f"for YOLOv8: edge-agent models export {path}"
        )
    if _ELSEWHERE not in data:
        return data
    import onnx

    try:
        whole: bytes = onnx.load(path).SerializeToString()
    except Exception as error:  # protobuf, onnx and the file system each have their own
        raise ModelError(
            f"{path}: keeps its weights in another file, which cannot be read: {str(error).splitlines()[0][:200]}",
            "put the file of weights that was written with it into the same folder",
        ) from error
    return whole
