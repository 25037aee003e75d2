"""Identities over recorded visits with known people: IDF1, false links, calibration and visits a second."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aggregator  # noqa: F401  # isort: skip  -- before NumPy: it says how many threads that takes
import numpy as np
from numpy.typing import NDArray

from aggregator.evaluate.scores import score_links
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.topology import Topology
from aggregator.replay import PREFIX, Recording, replay_visits
from common.memory import kept
from common.settings import from_mapping


def people(path: Path) -> NDArray[Any]:
    """The truth of a recording, which linking does not see."""
    with np.load(path) as arrays:
        return np.asarray(arrays["identity"])


def embeddings(path: Path) -> list[str]:
    """Names of the embeddings that a recording holds."""
    with np.load(path) as arrays:
        return [name.removeprefix(PREFIX) for name in arrays.files if name.startswith(PREFIX)]


def part(recording: Recording, rows: NDArray[np.intp]) -> Recording:
    """Some rows of a recording."""
    columns = ("camera", "start", "end", "frames", "embedding")
    return replace(recording, **{name: getattr(recording, name)[rows] for name in columns})


def subsets(recording: Recording) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """All; both halves of the time; the odd and the even cameras; each half of the people's time apart."""
    middle = np.median(recording.end)
    names = np.unique(recording.camera)
    yield "all", np.arange(len(recording))
    yield "first half", np.flatnonzero(recording.end <= middle)
    yield "second half", np.flatnonzero(recording.end > middle)
    for which, chosen in (("odd cameras", names[::2]), ("even cameras", names[1::2])):
        yield which, np.flatnonzero(np.isin(recording.camera, chosen))


def measure(
    recording: Recording, truth: NDArray[Any], settings: LinkingSettings, topology: Topology | None = None,
    known: NDArray[np.bool_] | None = None,
) -> dict[str, float]:
    """One replay, scored. Shares are in percent; speed is per second of this process' CPU time, and of the clock.

    Args:
        recording: what is linked.
        truth: (n,) who it was.
        settings, topology: of linking.
        known: (n,) which visits are scored; None: all.
    """
    known = np.ones(len(recording), bool) if known is None else known
    cpu, clock = time.process_time(), time.perf_counter()
    done = replay_visits(recording.visits(), len(recording), settings, topology)
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    who, start = truth[known].tolist(), recording.start[known]
    scores = score_links(who, done.identity[known].tolist(), start, done.confidence[known])
    online = score_links(who, done.online[known].tolist(), start)
    return {
        "visits": int(known.sum()),
        "idf1": 100 * scores.idf1,
        "online_idf1": 100 * online.idf1,
        "false_links": 100 * scores.false_links,
        "online_false_links": 100 * online.false_links,
        "ece": scores.calibration_error or 0.0,
        "pair_precision": 100 * scores.pair_precision,
        "pair_recall": 100 * scores.pair_recall,
        "visits_per_cpu_second": len(recording) / cpu,
        "visits_per_second": len(recording) / clock,
    }


def show(name: str, found: dict[str, float]) -> None:
    """One line of a table."""
    print(f"{name:42s}{found['visits']:6.0f}{found['idf1']:7.1f}{found['online_idf1']:8.1f}"
          f"{found['false_links']:7.1f}{found['online_false_links']:8.1f}{found['ece']:7.3f}"
          f"{found['visits_per_second']:8.0f}{found['visits_per_cpu_second']:8.0f}", flush=True)


HEADER = f"{'':42s}visits   IDF1  online  false  online    ECE visits/s    /CPU"


def main() -> None:
    """Prints a line for each embedding, and with --held-out for parts of the time and of the cameras."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of visits/visits_dev.npz")
    parser.add_argument("--visits", type=Path, help="instead: any .npz with the array `identity`")
    parser.add_argument("--embedding", help="only this one")
    parser.add_argument("--held-out", action="store_true", help="parts of the recording as well")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of linking")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    path = options.visits or options.data / "visits" / "visits_dev.npz"
    settings = from_mapping(dict(one.split("=", 1) for one in options.set), LinkingSettings, "--set")
    truth = people(path)
    with np.load(path) as arrays:
        known = arrays["labelled"] if "labelled" in arrays.files else np.ones(len(truth), bool)
    results = []
    kept()  # as `aggregator replay` does
    if not options.json:
        print(HEADER)
    for name in [options.embedding] if options.embedding else embeddings(path):
        recording = Recording.read(path, name)
        for which, rows in subsets(recording):
            if which != "all" and not options.held_out:
                continue
            found = measure(part(recording, rows), truth[rows], settings, known=known[rows])
            results.append({"embedding": name, "part": which, **found})
            if not options.json:
                show(f"{name}, {which}", found)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
