"""How well embedders tell people apart, and what a crop costs.

`--data` is a folder with `video/vtest.avi` and `video/vtest_people.csv` (frame, track, person, x1, y1, x2, y2). A visit
is a labelled track: the mean of the embeddings of 8 crops, evenly spread over it. All pairs of visits are compared by
cosine: AUC is the chance that two visits of one person are more alike than two of different people; mAP asks each visit
for its person's other visits. `other_light` changes gain, gamma and tint of every second visit at random (seeded).

    python benchmarks/models_embedders.py --data ../shared/data --models osnet_generated osnet_x0_25_msmt17
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.embedder import Embedder
from models.load import load_embedder

Image = NDArray[np.uint8]
CROPS = 8


def read_visits(folder: Path) -> tuple[list[list[Image]], NDArray[np.str_]]:
    """The crops of every labelled track, and whose they are."""
    rows: dict[int, list[dict[str, str]]] = defaultdict(list)
    with (folder / "vtest_people.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            rows[int(row["track"])].append(row)
    wanted: dict[int, list[tuple[int, list[float]]]] = defaultdict(list)
    for track, seen in rows.items():
        for index in np.linspace(0, len(seen) - 1, CROPS + 2).round().astype(int)[1:-1]:
            row = seen[index]
            wanted[int(row["frame"])].append((track, [float(row[key]) for key in ("x1", "y1", "x2", "y2")]))
    crops: dict[int, list[Image]] = defaultdict(list)
    video = cv2.VideoCapture(str(folder / "vtest.avi"))
    for number in range(max(wanted) + 1):
        ok, frame = video.read()
        if not ok:
            break
        for track, (x1, y1, x2, y2) in wanted.get(number, ()):
            crop = frame[max(0, round(y1)) : round(y2), max(0, round(x1)) : round(x2)]
            crops[track].append(np.ascontiguousarray(crop, np.uint8))
    tracks = sorted(crops)
    return [crops[track] for track in tracks], np.asarray([rows[track][0]["person"] for track in tracks])


def relit(visits: list[list[Image]]) -> list[list[Image]]:
    """The same visits, every second one in other light."""
    random = np.random.default_rng(0)
    result = []
    for k, crops in enumerate(visits):
        gamma, gain, tint = random.uniform(0.8, 1.25), random.uniform(0.6, 1.3), random.uniform(0.92, 1.08, 3)
        changed = [np.clip(255 * (crop / 255) ** gamma * gain * tint, 0, 255).astype(np.uint8) for crop in crops]
        result.append(changed if k % 2 else crops)
    return result


def measure(embedder: Embedder, visits: list[list[Image]], person: NDArray[np.str_]) -> dict[str, float]:
    """AUC, mAP and mean cosine of the same and of different people."""
    rows = np.stack([embedder.embed(crops).mean(axis=0) for crops in visits])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = rows @ rows.T
    same = person[:, None] == person[None]
    upper = np.triu(np.ones_like(same), 1)
    alike, unlike = cosine[same & upper], cosine[~same & upper]
    auc = (alike[:, None] > unlike[None]).mean() + 0.5 * (alike[:, None] == unlike[None]).mean()
    precisions = []
    for k in range(len(rows)):
        order = np.argsort(-cosine[k], kind="stable")
        hits = same[k][order[order != k]]
        if hits.any():
            precisions.append((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    return {
        "auc": round(float(auc), 3),
        "map": round(float(np.mean(precisions)), 3),
        "cosine_same": round(float(alike.mean()), 3),
        "cosine_other": round(float(unlike.mean()), 3),
    }


def milliseconds(embedder: Embedder, crops: list[Image]) -> tuple[float, float]:
    """For one crop in a batch of 16: the median, and the best of 20."""
    batch = crops[:16]
    embedder.embed(batch)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        embedder.embed(batch)
        times.append(1000 * (time.perf_counter() - start) / len(batch))
    return round(float(np.median(times)), 3), round(min(times), 3)


def main() -> None:
    """Print one line of JSON a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["osnet_generated"])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    visits, person = read_visits(options.data / "video")
    for name in options.models:
        embedder = load_embedder(name, device=options.device)
        median, best = milliseconds(embedder, [crop for crops in visits for crop in crops])
        line: dict[str, Any] = {"model": name, "device": embedder.device, "visits": len(visits)}
        line |= measure(embedder, visits, person)
        line["other_light"] = measure(embedder, relit(visits), person)
        line |= {"ms_a_crop": median, "ms_best": best}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
