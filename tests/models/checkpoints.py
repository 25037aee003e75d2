"""Writes PyTorch checkpoints without PyTorch: a small YOLOv8, and pickles that mean harm."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

BLOCKS = "ultralytics.nn.modules.block"
CONV = "ultralytics.nn.modules.conv"
_PLACES = {
    "DetectionModel": "ultralytics.nn.tasks",
    "Conv": CONV,
    "Concat": CONV,
    "C2f": BLOCKS,
    "SPPF": BLOCKS,
    "Bottleneck": BLOCKS,
    "DFL": BLOCKS,
    "Detect": "ultralytics.nn.modules.head",
    "Sequential": "torch.nn.modules.container",
    "ModuleList": "torch.nn.modules.container",
    "Conv2d": "torch.nn.modules.conv",
    "BatchNorm2d": "torch.nn.modules.batchnorm",
    "SiLU": "torch.nn.modules.activation",
    "MaxPool2d": "torch.nn.modules.pooling",
    "Upsample": "torch.nn.modules.upsampling",
    "HalfStorage": "torch",
    "FloatStorage": "torch",
    "_rebuild_tensor_v2": "torch._utils",
}


class Tensor:
    """Pickles as torch pickles a tensor."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = np.ascontiguousarray(value)


class _Writer(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, classes: dict[str, type]) -> None:
        super().__init__(stream, protocol=2)
        self.classes = classes
        self.numbers: list[bytes] = []

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            self.numbers.append(value.tobytes())
            kind = "HalfStorage" if value.dtype == np.float16 else "FloatStorage"
            return "storage", self.classes[kind], str(len(self.numbers) - 1), "cpu", value.size
        return None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            array = value.value
            strides = tuple(s // array.itemsize for s in array.strides)
            return self.classes["_rebuild_tensor_v2"], (array, 0, array.shape, strides, False, OrderedDict())
        return NotImplemented


@contextmanager
def _torch_names() -> Iterator[dict[str, Any]]:
    """Empty classes under the names that a real checkpoint uses, importable while it is written."""
    made: dict[str, Any] = {}
    before = dict(sys.modules)
    try:
        for name, place in _PLACES.items():
            for k in range(place.count(".") + 1):
                part = ".".join(place.split(".")[: k + 1])
                sys.modules.setdefault(part, types.ModuleType(part))
            made[name] = type(name, (), {"__module__": place, "__qualname__": name})
            setattr(sys.modules[place], name, made[name])
        yield made
    finally:
        for part in set(sys.modules) - set(before):
            del sys.modules[part]


def write_zip(path: Path, pickled: bytes, numbers: list[bytes] = (), prefix: str = "model") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{prefix}/data.pkl", pickled)
        archive.writestr(f"{prefix}/byteorder", "little")
        for k, data in enumerate(numbers):
            archive.writestr(f"{prefix}/data/{k}", data)
    return path


class TinyYolo:
    """A YOLOv8 of few channels with random weights, as a tree of dictionaries that can be written and computed."""

    def __init__(self, seed: int = 0, width: int = 8, classes: int = 3, dtype: type = np.float16) -> None:
        self.random, self.dtype, self.classes = np.random.default_rng(seed), dtype, classes
        w = [width, width * 2, width * 3, width * 4, width * 5]
        self.layers = [
            self.conv(3, w[0], 3, 2),
            self.conv(w[0], w[1], 3, 2),
            self.c2f(w[1], w[1], 1, True),
            self.conv(w[1], w[2], 3, 2),
            self.c2f(w[2], w[2], 2, True),
            self.conv(w[2], w[3], 3, 2),
            self.c2f(w[3], w[3], 2, True),
            self.conv(w[3], w[4], 3, 2),
            self.c2f(w[4], w[4], 1, True),
            self.sppf(w[4], w[4]),
            self.plain("Upsample", scale_factor=2.0, mode="nearest"),
            self.plain("Concat", f=[-1, 6], d=1),
            self.c2f(w[4] + w[3], w[3], 1, False),
            self.plain("Upsample", scale_factor=2.0, mode="nearest"),
            self.plain("Concat", f=[-1, 4], d=1),
            self.c2f(w[3] + w[2], w[2], 1, False),
            self.conv(w[2], w[2], 3, 2),
            self.plain("Concat", f=[-1, 12], d=1),
            self.c2f(w[2] + w[3], w[3], 1, False),
            self.conv(w[3], w[3], 3, 2),
            self.plain("Concat", f=[-1, 9], d=1),
            self.c2f(w[3] + w[4], w[4], 1, False),
            self.detect((w[2], w[3], w[4])),
        ]
        for layer in self.layers:
            layer["state"].setdefault("f", -1)

    def plain(self, kind: str, modules: dict[str, Any] | None = None, **state: Any) -> dict[str, Any]:
        return {"kind": kind, "modules": modules or {}, "parameters": {}, "buffers": {}, "state": state}

    def number(self, *shape: int, scale: float = 1.0, around: float = 0.0) -> np.ndarray:
        return (around + scale * self.random.normal(size=shape)).astype(self.dtype)

    def conv2d(self, a: int, b: int, k: int, s: int, bias: bool = False) -> dict[str, Any]:
        node = self.plain("Conv2d", stride=(s, s), padding=(k // 2, k // 2), dilation=(1, 1), groups=1)
        node["parameters"] = {"weight": self.number(b, a, k, k, scale=1.4 / np.sqrt(a * k * k)), "bias": None}
        if bias:
            node["parameters"]["bias"] = self.number(b)
        return node

    def conv(self, a: int, b: int, k: int, s: int) -> dict[str, Any]:
        normal = self.plain("BatchNorm2d", eps=0.001)
        normal["parameters"] = {"weight": self.number(b, scale=0.2, around=1), "bias": self.number(b, scale=0.2)}
        normal["buffers"] = {
            "running_mean": self.number(b, scale=0.2),
            "running_var": np.abs(self.number(b, scale=0.2, around=1)),
        }
        return self.plain("Conv", {"conv": self.conv2d(a, b, k, s), "bn": normal, "act": self.plain("SiLU")})

    def c2f(self, a: int, b: int, n: int, add: bool) -> dict[str, Any]:
        half = b // 2
        steps = {
            str(i): self.plain(
                "Bottleneck", {"cv1": self.conv(half, half, 3, 1), "cv2": self.conv(half, half, 3, 1)}, add=add
            )
            for i in range(n)
        }
        return self.plain(
            "C2f",
            {
                "cv1": self.conv(a, 2 * half, 1, 1),
                "cv2": self.conv((2 + n) * half, b, 1, 1),
                "m": self.plain("ModuleList", steps),
            },
            c=half,
        )

    def sppf(self, a: int, b: int) -> dict[str, Any]:
        return self.plain(
            "SPPF",
            {
                "cv1": self.conv(a, a // 2, 1, 1),
                "cv2": self.conv(a // 2 * 4, b, 1, 1),
                "m": self.plain("MaxPool2d", kernel_size=5, stride=1, padding=2),
            },
        )

    def detect(self, channels: tuple[int, ...]) -> dict[str, Any]:
        def branch(out: int) -> dict[str, Any]:
            return self.plain(
                "ModuleList",
                {
                    str(k): self.plain(
                        "Sequential",
                        {
                            "0": self.conv(c, 8, 3, 1),
                            "1": self.conv(8, 8, 3, 1),
                            "2": self.conv2d(8, out, 1, 1, bias=True),
                        },
                    )
                    for k, c in enumerate(channels)
                },
            )

        stride = Tensor(np.asarray([8, 16, 32], np.float32))
        return self.plain(
            "Detect",
            {"cv2": branch(64), "cv3": branch(self.classes), "dfl": self.plain("DFL")},
            f=[15, 18, 21],
            nc=self.classes,
            reg_max=16,
            stride=stride,
        )

    def write(self, path: Path) -> Path:
        with _torch_names() as classes:

            def build(node: dict[str, Any]) -> Any:
                value = classes[node["kind"]]()
                tensors = [
                    {k: None if v is None else Tensor(v) for k, v in node[group].items()}
                    for group in ("parameters", "buffers")
                ]
                value.__dict__.update(
                    _modules=OrderedDict((k, build(v)) for k, v in node["modules"].items()),
                    _parameters=OrderedDict(tensors[0]),
                    _buffers=OrderedDict(tensors[1]),
                    training=False,
                    **node["state"],
                )
                return value

            root = self.plain(
                "DetectionModel",
                {"model": self.plain("Sequential", {str(k): layer for k, layer in enumerate(self.layers)})},
                names={k: f"thing{k}" for k in range(self.classes)},
            )
            stream = io.BytesIO()
            writer = _Writer(stream, classes)
            writer.dump({"epoch": -1, "model": build(root), "ema": None, "train_args": {"imgsz": 640}})
        return write_zip(path, stream.getvalue(), writer.numbers)
