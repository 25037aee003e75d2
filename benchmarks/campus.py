"""Cameras without pictures: what place and time alone tell; IDF1 across cameras with and without learned overlap."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from itertools import combinations
from pathlib import Path

import aggregator  # noqa: F401  # isort: skip  -- before NumPy: it says how many threads that takes
import numpy as np

from aggregator.evaluate.mot import Sequence, score_tracks
from aggregator.linking.continuation import continuations
from aggregator.linking.place import Feet, Overlap, join, learn_overlap
from common.geometry import iou_matrix
from common.mot import MotRows, read_mot, write_mot
from edge_agent.tracking import IdAllocator, Tracker, TrackerSettings

CAMERAS = ("HC3", "HC4", "IP2", "IP5")
FPS, WIDTH, HEIGHT, FRAMES = 29.97, 1920, 1080, 2729
TICK_S = 0.5
EDGE = 2  # pixels: a box that ends at the frame's edge does not show the feet
EACH = 10_000  # visits of camera k are numbered from k × this

Rows = dict[str, MotRows]


def tracked(folder: Path) -> Rows:
    """The tracker over each camera's detections; track ids are visit numbers, unique over all cameras."""
    found = {}
    for k, camera in enumerate(CAMERAS):
        tracker, frame, ids, xyxy = Tracker(TrackerSettings(), [camera], IdAllocator()), [], [], []
        for number, boxes in read_mot(folder / f"{camera}.det.txt.gz").detections():
            seen = tracker.step([(camera, (number - 1) / FPS, boxes)])[0]
            frame.append(np.full(len(seen), number, np.int32))
            ids.append(seen.track + k * EACH)
            xyxy.append(seen.xyxy)
        count = np.concatenate(frame)
        found[camera] = MotRows(frame=count, id=np.concatenate(ids), xyxy=np.concatenate(xyxy),
                                confidence=np.ones(len(count), np.float32))
    return found


def feet(rows: MotRows) -> Feet:
    """Where people stood, twice a second."""
    step, box = round(FPS * TICK_S), rows.xyxy.astype(np.float64)
    some = ((rows.frame - 1) % step == 0) & (box[:, 3] < HEIGHT - EDGE) & (box[:, 0] > EDGE) & (
        box[:, 2] < WIDTH - EDGE)
    box = box[some]
    return Feet(rows.id[some], (rows.frame[some].astype(np.int64) - 1) // step,
                np.stack([(box[:, 0] + box[:, 2]) / 2, box[:, 3]], 1), box[:, 3] - box[:, 1], float(WIDTH))


def at_once(rows: Rows) -> np.ndarray:
    """(q, 2) visits that one camera saw in one frame: two people."""
    pairs = set()
    for some in rows.values():
        for number in np.unique(some.frame).tolist():
            begin, end = np.searchsorted(some.frame, [number, number + 1])
            pairs |= set(combinations(sorted(some.id[begin:end].tolist()), 2))
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def owners(rows: Rows, truth: Rows) -> dict[int, int]:
    """Visit → the person whose boxes it follows most often; a number of its own where there is none."""
    votes: dict[int, list[int]] = {}
    for camera, some in rows.items():
        of = truth[camera]
        for number in np.unique(some.frame).tolist():
            a, b = slice(*np.searchsorted(some.frame, [number, number + 1])), slice(
                *np.searchsorted(of.frame, [number, number + 1]))
            overlap = iou_matrix(some.xyxy[a], of.xyxy[b])
            for visit, line in zip(some.id[a].tolist(), overlap, strict=True):
                hit = len(line) and line.max() >= 0.5
                votes.setdefault(visit, []).append(int(of.id[b][line.argmax()]) if hit else -visit - 1)
    return {visit: max(set(said), key=said.count) for visit, said in votes.items()}


def judged(overlap: Overlap, person: dict[int, int]) -> dict[str, int]:
    """Of the visits seen at once: how many pairs place takes for one person, how many of these are, and should be."""
    right = np.array([person[a] == person[b] for a, b in overlap.pairs.tolist()])
    said = overlap.evidence > np.log(max(1.0, 2 * len(right) / len(np.unique(overlap.pairs))))
    return {"said": int(said.sum()), "right": int((said & right).sum()), "one person": int(right.sum())}


def score(rows: Rows, truth: Rows, group: dict[int, int]) -> dict[str, float]:
    """All cameras as one sequence, one after another, with ids that hold for all: IDF1 by TrackEval, percent."""
    number = {name: i + 1 for i, name in enumerate(sorted(set(group.values())))}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("gt.txt", "tracks.txt")]
        for path, of, named in ((files[0], truth, False), (files[1], rows, True)):
            write_mot(path, (
                (int(f) + k * FRAMES, np.array([number[group[v]] if named else v + 1 for v in some.id[part].tolist()]),
                 some.xyxy[part], np.ones(len(some.id[part]), np.float32))
                for k, some in enumerate(of[camera] for camera in CAMERAS) for f in np.unique(some.frame)
                for part in [slice(*np.searchsorted(some.frame, [f, f + 1]))]))
        # Truth must have its classes' column; ours writes −1 there.
        files[0].write_text("".join(",".join(line.split(",")[:6]) + "\n" for line in files[0].read_text().splitlines()))
        found = score_tracks({"all cameras": Sequence(*files)})["all"]
    return {"IDF1": round(100 * found.idf1, 1), "HOTA": round(100 * found.hota, 1), "AssA": round(100 * found.assa, 1),
            "ids": len(number)}


def main() -> None:
    """One line for each way to link."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds campus_auditorium")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = options.data / "campus_auditorium"
    rows = tracked(folder)
    truth = {camera: read_mot(folder / f"{camera}.gt.txt.gz") for camera in CAMERAS}
    walked = {camera: feet(some) for camera, some in rows.items()}
    visits = np.unique(np.concatenate([some.id for some in rows.values()]))
    apart, person = at_once(rows), owners(rows, truth)

    same = np.array([(a, b) for a, b in combinations(visits.tolist(), 2) if person.get(a) == person.get(b)])
    began = time.perf_counter()
    pairs, evidence = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    for one in walked.values():
        more, says = continuations(one)
        pairs.append(more)
        evidence.append(says)
    alone = len(pairs)
    overlaps = []
    for a, b in combinations(CAMERAS, 2):
        overlap = learn_overlap(walked[a], walked[b])
        if overlap is not None:
            overlaps.append({"cameras": f"{a}, {b}", "explained": round(overlap.explained, 1),
                             "by chance": round(overlap.chance, 1),
                             **judged(overlap, person)})
            pairs.append(overlap.pairs)
            evidence.append(overlap.evidence)
    seconds = time.perf_counter() - began

    def odds(candidates: np.ndarray) -> float:
        """Log-odds against a candidate before its place is looked at: of so many, one may be right."""
        return float(np.log(max(1.0, 2 * len(candidates) / len(visits))))

    def linked(some: list[np.ndarray], says: list[np.ndarray]) -> dict[str, float]:
        candidates = np.concatenate(some)
        groups = join(visits, candidates, np.concatenate(says), apart, odds(candidates))
        return score(rows, truth, dict(zip(visits.tolist(), groups.tolist(), strict=True)))

    found = {
        "nobody linked": score(rows, truth, {int(v): int(v) for v in visits}),
        "place and time in each camera": linked(pairs[:alone], evidence[:alone]),
        "and where views overlap, as learned": linked(pairs, evidence),
        "every track linked by the truth": linked([same], [np.full(len(same), 99.0)]),
    }
    if options.json:
        print(json.dumps({"visits": len(visits), "overlaps": overlaps, "seconds": round(seconds, 1), "ways": found}))
        return
    print(f"{len(visits)} visits; learned in {seconds:.1f} s:")
    for o in overlaps:
        print(f"  {o['cameras']} overlap: {o['explained']} explained, {o['by chance']} by chance; of "
              f"{o['one person']} pairs of visits that are one person {o['right']} found, {o['said']} said")
    for name, row in found.items():
        print(f"{name:38s}" + "  ".join(f"{key} {value:5}" for key, value in row.items()))


if __name__ == "__main__":
    main()
