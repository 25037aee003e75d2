"""Finished runs of single cameras, linked afterwards."""

from __future__ import annotations

import csv
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from aggregator.batch import find, join
from aggregator.cli import app
from aggregator.linking import LinkingSettings
from aggregator.replay import Recording, replay_visits
from common.errors import ConfigError
from tests.aggregator.corrections.rig import look

PEOPLE = 12
BEGAN = 1_750_000_000.0


def write_run(folder: Path, camera: str, first: float, began: float = BEGAN, name: str = "embedding_toy",
              dimensions: int = 64, frames: int = 50) -> Path:
    """Twelve people pass a camera, one every 20 s, from `first` seconds on."""
    folder.mkdir(parents=True)
    start = began + first + 20.0 * np.arange(PEOPLE)
    seed = zlib.crc32(camera.encode()) % 1000
    rows = np.stack([look(person, 0.3, seed + person) for person in range(1, PEOPLE + 1)])
    np.savez(folder / "visits.npz", camera=np.full(PEOPLE, camera), track=np.arange(1, PEOPLE + 1), start=start,
             end=start + 5, images=np.full(PEOPLE, frames), label=np.full(PEOPLE, "person"), began=np.array([began]),
             **{name: rows[:, :dimensions].astype(np.float16)})
    return folder


def typed(*words: str) -> str:
    return CliRunner().invoke(app, ["link", *words], catch_exceptions=False, standalone_mode=False).output


def groups(path: Path) -> list[set[tuple[str, int]]]:
    by: dict[str, set[tuple[str, int]]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            by.setdefault(row["global_id"], set()).add((row["camera"], int(row["track"])))
    return sorted(by.values(), key=min)


def everybody(*cameras: str) -> list[set[tuple[str, int]]]:
    return sorted(({(camera, person) for camera in cameras} for person in range(1, PEOPLE + 1)), key=min)


def test_people_are_found_again_in_other_runs(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, name, 300.0 * k) for k, name in enumerate(("hall", "stairs", "yard"))]
    out = tmp_path / "links.csv"
    told = json.loads(typed(*map(str, runs), "--out", str(out), "--json"))
    assert groups(out) == everybody("hall", "stairs", "yard")
    assert (told["runs"], told["visits"], told["global_ids"], told["in_several_cameras"]) == (3, 36, 12, 12)
    with out.open() as file:
        first = next(csv.DictReader(file))
    assert (first["run"], first["camera"], first["track"]) == (str(runs[0].resolve()), "hall", "1")
    assert first["start"] == "2025-06-15T15:06:40.000Z"
    again = tmp_path / "again.csv"
    typed(str(tmp_path), "--out", str(again))
    assert again.read_text() == out.read_text(), "a folder of runs is all of them"


def test_it_links_as_the_same_visits_are_linked_in_one_recording(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, name, 300.0 * k) / "visits.npz" for k, name in enumerate(("a", "b"))]
    whole = join([Recording.read(run) for run in runs], runs)
    one = tmp_path / "one.npz"
    np.savez(one, camera=whole.camera, start=whole.start, end=whole.end, embedding_toy=whole.embedding)
    recording = Recording.read(one)
    expected = replay_visits(recording.visits(), len(recording), LinkingSettings(), None)
    found = replay_visits(whole.visits(), len(whole), LinkingSettings(), None)
    assert found.identity.tolist() == expected.identity.tolist()


def test_runs_that_were_made_one_after_the_other_can_be_put_at_one_time(tmp_path: Path) -> None:
    """Without --start, a file's time is that of the program."""
    write_run(tmp_path / "runs" / "hall", "camera", 0.0)
    write_run(tmp_path / "runs" / "yard", "camera", 300.0, began=BEGAN + 9000)
    files = find([tmp_path / "runs"])
    whole = join([Recording.read(path) for path in files], files, names=["hall", "yard"], at_once=True)
    assert float(whole.start[PEOPLE] - whole.start[0]) == pytest.approx(300.0)
    moved = join([Recording.read(path) for path in files], files, names=["hall", "yard"], offsets={"yard": -9000.0})
    assert moved.start.tolist() == pytest.approx(whole.start.tolist())
    typed(str(tmp_path / "runs"), "--by-folder", "--at-once", "--out", str(tmp_path / "links.csv"))
    for folder, began in (("hall", 0.0), ("yard", 300.0)):
        write_run(tmp_path / "true" / folder, "camera", began)
    typed(str(tmp_path / "true"), "--by-folder", "--out", str(tmp_path / "true.csv"))
    assert groups(tmp_path / "links.csv") == groups(tmp_path / "true.csv")


def test_who_was_seen_too_briefly_has_no_identity(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "a", 0.0)
    write_run(tmp_path / "b", "b", 300.0, frames=1)
    told = json.loads(typed(str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "l.csv"), "--json"))
    assert told["not_linked"] == PEOPLE
    with (tmp_path / "l.csv").open() as file:
        assert {(row["camera"], bool(row["global_id"])) for row in csv.DictReader(file)} == {("a", True), ("b", False)}


def test_faces_tell_apart_who_is_dressed_alike(tmp_path: Path) -> None:
    """Pairs wear the same; every other run looked for faces, and one person never showed theirs."""
    for k, camera in enumerate(("a", "b", "c")):
        path = write_run(tmp_path / camera, camera, 300.0 * k) / "visits.npz"
        with np.load(path) as file:
            columns = dict(file)
        columns["embedding_toy"] = np.stack([look(100 + person // 2, 0.1, 50 * k + person) for person in range(PEOPLE)])
        faces = np.stack([look(1000 + person, 0.1, k) for person in range(PEOPLE)])
        faces[3] = 0
        shown = {} if camera == "b" else {"face_blocks": faces.astype(np.float16),
                                          "face_quality": np.where(np.arange(PEOPLE) == 3, 0, 0.9).astype(np.float32)}
        np.savez(path, **columns, **shown)
    files = find([tmp_path])
    whole = join([Recording.read(path) for path in files], files)
    assert [visit.face is not None for visit in sorted(whole.visits(), key=lambda one: one.visit)] == [
        k != 1 and person != 3 for k in range(3) for person in range(PEOPLE)]
    (one, *_), width = whole.visits(), whole.face.shape[1]
    assert one.face is not None
    assert (one.face.mean.shape, round(float(one.face.quality), 2)) == ((width,), 0.9)
    assert float(np.linalg.norm(one.face.mean)) == pytest.approx(1.0)
    # Of those in a and c, 900 seconds apart, only faces say who is who.
    ends = [files[0], files[2]]
    found = {}
    for hidden in (False, True):
        pair = join([Recording.read(path) for path in ends], ends)
        if hidden:
            pair.face[:] = 0
        identity = replay_visits(pair.visits(), len(pair), LinkingSettings(), None).identity
        found[hidden] = sum(identity[person] == identity[PEOPLE + person] for person in range(PEOPLE) if person != 3)
    assert found[False] > found[True]


def test_faces_of_different_networks_are_not_compared(tmp_path: Path) -> None:
    for name in ("one", "two"):
        path = write_run(tmp_path / name, name, 0.0) / "visits.npz"
        with np.load(path) as file:
            columns = dict(file)
        np.savez(path, **columns, **{f"face_{name}": np.ones((PEOPLE, 8), np.float16)}, face_quality=np.ones(PEOPLE))
    with pytest.raises(ConfigError, match="faces were seen by two in one run and one in another"):
        typed(str(tmp_path), "--out", str(tmp_path / "l.csv"))


@pytest.mark.parametrize(("second", "words", "says", "cure"), [
    ({"camera": "hall"}, (), "both call their camera 'hall'", "--by-folder"),
    ({"camera": "b", "name": "embedding_other"}, (), "cannot be compared", "--embedder"),
    ({"camera": "b", "dimensions": 32}, (), "cannot be compared", "--embedder"),
    ({"camera": "b", "began": math.nan}, ("--at-once",), "does not say when it began", "--offset"),
    ({"camera": "b"}, ("--offset", "c=3"), "no such camera", "cameras are b, hall"),
    ({"camera": "b"}, ("--offset", "b"), "CAMERA=SECONDS", "hall=-1.5"),
])
def test_what_cannot_be_linked_is_named(tmp_path: Path, second: dict[str, Any], words: tuple[str, ...], says: str,
                                        cure: str) -> None:
    write_run(tmp_path / "one", "hall", 0.0)
    if second.get("began") is not None:
        write_run(tmp_path / "two", "b", 50.0)
        with np.load(tmp_path / "two" / "visits.npz") as file:
            np.savez(tmp_path / "two" / "visits.npz", **{key: file[key] for key in file.files if key != "began"})
    else:
        write_run(tmp_path / "two", first=50.0, **second)
    with pytest.raises(ConfigError, match=says) as raised:
        typed(str(tmp_path / "one"), str(tmp_path / "two"), "--out", str(tmp_path / "l.csv"), *words)
    assert cure in (raised.value.cure or "")


def test_a_folder_without_runs_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no visits") as raised:
        typed(str(tmp_path), "--out", "x")
    assert "edge-agent track" in (raised.value.cure or "")
