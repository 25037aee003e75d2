"""Files that somebody damaged, cut, mixed up or made up: always an error that names the file, never anything else."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.linking.layout import parse_layout
from aggregator.settings import AggregatorSettings
from common.errors import PassageError
from common.keys import new_pair, read_agent_keys, write_agent_keys
from common.settings import load
from edge_agent.settings import AgentSettings
from edge_agent.spool import Spool
from models.load import load_detector, load_embedder
from tests.models.graphs import bright_spot_detector, mean_embedder

KINDS: dict[str, Any] = {"agent.yaml": AgentSettings, "aggregator.yaml": AggregatorSettings}
TEXTS = {
    "agent.yaml": "agent: box-1\naggregator: tcp://127.0.0.1:5599\ndata: edge-data\nmodels: {detector: yolov8n}\n"
                  "cameras:\n  - id: hall\n    source: rtsp://192.0.2.1/s\n    crop: [0, 0, 96, 80]\n    clock: "
                  "{offset: -1.5,"
                  " start: 2026-03-01T08:30:00Z}\n    zones: [{name: a, polygon: [[0, 0], [1, 0], [1, 1]]}]\n"
                  "    mask: [[[0, 0], [1, 0], [1, 1]]]\nspool: {max_mb: 12}\n",
    "aggregator.yaml": "listen: tcp://127.0.0.1:0\nhttp: 127.0.0.1:0\nagents: [a, b]\nlinking: {caution: 1.5}\n"
                       "engine: {queue: 10}\napi: {hosts: [a.example]}\nretention: {visits_days: 3}\n",
}
LINES = "unit seconds\nfps door 25\noffset hall -1.5\ndoor hall 2 40\nhall door 2 inf\n"
MATRICES = "fps\n25 25\noffset\n0 0\nscales\n1 1\ncompatibility\n0 1\n1 0\ndtmin\n0 2\n2 0\ndtmax\n0 40\n40 0\n"
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
        ["tcp://:0", "::1", "[::1]:5", "rtsp://", "webcam:-1", "folder:", "${HOME}", "2026-02-30", "1e400", "\x00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A few bytes flipped, cut out, doubled or put in."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(5):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                del out[at:at + rng.randint(1, 16)]
            case 2:
                out[at:at] = out[max(0, at - rng.randint(1, 16)):at]
            case 3:
                out[at:at] = rng.randbytes(rng.randint(1, 4))
            case _:
                del out[at:]
    return bytes(out)


def survives(use: Callable[[], object], *names: str) -> None:
    """It works, or says which file and what is wrong with it."""
    error: PassageError | None = None
    try:
        use()
    except PassageError as raised:
        error = raised
    assert error is None or any(name in str(error) for name in names), f"names no file: {error}"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(60))
def test_damaged_settings(name: str, seed: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(mutated(TEXTS[name].encode(), random.Random(seed)))
    survives(lambda: load(path, KINDS[name]), str(path))


@pytest.mark.parametrize("name", KINDS)
@FEW
@given(data=st.data())
def test_settings_with_any_value_anywhere(name: str, data: st.DataObject, tmp_path: Path) -> None:
    tree = yaml.safe_load(TEXTS[name])
    node: Any = tree
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(VALUES)
    path = tmp_path / name
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    survives(lambda: load(path, KINDS[name]), str(path))


@pytest.mark.parametrize("text", [
    "a: &a [*a]", "a: !!python/object/apply:os.system "
                  "['true']", "? [a]\n: b", "<<: 3", "1: 2", "- a", "a: 1\n---\nb: 2",
    "cameras: {}", "cameras: [1]", "cameras: [[]]", "cameras:\n  - 3: 4", "agent: !!binary aGk=", "\ufeffagent: a",
    "data: \"\\0\"", "&a a: *a", "a: " + "[" * 500, "{" * 3000, "agent: ~\nagent: b", "log: 2026-01-01", "a: !!set {b}",
    "x: &x {y: 1}\nz: {<<: *x}", "cameras: [&c {id: a, source: *c}]",
    "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9)),
])
@pytest.mark.parametrize("name", KINDS)
def test_strange_yaml(text: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    survives(lambda: load(path, KINDS[name]), str(path))


@pytest.mark.parametrize("text", [LINES, MATRICES])
@pytest.mark.parametrize("seed", range(60))
def test_damaged_layouts(text: str, seed: int) -> None:
    damaged = mutated(text.encode(), random.Random(seed)).decode("utf-8", "replace")
    survives(lambda: parse_layout(damaged, "layout.txt"), "layout.txt")


@pytest.mark.parametrize("seed", range(60))
def test_damaged_keys(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "box.key"
    write_agent_keys(path, "box", *new_pair(), new_pair()[0])
    path.write_bytes(mutated(path.read_bytes(), random.Random(seed)))
    survives(lambda: read_agent_keys(path), str(path), "agent's name")


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("kind", ["detector", "embedder"])
def test_damaged_models(kind: str, seed: int, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    graph = bright_spot_detector(1, 64, 64) if kind == "detector" else mean_embedder((1, 3, 256, 128))
    path.write_bytes(mutated(graph, random.Random(seed)))
    use = load_detector if kind == "detector" else load_embedder
    survives(lambda: use(str(path), device="cpu", threads=1), "net")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_spools(seed: int, tmp_path: Path) -> None:
    """A damaged spool is no error: what can be read is kept, byte for byte, and it can be written again."""
    rng, path = random.Random(seed), tmp_path / "spool.db"
    bodies = [bytes([k]) * rng.randint(1, 3000) for k in range(30)]
    with Spool(path) as spool:
        for k in range(0, 30, 3):
            spool.append(bodies[k:k + 3])
        spool.ack(spool.id, rng.randrange(10))
    path.write_bytes(mutated(path.read_bytes(), rng))
    try:
        spool = Spool(path)
    except PassageError as error:
        if "version" in str(error):  # of a newer release, as far as can be told
            return
        raise
    with spool:
        for entry in spool.pending(limit=100):
            assert entry.body == bodies[entry.seq - 1]
        spool.append([b"goes on"])
        assert spool.pending(limit=100)[-1].body == b"goes on"
