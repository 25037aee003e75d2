"""Smaller copies of an embedder: half precision for GPUs, 8 bits for CPUs."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from models.pixels import CONTRACTS, fill

_CALIBRATED_ON: Final = 256  # crops
_AT_A_TIME: Final = 32
_EIGHT_BITS: Final = ("Conv", "Gemm")  # the rest costs little and suffers most


def to_half(data: bytes) -> bytes:
    """An ONNX graph with weights and arithmetic in float16; input and output stay float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load_from_string(data), keep_io_types=True)
    result: bytes = model.SerializeToString(deterministic=True)
    return result


def to_int8(data: bytes, people: Path) -> bytes:
    """An embedder's graph with convolutions in 8 bits.

    Args:
        data: [b, 3, 256, 128] in, RGB with ImageNet's mean and deviation.
        people: folder of generated people, whose pictures give the ranges of values.
    """
    from onnxruntime import quantization as q

    with tempfile.TemporaryDirectory() as scratch:
        source, prepared, target = (Path(scratch) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        source.write_bytes(data)
        logging.getLogger().setLevel(max(logging.getLogger().level, logging.ERROR))
        q.shape_inference.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        q.quantize_static(
            prepared,
            target,
            _reader(people)(),
            quant_format=q.QuantFormat.QDQ,
            op_types_to_quantize=list(_EIGHT_BITS),
            per_channel=True,
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
        )
        model = onnx.load(target)
    known = {entry.key for entry in model.metadata_props}
    for entry in onnx.load_from_string(data).metadata_props:
        if entry.key not in known:
            model.metadata_props.add(key=entry.key, value=entry.value)
    result: bytes = model.SerializeToString(deterministic=True)
    return result


def _reader(people: Path) -> Any:
    """What onnxruntime asks for calibration data."""
    from onnxruntime.quantization import CalibrationDataReader

    # onnxruntime has no types, so its class is Any to mypy.
    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Batches of generated people, as the network gets them."""

        def __init__(self) -> None:
            self._batches = _batches(people)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """The next batch, or None."""
            return next(self._batches, None)

    return Reader


def _batches(people: Path) -> Iterator[dict[str, NDArray[np.float32]]]:
    import cv2

    from models.training.generate import read, ready

    site = read(people, ready(people)[0])
    rows = np.random.default_rng(0).permutation(len(site.pictures))[:_CALIBRATED_ON]
    for start in range(0, len(rows), _AT_A_TIME):
        crops = [cv2.resize(site.pictures[row], (128, 256))[..., ::-1] for row in rows[start : start + _AT_A_TIME]]
        tensor = np.zeros((len(crops), 3, 256, 128), np.float32)
        fill(tensor, [np.ascontiguousarray(crop) for crop in crops], CONTRACTS["rgb_imagenet"])
        yield {"images": tensor}
