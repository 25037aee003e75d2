"""Reading a PyTorch checkpoint without torch, and without trusting it.

A checkpoint is a zip that holds `data.pkl`, a pickle, and one file of raw numbers for each tensor storage. A pickle is
a program: it may name any function of the machine and have it called. Here every name that it asks for is looked up in
a short list of harmless replacements of our own; whatever else it names becomes an inert `Stub` that remembers its
arguments and does nothing. No module is ever imported and no foreign function is ever called.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError

_MAX_PICKLE_BYTES: Final = 64 << 20
_MAX_TENSOR_BYTES: Final = 4 << 30

_STORAGES: Final = {
    "HalfStorage": np.dtype("<f2"),
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


class Stub:
    """What stands for every class and function that a checkpoint names: it keeps what it is given and does nothing.

    Attributes:
        kind: the full name that it stands for, such as `torch.nn.modules.conv.Conv2d`.
        arguments: what it was made or called with.
        state: what it was set to afterwards; for a `torch.nn.Module` its attributes.
    """

    kind = "?"

    def __new__(cls, *arguments: Any, **_: Any) -> Stub:
        """Made like anything, from anything."""
        stub = super().__new__(cls)
        stub.arguments = arguments
        stub.state = {}
        return stub

    def __init__(self, *_: Any, **__: Any) -> None:
        self.arguments: tuple[Any, ...]
        self.state: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {"state": state}

    def __setitem__(self, key: Any, value: Any) -> None:
        self.state[f"[{key!r}]"] = value

    def append(self, value: Any) -> None:
        """The pickle's APPEND."""

    def extend(self, values: Any) -> None:
        """The pickle's APPENDS."""

    def add(self, value: Any) -> None:
        """The pickle's ADDITEMS."""

    def __call__(self, *_: Any, **__: Any) -> Stub:
        """Called with anything, it does nothing."""
        return self

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self.kind}>"


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A part of a network as a checkpoint describes it.

    Attributes:
        kind: class name without its module, such as `Conv2d`.
        path: where it stands, such as `model.0.conv`.
        children: parts by name, in order.
        tensors: parameters and buffers by name.
        attributes: everything else.
    """

    kind: str
    path: str
    children: dict[str, Module]
    tensors: dict[str, NDArray[Any]]
    attributes: dict[str, Any]

    def __getitem__(self, name: str | int) -> Module:
        try:
            return self.children[str(name)]
        except KeyError:
            raise ModelError(f"{self.path or 'the network'} ({self.kind}) has no part '{name}'") from None

    def __iter__(self) -> Iterator[Module]:
        return iter(self.children.values())

    def __len__(self) -> int:
        return len(self.children)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor as float32.

        Raises:
            ModelError: there is none of this name.
        """
        if name not in self.tensors:
            raise ModelError(f"{self.path} ({self.kind}) has no tensor '{name}'")
        return np.asarray(self.tensors[name], np.float32)


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: np.dtype[Any]
    key: str
    count: int


class _Reader(pickle.Unpickler):
    """An unpickler that imports nothing."""

    def __init__(self, data: bytes, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self._archive = archive
        self._prefix = prefix
        self._loaded: dict[str, NDArray[Any]] = {}
        self._allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "Size"): _size,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            **{(module, "set"): _set for module in ("builtins", "__builtin__")},
        }

    def find_class(self, module: str, name: str) -> Any:
        """The replacement for a name: one of ours, or a stub. Never the thing itself."""
        allowed = self._allowed.get((module, name))
        if allowed is not None:
            return allowed
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        return type("Stub", (Stub,), {"kind": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage: ("storage", type, key, device, count)."""
        match pid:
            case ("storage", np.dtype() as dtype, str() as key, _, int() as count) if count >= 0:
                return _Storage(dtype, key, count)
        raise pickle.UnpicklingError(f"unknown kind of tensor storage: {pid!r:.100}")

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> NDArray[Any]:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        numbers = self._numbers(storage)
        shape, steps = tuple(int(n) for n in size), tuple(int(n) for n in stride)
        offset = int(offset)
        if len(shape) != len(steps) or min((offset, *shape, *steps), default=0) < 0:
            raise pickle.UnpicklingError(f"a tensor of impossible shape {shape}, stride {steps}")
        if 0 in shape:
            return np.zeros(shape, storage.dtype)
        last = offset + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
        if last >= len(numbers) or math.prod(shape) > len(numbers):  # a step of 0 would repeat numbers without end
            raise pickle.UnpicklingError(f"a tensor of shape {shape} reaches beyond its {len(numbers)} numbers")
        width = storage.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(numbers[offset:], shape, [step * width for step in steps])
        return view.copy()

    def _numbers(self, storage: _Storage) -> NDArray[Any]:
        if storage.key not in self._loaded:
            try:
                entry = self._archive.getinfo(f"{self._prefix}data/{storage.key}")
            except KeyError:
                raise pickle.UnpicklingError(f"the numbers of tensor {storage.key!r:.40} are missing") from None
            if entry.file_size > _MAX_TENSOR_BYTES or entry.file_size < storage.count * storage.dtype.itemsize:
                expected = f"{storage.count} {storage.dtype}"
                raise pickle.UnpicklingError(f"tensor {storage.key!r:.40}: {entry.file_size} bytes for {expected}")
            data = self._archive.read(entry)
            self._loaded[storage.key] = np.frombuffer(data, storage.dtype, storage.count)
        return self._loaded[storage.key]


def read_checkpoint(path: Path) -> Any:
    """The object that a checkpoint holds: mappings, lists, numbers, arrays and stubs.

    Raises:
        ModelError: missing, truncated, no zip, or a pickle that cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            index = [name for name in archive.namelist() if name.split("/", 1)[-1] == "data.pkl"]
            if not index:
                raise ModelError(
                    f"{path}: is a zip, but no PyTorch checkpoint (no data.pkl in it)",
                    "give a .pt file saved by PyTorch 1.6 or newer",
                )
            prefix = index[0].removesuffix("data.pkl")
            order = f"{prefix}byteorder"
            if order in archive.namelist() and archive.read(order).strip() == b"big":
                raise ModelError(f"{path}: was written on a big-endian machine, which we do not read")
            if archive.getinfo(index[0]).file_size > _MAX_PICKLE_BYTES:
                raise ModelError(f"{path}: its data.pkl is larger than {_MAX_PICKLE_BYTES >> 20} MiB")
            return _Reader(archive.read(index[0]), archive, prefix).load()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        raise ModelError(
            f"{path}: is no PyTorch checkpoint, or is cut off ({error})", "get the file again and compare its sum"
        ) from error
    except ModelError:
        raise
    except Exception as error:  # a broken pickle raises almost anything
        raise ModelError(
            f"{path}: its pickle cannot be read: {type(error).__name__}: {str(error)[:200]}",
            "only checkpoints of plain tensors and modules can be read",
        ) from error


def module_tree(root: Any, path: str = "") -> Module:
    """A pickled `torch.nn.Module` as plain values.

    Raises:
        ModelError: it is none.
    """
    if not isinstance(root, Stub) or not isinstance(root.state.get("_modules"), dict):
        raise ModelError(f"{path or 'the checkpoint'}: expected a network, found {root!r:.80}")
    state = root.state
    tensors: dict[str, NDArray[Any]] = {}
    for group in ("_parameters", "_buffers"):
        values = state.get(group)
        for name, value in (values or {}).items() if isinstance(values, dict) else ():
            if isinstance(value, np.ndarray):
                tensors[str(name)] = value
    return Module(
        kind=root.kind.rsplit(".", 1)[-1],
        path=path,
        children={
            str(name): module_tree(child, f"{path}.{name}".lstrip("."))
            for name, child in state["_modules"].items()
            if child is not None
        },
        tensors=tensors,
        attributes={key: value for key, value in state.items() if not key.startswith("_")},
    )


def _size(*arguments: Any) -> tuple[Any, ...]:
    return tuple(arguments[0]) if len(arguments) == 1 and isinstance(arguments[0], list | tuple) else ()


def _set(*arguments: Any) -> set[Any]:
    return set(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else set()


def _parameter(data: Any, *_: Any) -> Any:
    return data
