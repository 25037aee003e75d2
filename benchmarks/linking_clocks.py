"""Two cameras' clocks set off by +75 s and -40 s: the IDF1 that costs, and how near the offsets found are."""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import replace
from pathlib import Path

import aggregator  # noqa: F401  # isort: skip  -- before NumPy: it says how many threads that takes
import numpy as np
from linking import embeddings, people

from aggregator.evaluate.scores import idf1
from aggregator.linking.settings import LinkingSettings
from aggregator.replay import Recording, replay_visits

OFF = (75.0, -40.0)


def shifted(recording: Recording, off: dict[str, float]) -> Recording:
    """As cameras whose clocks are ahead by `off` seconds would have said."""
    by = np.array([off.get(camera, 0.0) for camera in recording.camera.tolist()])
    return replace(recording, start=recording.start + by, end=recording.end + by)


def main() -> None:
    """Prints a line for each two cameras and each embedding, and the worst of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of visits/visits_dev.npz")
    parser.add_argument("--embedding", help="only this one")
    parser.add_argument("--every", type=int, default=1, help="only every n-th pair of cameras")
    parser.add_argument("--write", type=Path, metavar="FILE.npz", help="write the first pair's file and end")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    path = options.data / "visits" / "visits_dev.npz"
    truth = people(path).tolist()
    rows = []
    for name in [options.embedding] if options.embedding else embeddings(path):
        recording = Recording.read(path, name)
        cameras = np.unique(recording.camera).tolist()
        pairs = list(itertools.permutations(cameras, 2))[:: options.every]
        if options.write:
            moved = shifted(recording, dict(zip(pairs[0], OFF, strict=True)))
            with np.load(path) as arrays:
                np.savez(options.write, **{**arrays, "start": moved.start, "end": moved.end})
            return
        plain = replay_visits(recording.visits(), len(recording), LinkingSettings(), None)
        still = {clock.camera: clock.offset for clock in plain.site_map.clocks}
        base = 100 * idf1(truth, plain.identity.tolist())
        if not options.json:
            print(f"{name}: IDF1 {base:.1f} as recorded, offsets {still}")
        for pair in pairs:
            off = dict(zip(pair, OFF, strict=True))
            done = replay_visits(shifted(recording, off).visits(), len(recording), LinkingSettings(), None)
            lost = base - 100 * idf1(truth, done.identity.tolist())
            found = {clock.camera: clock.offset for clock in done.site_map.clocks}
            # Only differences between clocks can be known.
            error = np.array([found[camera] + off.get(camera, 0.0) for camera in cameras])
            wrong = float(np.abs(error - np.median(error)).max())
            row = {"embedding": name, "ahead": pair[0], "behind": pair[1], "idf1_lost": round(lost, 2),
                   "seconds_wrong": round(wrong, 1), "found": found}
            rows.append(row)
            if not options.json:
                print(f"  {pair[0]} +75, {pair[1]} -40: IDF1 lost {lost:5.2f}, found {found[pair[0]]:+.1f} and "
                      f"{found[pair[1]]:+.1f}, at most {wrong:.1f} s wrong", flush=True)
    if options.json:
        print(json.dumps(rows))
    else:
        print(f"worst: IDF1 lost {max(row['idf1_lost'] for row in rows):.2f}, "
              f"{max(row['seconds_wrong'] for row in rows):.1f} s wrong")


if __name__ == "__main__":
    main()
