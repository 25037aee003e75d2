"""HOTA, MOTA, IDF1 and id switches of the tracker on MOTChallenge detections, by TrackEval."""

from __future__ import annotations

import argparse
import configparser
import contextlib
import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.mot import Tracks, read_mot, write_mot
from common.settings import from_mapping
from edge_agent.tracking import IdAllocator, Tracker, TrackerSettings

Scores = dict[str, dict[str, float]]


def sequences(data: Path) -> dict[str, float]:
    """Name → frames a second of every folder that has ground truth and detections."""
    found = {}
    for info in sorted(data.glob("*/seqinfo.ini")):
        parser = configparser.ConfigParser()
        parser.read(info)
        found[info.parent.name] = parser.getfloat("Sequence", "frameRate")
    return found


def packed(folder: Path, name: str) -> Path:
    """`name` or `name.gz`, whichever is there."""
    plain = folder / name
    return plain if plain.exists() else plain.with_name(name + ".gz")


def tracks(path: Path, fps: float, settings: TrackerSettings, every: int) -> Iterator[Tracks]:
    """The tracker over every n-th frame of a file of detections; frames are numbered anew from 1."""
    tracker = Tracker(settings, ["camera"], IdAllocator())
    for frame, found in read_mot(path).detections():
        if (frame - 1) % every == 0:
            seen = tracker.step([("camera", (frame - 1) / fps, found)])[0]
            yield (frame - 1) // every + 1, seen.track, seen.xyxy, seen.confidence


def thinned(text: str, every: int) -> str:
    """Ground truth of every n-th frame."""
    rows = (line.split(",", 1) for line in text.splitlines() if line)
    return "\n".join(f"{(int(f) - 1) // every + 1},{rest}" for f, rest in rows if (int(f) - 1) % every == 0)


def score(data: Path, settings: TrackerSettings, every: int) -> Scores:
    """Sequence (and COMBINED) → HOTA, MOTA, IDF1 in percent, id switches."""
    for alias, kind in (("float", float), ("int", int), ("bool", bool)):
        if alias not in np.__dict__:
            setattr(np, alias, kind)  # TrackEval uses what NumPy 1.24 dropped
    import trackeval

    names = sequences(data)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        theirs = root / "trackers" / "MOT17-val" / "passage" / "data"
        theirs.mkdir(parents=True)
        (root / "maps").mkdir()
        (root / "maps" / "MOT17-val.txt").write_text("\n".join(["name", *names]))
        for name, fps in names.items():
            write_mot(theirs / f"{name}.txt", tracks(packed(data / name, "det.txt"), fps, settings, every))
            truth = root / "truth" / "MOT17-val" / name
            (truth / "gt").mkdir(parents=True)
            path = packed(data / name, "gt.txt")
            raw = path.read_bytes()
            text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
            (truth / "gt" / "gt.txt").write_text(thinned(text, every))
            info = configparser.ConfigParser()
            info.optionxform = str  # type: ignore[assignment, method-assign]
            info.read(data / name / "seqinfo.ini")
            info["Sequence"]["seqLength"] = str((info.getint("Sequence", "seqLength") - 1) // every + 1)
            with (truth / "seqinfo.ini").open("w") as file:
                info.write(file)
        with contextlib.redirect_stdout(io.StringIO()):
            plain = {"PRINT_CONFIG": False, "PRINT_RESULTS": False, "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False,
                     "PLOT_CURVES": False, "TIME_PROGRESS": False}
            evaluator = trackeval.Evaluator({**trackeval.Evaluator.get_default_eval_config(), **plain})
            dataset = trackeval.datasets.MotChallenge2DBox({
                **trackeval.datasets.MotChallenge2DBox.get_default_dataset_config(), "PRINT_CONFIG": False,
                "GT_FOLDER": str(root / "truth"), "TRACKERS_FOLDER": str(root / "trackers"),
                "SEQMAP_FOLDER": str(root / "maps"), "SPLIT_TO_EVAL": "val", "BENCHMARK": "MOT17",
            })
            metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(), trackeval.metrics.Identity()]
            found = evaluator.evaluate([dataset], metrics)[0]["MotChallenge2DBox"]["passage"]
    return {
        name.removesuffix("_SEQ"): {
            "HOTA": 100 * float(np.mean(of["pedestrian"]["HOTA"]["HOTA"])),
            "MOTA": 100 * float(of["pedestrian"]["CLEAR"]["MOTA"]),
            "IDF1": 100 * float(of["pedestrian"]["Identity"]["IDF1"]),
            "switches": float(of["pedestrian"]["CLEAR"]["IDSW"]),
        }
        for name, of in sorted(found.items(), key=lambda item: item[0] == "COMBINED_SEQ")
    }


def main() -> None:
    """One line a sequence and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mot17_half_val, as ../shared/data")
    parser.add_argument("--every", type=int, default=1, help="take only every n-th frame")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a tracker setting")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    changed = dict(item.split("=", 1) for item in options.set)
    settings = from_mapping(changed, TrackerSettings, "--set")
    found = score(options.data / "mot17_half_val", settings, options.every)
    if options.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(f"{name:10s} HOTA {row['HOTA']:6.2f}  MOTA {row['MOTA']:6.2f}  IDF1 {row['IDF1']:6.2f}  "
              f"switches {row['switches']:4.0f}")


if __name__ == "__main__":
    main()
