"""A checkpoint may hold any pickle: nothing that it names is ever imported or called."""

from __future__ import annotations

import builtins
import importlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.errors import ModelError
from models.export.checkpoint import Stub, module_tree, read_checkpoint
from models.export.yolov8 import export_yolov8
from tests.models.checkpoints import TinyYolo, write_zip


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.function, self.arguments


def touch(path: Path) -> str:
    return f"open({str(path)!r}, 'w').close()"


def hostile(path: Path) -> dict[str, object]:
    return {
        "os.system": Call(os.system, f"touch {path}"),
        "eval": Call(eval, touch(path)),
        "exec": Call(exec, touch(path)),
        "popen": Call(subprocess.Popen, ["touch", str(path)]),
        "call in an argument": {"model": Call(list, Call(os.system, f"touch {path}"))},
        "getattr chain": Call(getattr, Call(importlib.import_module, "os"), "system"),
        "call of a result": Call(getattr, Call(eval, touch(path)), "real"),
        "in a set": {"x": Call(frozenset, [Call(os.mkdir, str(path))])},
        "a nested pickle": Call(pickle.loads, pickle.dumps(Call(os.system, f"touch {path}"))),
        "open": Call(builtins.open, str(path), "w"),
    }


@pytest.mark.parametrize("case", hostile(Path("x")))
def test_hostile_pickles_do_nothing(case: str, tmp_path: Path) -> None:
    marker = tmp_path / "harm"
    data = pickle.dumps({"model": hostile(marker)[case], "ema": None}, protocol=4)
    path = write_zip(tmp_path / "bad.pt", data)
    content = read_checkpoint(path)
    assert not marker.exists()
    assert isinstance(content, dict)
    with pytest.raises(ModelError):
        export_yolov8(path)
    assert not marker.exists()


def test_the_plain_unpickler_would_have_done_harm(tmp_path: Path) -> None:
    """Else the test above proves nothing."""
    marker = tmp_path / "harm"
    pickle.loads(pickle.dumps(hostile(marker)["eval"]))
    assert marker.exists()


@pytest.mark.parametrize(
    "opcodes",
    [
        b"cos\nsystem\n(S'true'\ntR.",  # GLOBAL, REDUCE
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
        b"\x80\x02cos\nsystem\n)\x81}X\x01\x00\x00\x00aK\x01sb.",  # NEWOBJ, BUILD
    ],
)
def test_every_way_a_pickle_makes_a_call_ends_in_a_stub(
    opcodes: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr(os, "system", lambda *a: called.append(a))
    content = read_checkpoint(write_zip(tmp_path / "x.pt", opcodes))
    assert not called
    assert isinstance(content, Stub)
    assert content.kind == "os.system"


def test_nothing_is_imported(tmp_path: Path) -> None:
    assert "this" not in sys.modules
    read_checkpoint(write_zip(tmp_path / "x.pt", b"cthis\nd\n."))
    assert "this" not in sys.modules


def test_attributes_named_like_python_s_own_stay_data(tmp_path: Path) -> None:
    state = b"}(X\x09\x00\x00\x00__class__cos\nsystem\nX\x08\x00\x00\x00__dict__K\x01u"
    content = read_checkpoint(write_zip(tmp_path / "x.pt", b"\x80\x02ca\nB\n)\x81" + state + b"b."))
    assert isinstance(content, Stub)
    assert content.kind == "a.B"


def test_tensors_beyond_their_storage_are_refused(tmp_path: Path) -> None:
    def tensor(offset: int, size: str, stride: str, count: int = 4) -> bytes:
        storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK%ctQ" % count
        return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + (
            storage + b"K%c" % offset + size.encode("latin1") + stride.encode("latin1") + b"\x89}tR."
        )

    numbers = [np.arange(4, dtype=np.float32).tobytes()]
    good = read_checkpoint(write_zip(tmp_path / "g.pt", tensor(0, "(K\x02K\x02t", "(K\x02K\x01t"), numbers))
    np.testing.assert_array_equal(good, [[0, 1], [2, 3]])
    turned = read_checkpoint(write_zip(tmp_path / "t.pt", tensor(0, "(K\x02K\x02t", "(K\x01K\x02t"), numbers))
    np.testing.assert_array_equal(turned, [[0, 2], [1, 3]])
    for bad in (
        tensor(1, "(K\x02K\x02t", "(K\x02K\x01t"),  # one too far
        tensor(0, "(K\x09K\x02t", "(K\x02K\x01t"),
        tensor(0, "(K\x02t", "(J\xff\xff\xff\xfft"),  # a negative step
        tensor(0, "(J\xff\xff\xff\x7fK\x02t", "(K\x00K\x01t"),  # the same numbers over and over
        tensor(0, "(K\x02K\x02t", "(K\x02K\x01t", count=99),  # more numbers than the file holds
    ):
        with pytest.raises(ModelError, match="cannot be read"):
            read_checkpoint(write_zip(tmp_path / "bad.pt", bad, numbers))


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    text = tmp_path / "text.pt"
    text.write_text("<html>404</html>")
    with pytest.raises(ModelError, match="no PyTorch checkpoint, or is cut off"):
        read_checkpoint(text)
    whole = TinyYolo(width=4).write(tmp_path / "whole.pt")
    cut = tmp_path / "cut.pt"
    cut.write_bytes(whole.read_bytes()[:20000])
    with pytest.raises(ModelError, match="cut off"):
        read_checkpoint(cut)
    with pytest.raises(ModelError, match="No such file"):
        read_checkpoint(tmp_path / "none.pt")
    import zipfile

    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ModelError, match=r"no data\.pkl"):
        read_checkpoint(tmp_path / "other.zip")


def test_broken_pickles_say_so(tmp_path: Path) -> None:
    for data in (b"", b"garbage", b"\x80\x02}", pickle.dumps({"a": 1})[:-3]):
        with pytest.raises(ModelError):
            read_checkpoint(write_zip(tmp_path / "b.pt", data))


def test_a_list_is_no_network(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "list.pt", pickle.dumps({"model": [1, 2], "ema": None}))
    with pytest.raises(ModelError, match="holds no network"):
        export_yolov8(path)
    with pytest.raises(ModelError, match="expected a network"):
        module_tree({})
