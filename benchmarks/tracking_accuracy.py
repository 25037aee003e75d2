"""HOTA, MOTA, IDF1 and id switches of the tracker on MOTChallenge detections, by TrackEval."""

from __future__ import annotations

import argparse
import configparser
import gzip
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from aggregator.evaluate.mot import MotScores, Sequence, score_tracks
from common.mot import Tracks, read_mot, write_mot
from common.settings import from_mapping
from edge_agent.tracking import IdAllocator, Tracker, TrackerSettings


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


def thinned(path: Path, every: int) -> str:
    """Ground truth of every n-th frame."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    rows = (line.split(",", 1) for line in text.splitlines() if line)
    return "\n".join(f"{(int(f) - 1) // every + 1},{rest}" for f, rest in rows if (int(f) - 1) % every == 0)


def score(data: Path, settings: TrackerSettings, every: int) -> dict[str, MotScores]:
    """Every sequence, and all together."""
    with tempfile.TemporaryDirectory() as folder:
        sequences = {}
        for info in sorted(data.glob("*/seqinfo.ini")):
            parser = configparser.ConfigParser()
            parser.read(info)
            name, fps = info.parent.name, parser.getfloat("Sequence", "frameRate")
            length = (parser.getint("Sequence", "seqLength") - 1) // every + 1
            files = [Path(folder) / f"{name}.{what}" for what in ("gt", "txt", "ini")]
            files[0].write_text(thinned(packed(info.parent, "gt.txt"), every))
            write_mot(files[1], tracks(packed(info.parent, "det.txt"), fps, settings, every))
            files[2].write_text(f"[Sequence]\nseqLength={length}\n")
            sequences[name] = Sequence(*files)
        return score_tracks(sequences)


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
        print(json.dumps({name: asdict(row) for name, row in found.items()}))
        return
    for name, row in found.items():
        print(f"{name:10s} HOTA {100 * row.hota:6.2f}  MOTA {100 * row.mota:6.2f}  IDF1 {100 * row.idf1:6.2f}  "
              f"switches {row.switches:4d}")


if __name__ == "__main__":
    main()
