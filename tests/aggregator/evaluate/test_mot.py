"""Tracks against ground truth, by TrackEval."""

from __future__ import annotations

import builtins
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from aggregator.evaluate import mot as module
from aggregator.evaluate.mot import find_sequences, score_tracks
from common.errors import ConfigError, SourceError
from common.mot import read_mot, write_mot


def truth(frames: int = 10, people: int = 2) -> str:
    return "".join(f"{f},{p},{100 * p + 2 * f},50,40,100,1,1,1\n" for f in range(1, frames + 1)
                   for p in range(1, people + 1))


def answer(frames: int = 10, switch: int = 99, people: int = 2) -> str:
    """Perfect boxes; from frame `switch` on the two ids are exchanged."""
    ids = {1: (7, 8), 2: (8, 7)}
    return "".join(f"{f},{ids[p][f >= switch]},{100 * p + 2 * f}.00,50.00,40.00,100.00,0.9,-1,-1,-1\n"
                   for f in range(1, frames + 1) for p in range(1, people + 1))


def sequence(root: Path, name: str, *, inner: bool = False, packed: bool = False, text: str | None = None) -> None:
    folder = root / name / "gt" if inner else root / name
    folder.mkdir(parents=True)
    data = (text or truth()).encode()
    (folder / ("gt.txt.gz" if packed else "gt.txt")).write_bytes(gzip.compress(data) if packed else data)
    (root / name / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nframeRate=30\nseqLength=10\n")


def test_right_tracks_and_exchanged_ones(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    sequence(tmp_path / "gt", "A", packed=True)
    sequence(tmp_path / "gt", "B", inner=True)
    (tmp_path / "runs" / "B").mkdir(parents=True)
    (tmp_path / "runs" / "A.txt").write_text(answer())
    (tmp_path / "runs" / "B" / "mot.txt").write_text(answer(switch=6))
    scores = score_tracks(find_sequences(tmp_path / "gt", tmp_path / "runs"))
    assert list(scores) == ["A", "B", "all"]
    right, exchanged = scores["A"], scores["B"]
    assert (right.hota, right.mota, right.idf1, right.switches) == (1, 1, 1, 0)
    assert exchanged.switches == 2
    assert exchanged.mota == pytest.approx(0.9)
    assert exchanged.idf1 == pytest.approx(0.5)
    assert 0.5 < exchanged.hota < 0.8
    assert scores["all"].idf1 == pytest.approx(0.75)


def test_a_file_against_a_file_and_ground_truth_that_says_little(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    plain = "".join(",".join(line.split(",")[:6]) + "\n" for line in truth().splitlines())
    (tmp_path / "hall.gt.txt").write_text(plain)
    (tmp_path / "mot.txt").write_text(answer())
    assert score_tracks(find_sequences(tmp_path / "hall.gt.txt", tmp_path / "mot.txt"))["hall"].hota == 1
    scores = score_tracks(find_sequences(tmp_path, tmp_path))
    assert scores["hall"].hota == 1


def test_nothing_tracked_scores_nothing(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    sequence(tmp_path / "gt", "A")
    (tmp_path / "A.txt").write_text("")
    scores = score_tracks(find_sequences(tmp_path / "gt", tmp_path))
    assert (scores["A"].hota, scores["A"].idf1, scores["A"].switches) == (0, 0, 0)


def test_what_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ground truth"):
        find_sequences(tmp_path, tmp_path)
    sequence(tmp_path / "gt", "A")
    sequence(tmp_path / "gt", "B")
    (tmp_path / "A.txt").write_text(answer())
    with pytest.raises(ConfigError, match="no tracks of B") as caught:
        find_sequences(tmp_path / "gt", tmp_path)
    assert "--out" in str(caught.value.cure)
    with pytest.raises(ConfigError, match="holds 2"):
        find_sequences(tmp_path / "gt", tmp_path / "A.txt")


@pytest.mark.parametrize(("text", "says"), [
    (answer(12), "frame 12"), ("1,7,100\n", "A.txt:1"), ("0,7,1,1,5,5,1\n", "A.txt:1"), ("1,7,x,1,5,5,1\n", "A.txt:1"),
    ("1,7,1,1,5,5,1\n1,7,9,9,5,5,1\n", "cannot be scored"),
])
def test_tracks_that_cannot_be_right_are_refused(tmp_path: Path, text: str, says: str) -> None:
    pytest.importorskip("trackeval")
    sequence(tmp_path / "gt", "A")
    (tmp_path / "A.txt").write_text(text)
    with pytest.raises(SourceError, match=says):
        score_tracks(find_sequences(tmp_path / "gt", tmp_path))


def test_without_trackeval_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: Any) -> Any:
        if name == "trackeval":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ConfigError, match="not installed") as caught:
        module.score_tracks({})
    assert "passage[evaluate]" in str(caught.value.cure)


def test_the_command(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    sequence(tmp_path / "gt", "A")
    (tmp_path / "A.txt").write_text(answer(switch=6))
    command = [sys.executable, "-c", "from aggregator.cli import main; main()", "evaluate", "mot", "gt", "A.txt"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    plain = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in plain.stdout.splitlines()] == ["HOTA", "A"]
    done = subprocess.run([*command, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True,
                          check=True)
    assert json.loads(done.stdout)["A"]["switches"] == 2


def test_the_same_as_the_scorer_beside_the_data() -> None:
    """Parity with an independent use of TrackEval over the same files, where they are at hand."""
    pytest.importorskip("trackeval")
    data = Path(os.environ.get("PASSAGE_DATA", "")) / "mot17_half_val"
    tool = Path(os.environ.get("PASSAGE_DATA", "")) / ".." / "tools" / "score_mot.py"
    if not (os.environ.get("PASSAGE_DATA") and data.is_dir() and tool.exists()):
        pytest.skip("PASSAGE_DATA names no folder with mot17_half_val and ../tools/score_mot.py")
    with tempfile.TemporaryDirectory() as folder:
        for name in find_names(data):
            rows = read_mot(data / name / "gt.txt.gz")
            keep = (rows.id % 3 > 0) & (rows.confidence > 0)  # two thirds of the truth stand in for a tracker
            write_mot(Path(folder) / f"{name}.txt", (
                (int(f), rows.id[m], rows.xyxy[m], rows.confidence[m])
                for f in sorted(set(rows.frame.tolist())) for m in [keep & (rows.frame == f)]))
        command = [sys.executable, str(tool), str(data), folder]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        scores = score_tracks(find_sequences(data, Path(folder)))
    for line, row in zip(said.stdout.splitlines(), scores.values(), strict=True):
        words = line.split()
        assert [words[2], words[4], words[6], words[8]] == [
            f"{100 * row.hota:.2f}", f"{100 * row.mota:.2f}", f"{100 * row.idf1:.2f}", str(row.switches)]


def find_names(data: Path) -> list[str]:
    return sorted(path.parent.name for path in data.glob("*/seqinfo.ini"))
