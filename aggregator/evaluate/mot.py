"""HOTA, MOTA, IDF1 of tracks in single cameras, by TrackEval (Luiten et al., IJCV 2021), over MOTChallenge text.

TrackEval is an extra: `pip install 'passage[evaluate]'`. It reads folders of a fixed make, which are laid out for it
in a temporary one; so gzipped files, several layouts of ground truth and the output of `edge-agent track` are read.
"""

from __future__ import annotations

import configparser
import contextlib
import gzip
import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import ConfigError, SourceError

COMBINED = "all"
PEDESTRIAN = "1"  # class number in MOT17's ground truth
_BENCHMARK, _SPLIT, _OURS = "MOT17", "val", "passage"


@dataclass(frozen=True, slots=True, kw_only=True)
class MotScores:
    """Of one sequence, or of all together; shares in [0, 1] (MOTA may fall below).

    Attributes:
        hota: higher order tracking accuracy, mean over localisation thresholds (Luiten et al., 2021).
        deta, assa: its two sides, detection and association.
        mota: multiple object tracking accuracy (Bernardin and Stiefelhagen, 2008).
        idf1: F1 score of identities (Ristani et al., 2016).
        switches: how often a person's id changed.
        fragments: how often a person's track was broken off and taken up again.
    """

    hota: float
    deta: float
    assa: float
    mota: float
    idf1: float
    switches: int
    fragments: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Ground truth and tracks of one video.

    Attributes:
        truth: MOTChallenge ground truth, packed or not.
        tracks: MOTChallenge tracks, packed or not.
        info: its seqinfo.ini; None to go by the last frame of both.
    """

    truth: Path
    tracks: Path
    info: Path | None = None


def find_sequences(truth: Path, tracks: Path) -> dict[str, Sequence]:
    """Name → files.

    Args:
        truth: a folder with one folder a sequence (`gt.txt` or `gt/gt.txt`, packed or not, and `seqinfo.ini`), one
            such folder, a folder of files NAME.gt.txt, or one file.
        tracks: a folder of files NAME.txt, or of folders NAME as `edge-agent track --out` writes them; or one file.

    Raises:
        ConfigError: no ground truth there, or a sequence without tracks.
    """
    found = _truths(truth)
    if not found:
        raise ConfigError(f"{truth}: there is no ground truth (NAME/gt.txt[.gz] or NAME/gt/gt.txt)",
                          "give a folder laid out as MOTChallenge")
    if tracks.is_file():
        if len(found) > 1:
            raise ConfigError(f"{tracks}: is the tracks of one video, but {truth} holds {len(found)}",
                              "give a folder with NAME.txt or NAME/mot.txt for each")
        return {name: Sequence(path, tracks, info) for name, (path, info) in found.items()}
    sequences = {}
    for name, (path, info) in found.items():
        places = [tracks / f"{name}.txt", tracks / name / "mot.txt", *([tracks / "mot.txt"] if len(found) == 1 else [])]
        mine = next((file for place in places if (file := _packed(place))), None)
        if mine is not None:
            sequences[name] = Sequence(path, mine, info)
    missing = sorted(set(found) - set(sequences))
    if missing:
        raise ConfigError(f"{tracks}: no tracks of {', '.join(missing)}",
                          f"edge-agent track … --out {tracks / missing[0]}, or a file {tracks / missing[0]}.txt")
    return sequences


def score_tracks(sequences: Mapping[str, Sequence]) -> dict[str, MotScores]:
    """Scores of every sequence, and of `COMBINED`.

    Raises:
        ConfigError: TrackEval is not installed.
        SourceError: a file that cannot be read, or is not MOTChallenge text.
    """
    trackeval = _trackeval()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _lay_out(root, sequences)
        quiet = {"PRINT_CONFIG": False, "PRINT_RESULTS": False, "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False,
                 "OUTPUT_EMPTY_CLASSES": False, "PLOT_CURVES": False, "TIME_PROGRESS": False, "BREAK_ON_ERROR": True,
                 "LOG_ON_ERROR": None}
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                evaluator = trackeval.Evaluator(trackeval.Evaluator.get_default_eval_config() | quiet)
                dataset = trackeval.datasets.MotChallenge2DBox(
                    trackeval.datasets.MotChallenge2DBox.get_default_dataset_config() | {
                        "GT_FOLDER": str(root / "truth"), "TRACKERS_FOLDER": str(root / "trackers"),
                        "SEQMAP_FOLDER": str(root / "maps"), "SPLIT_TO_EVAL": _SPLIT, "BENCHMARK": _BENCHMARK,
                        "PRINT_CONFIG": False})
                metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR({"PRINT_CONFIG": False}),
                           trackeval.metrics.Identity({"PRINT_CONFIG": False})]
                found = evaluator.evaluate([dataset], metrics)[0]["MotChallenge2DBox"][_OURS]
            except trackeval.utils.TrackEvalException as error:
                raise SourceError(f"the tracks cannot be scored: {error}") from error
    return {COMBINED if name == "COMBINED_SEQ" else name: _scores(found[name]["pedestrian"])
            for name in (*sequences, "COMBINED_SEQ")}


def _scores(found: Mapping[str, Any]) -> MotScores:
    hota, clear, identity = found["HOTA"], found["CLEAR"], found["Identity"]
    return MotScores(hota=float(np.mean(hota["HOTA"])), deta=float(np.mean(hota["DetA"])),
                     assa=float(np.mean(hota["AssA"])), mota=float(clear["MOTA"]), idf1=float(identity["IDF1"]),
                     switches=int(clear["IDSW"]), fragments=int(clear["Frag"]))


def _trackeval() -> Any:
    try:
        import trackeval
    except ImportError as error:
        raise ConfigError("tracks are scored by TrackEval, which is not installed",
                          "pip install 'passage[evaluate]'") from error
    return trackeval


def _truths(truth: Path) -> dict[str, tuple[Path, Path | None]]:
    """Name → ground truth and seqinfo.ini."""
    if truth.is_file():
        return {truth.name.removesuffix(".gz").removesuffix(".txt").removesuffix(".gt"): (truth, None)}
    found: dict[str, tuple[Path, Path | None]] = {}
    if not truth.is_dir():
        return found
    for folder in (truth, *sorted(path for path in truth.iterdir() if path.is_dir())):
        path = _packed(folder / "gt.txt") or _packed(folder / "gt" / "gt.txt")
        if path is not None:
            info = folder / "seqinfo.ini"
            found[folder.resolve().name] = path, info if info.exists() else None
    for path in sorted((*truth.glob("*.gt.txt"), *truth.glob("*.gt.txt.gz"))):
        found[path.name.removesuffix(".gz").removesuffix(".gt.txt")] = path, None
    return found


def _packed(path: Path) -> Path | None:
    """`path`, or `path` with .gz, whichever is there."""
    packed = path.with_name(path.name + ".gz")
    return path if path.is_file() else packed if packed.is_file() else None


def _read(path: Path) -> list[list[str]]:
    """The cells of each line.

    Raises:
        SourceError: it cannot be read, or a line has too few cells.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split(",")]
        if not line.strip():
            continue
        try:
            numbers = [float(cell) for cell in cells]
        except ValueError:
            numbers = []
        if len(numbers) < 6 or numbers[0] < 1:
            raise SourceError(f"{path}:{number}: is no MOTChallenge box: {line[:80]!r}",
                              "a line is frame,id,left,top,width,height,confidence,… with frames from 1")
        rows.append(cells)
    return rows


def _lay_out(root: Path, sequences: Mapping[str, Sequence]) -> None:
    theirs = root / "trackers" / f"{_BENCHMARK}-{_SPLIT}" / _OURS / "data"
    theirs.mkdir(parents=True)
    (root / "maps").mkdir()
    (root / "maps" / f"{_BENCHMARK}-{_SPLIT}.txt").write_text("\n".join(["name", *sequences]) + "\n")
    for name, files in sequences.items():
        tracks = [[*row, *["-1"] * (10 - len(row))] for row in _read(files.tracks)]
        # Ground truth of other makers may lack what MOT17 adds: counts (1), class (pedestrian), visibility.
        truth = [[*row, *["1", PEDESTRIAN, "1"][len(row) - 6:]] if len(row) < 9 else row for row in _read(files.truth)]
        last = max([int(float(row[0])) for row in (*truth, *tracks)], default=1)
        length = _length(files.info, last)
        if last > length:
            raise SourceError(f"{name}: there are boxes in frame {last}, but {files.info} says that it has {length}")
        folder = root / "truth" / f"{_BENCHMARK}-{_SPLIT}" / name
        (folder / "gt").mkdir(parents=True)
        _write(folder / "gt" / "gt.txt", truth)
        _write(theirs / f"{name}.txt", tracks)
        (folder / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nseqLength={length}\n")


def _length(info: Path | None, last: int) -> int:
    if info is None:
        return last
    parser = configparser.ConfigParser()
    try:
        parser.read(info)
        return parser.getint("Sequence", "seqLength")
    except (configparser.Error, ValueError) as error:
        raise SourceError(f"{info}: states no seqLength in [Sequence] ({error})") from error


def _write(path: Path, rows: list[list[str]]) -> None:
    path.write_text("".join(",".join(row) + "\n" for row in rows))
