"""One more visit with 100,000 identities in the gallery and 2,000 visits in the window: milliseconds of the linker.

    python benchmarks/linking_gallery.py [--identities 100000] [--window 2000] [--visits 1500] [--json FILE]

A synthetic city fills the real `Linker` as after a start with a full store, and the index over all history. Then more
visits come one at a time. Measured for each: the decision (`Linker.observe`), and looking through all history for who
it may have been long ago. `wide` is the same linker told to compare with everybody whom the gallery holds, as with a
time to live of days: not what the goal speaks of, but what the next step would cost. Learning, which happens every few
hundred visits, is counted in; repairs at intervals are told beside. `cpu` is the processor's time, which a busy
machine changes less.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import time
from pathlib import Path
from typing import Any

import aggregator  # noqa: F401  # isort: skip  -- before NumPy: it says how many threads that takes
import numpy as np

from aggregator.linking.history import HistoryIndex
from aggregator.linking.ids import IdAllocator
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.simulate.city import City, simulate
from aggregator.simulate.plan import visits
from aggregator.simulate.seen import Sightings
from aggregator.simulate.settings import CitySettings


def summary(wall: list[float], cpu: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds."""
    return {"p50_ms": 1000 * float(np.median(wall)), "p99_ms": 1000 * float(np.quantile(wall, 0.99)),
            "cpu_p50_ms": 1000 * float(np.median(cpu)), "cpu_p99_ms": 1000 * float(np.quantile(cpu, 0.99)),
            "cpu_max_ms": 1000 * float(np.max(cpu))}


def thin(city: City, window: int, count: int) -> City:
    """Of everybody long gone only the first visit, and all of the latest: what a gallery of identities holds."""
    first = np.zeros(len(city), bool)
    first[np.unique(city.seen.who, return_index=True)[1]] = True
    first[-(window + count) :] = True
    rows = np.flatnonzero(first)
    columns = {field.name: getattr(city.seen, field.name)[rows] for field in dataclasses.fields(city.seen)}
    return dataclasses.replace(city, seen=Sightings(**columns), embedding=city.embedding[rows])


def run(city: City, known: int, count: int, settings: LinkingSettings) -> dict[str, Any]:
    """Restore `known` visits, then observe `count` more."""
    linker = Linker(settings, None, IdAllocator())
    stream = visits(city)
    linker.restore(((visit, who + 1) for visit, who in zip(
        itertools.islice(stream, known), city.seen.who[:known].tolist(), strict=True)), {})
    wall, cpu, compared = [], [], []
    for _, visit in zip(range(count), stream, strict=False):
        began, work = time.perf_counter(), time.process_time()
        linker.observe([visit], visit.end)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - work)
        table = next(iter(linker._partitions.values())).table
        compared.append(len(table.between(visit.start - settings.time_to_live, np.inf)))
    work = time.process_time()
    linker.resolve(visit.end)
    return {"in_window": float(np.median(compared)), "resolve_cpu_s": time.process_time() - work, **summary(wall, cpu)}


def history(city: City, known: int, count: int) -> dict[str, Any]:
    """The same visits looked for in all history."""
    index = HistoryIndex()
    rows, seen = city.embedding, city.seen
    for low in range(0, known, 4096):
        part = slice(low, min(known, low + 4096))
        names = [city.world.names[k] for k in seen.camera[part]]
        index.add("m", list(range(low + 1, part.stop + 1)), (seen.who[part] + 1).tolist(),
                  rows[part].astype(np.float32), names, seen.start[part].tolist(), seen.end[part].tolist())
    index.maintain(threads=2)
    wall, cpu = [], []
    for query in rows[known : known + count].astype(np.float32):
        began, work = time.perf_counter(), time.process_time()
        index.search(query, "m", 10)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - work)
    recall = index.measure(100).get("m")  # few visits have no graph
    return {"recall_at_10": recall.at_10 if recall else 1.0, **summary(wall, cpu)}


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identities", type=int, default=100_000)
    parser.add_argument("--window", type=int, default=2000, help="visits within the time to live")
    parser.add_argument("--visits", type=int, default=1500, help="that come one at a time")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    city = thin(simulate(CitySettings(cameras=20, people=round(given.identities * 1.02), hours=24)),
                given.window, given.visits)
    known = len(city) - given.visits
    identities = len(set(city.seen.who[:known].tolist()))
    live = float(city.seen.end[known] - city.seen.end[known - given.window])
    settings = LinkingSettings(time_to_live=live)
    found = {"identities": identities, "visits": known,
             "window": run(city, known, given.visits, settings),
             "history": history(city, known, given.visits),
             "wide": run(city, known, min(200, given.visits),
                         settings.model_copy(update={"time_to_live": float(city.seen.end[known] + 1)}))}
    print(f"{known} visits of {identities} identities; {found['window']['in_window']:.0f} in a window of {live:.0f} s")
    for name, words in (("window", "decision"), ("history", "all history"), ("wide", "decision, no window")):
        one = found[name]
        print(f"  {words:20} p50 {one['p50_ms']:.2f} ms, p99 {one['p99_ms']:.2f} ms   cpu p50 {one['cpu_p50_ms']:.2f}, "
              f"p99 {one['cpu_p99_ms']:.2f}, most {one['cpu_max_ms']:.0f}", flush=True)
    print(f"  one repair {1000 * found['window']['resolve_cpu_s']:.0f} ms; recall@10 of all history "
          f"{found['history']['recall_at_10']:.4f}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
