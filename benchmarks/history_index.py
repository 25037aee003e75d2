"""The index over all history: what it finds of the exact answer, how fast, how long it takes to build and its memory.

    python benchmarks/history_index.py [--visits 1000000] [--threads 2] [--data PATH] [--json FILE]

A synthetic city's visits (people seen about five times each, embeddings that err as real ones do) fill `HistoryIndex`.
Questions are visits, and the right answer, the ten others most like one, is found by
looking at every visit. Times are of one question at a time from one thread; `cpu` is the processor's time of the same.
With `--data`, the same on visits_dev's two networks, where the graph is used although so few visits would not need one.
Memory is what the process grew by, beside the index's own count. What decides stands in the last lines: recall at least
.99 with p99 at most 5 ms.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.linking import gallery
from aggregator.linking.history import HistoryIndex
from aggregator.simulate.city import simulate
from aggregator.simulate.settings import CitySettings

K = 10
RECALL, P99_MS = 0.99, 5.0
"""What is asked of everybody's gallery."""


def resident() -> float:
    """Bytes of this process in memory now."""
    return float(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def fill(index: HistoryIndex, embedding: NDArray[np.float16], start: NDArray[np.float64],
         identity: NDArray[np.int64]) -> None:
    """As the indexer does, in chunks; identities are the true ones."""
    for low in range(0, len(embedding), 4096):
        part = slice(low, min(len(embedding), low + 4096))
        count = part.stop - low
        index.add("m", range(low + 1, part.stop + 1), identity[part].tolist(), embedding[part].astype(np.float32),
                  ["c"] * count, start[part].tolist(), start[part].tolist())


def others(asked: NDArray[np.int64], best: NDArray[np.int64]) -> NDArray[np.int64]:
    """The `K` best of (n, K + 1), best first, without the visit that is asked for, (n,)."""
    return np.array([[visit for visit in row if visit != own][:K] for own, row in zip(asked, best, strict=True)])


def exact(part: gallery.Gallery, queries: NDArray[np.float32], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """The right answers, (n, K), by looking at every visit."""
    found = [part.exact(queries[a : a + 100], K + 1) for a in range(0, len(queries), 100)]
    who, cosine = (np.concatenate(column) for column in zip(*found, strict=True))
    return others(asked, np.take_along_axis(who, np.argsort(-cosine, axis=1), axis=1))


def ask(index: HistoryIndex, queries: NDArray[np.float32], asked: NDArray[np.int64], right: NDArray[np.int64],
        model: str = "m", **how: Any) -> dict[str, float]:
    """Recall and times of single questions: visits `asked` (n,), and the others that should be found, (n, K)."""
    hits, wall, cpu = [], [], []
    for query in queries[:10]:
        index.search(query, model, K + 1, **how)
    for query, own, best in zip(queries, asked.tolist(), right.tolist(), strict=True):
        began, work = time.perf_counter(), time.process_time()
        answer = index.search(query, model, K + 1, **how)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - work)
        hits.append(len({visit for visit, _, _ in answer if visit != own} & set(best)) / K)
    return {"questions": len(queries), "recall_at_10": float(np.mean(hits)),
            "recall_error": float(np.std(hits) / np.sqrt(len(hits))), "p50_ms": 1000 * float(np.median(wall)),
            "p99_ms": 1000 * float(np.quantile(wall, 0.99)), "cpu_p50_ms": 1000 * float(np.median(cpu)),
            "cpu_p99_ms": 1000 * float(np.quantile(cpu, 0.99))}


def measure(embedding: NDArray[np.float16], start: NDArray[np.float64], identity: NDArray[np.int64], threads: int,
            questions: int) -> dict[str, Any]:
    """Fill, build, ask."""
    before, began = resident(), time.perf_counter()
    index = HistoryIndex()
    fill(index, embedding, start, identity)
    filled = time.perf_counter() - began
    began, work = time.perf_counter(), time.process_time()
    index.maintain(threads=threads)
    built, worked = time.perf_counter() - began, time.process_time() - work
    grown = resident() - before
    began = time.perf_counter()
    index.settle()
    settled = time.perf_counter() - began
    chosen = np.random.default_rng(5).choice(len(embedding), min(questions, len(embedding)), replace=False)
    queries = embedding[chosen].astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    part = index._parts["m"]
    asked, right = chosen + 1, exact(part, queries, chosen + 1)
    order = np.sort(start)
    middle = len(order) // 2
    since, until = float(order[middle]), float(order[min(len(order) - 1, middle + len(order) // 100)])
    inside = np.flatnonzero((start >= since) & (start <= until))
    vectors = embedding[inside].astype(np.float32)
    filtered = others(asked, inside[np.argsort(-(queries @ vectors.T), axis=1)[:, : K + 1]] + 1)
    return {
        "visits": len(embedding), "dimensions": embedding.shape[1], "points_in_graph": len(part.graph or []),
        "ef": part.ef, "told": index.figures()["m"], "settle_s": settled,
        "fill_s": filled, "build_s": built, "build_cpu_s": worked, "bytes_counted": part.nbytes, "bytes_grown": grown,
        "all": ask(index, queries, asked, right),
        "one_percent": ask(index, queries, asked, filtered, since=since, until=until)}


def show(name: str, found: dict[str, Any]) -> None:
    """One block of lines."""
    print(f"{name}: {found['visits']} visits of {found['dimensions']} numbers, {found['points_in_graph']} in the "
          f"graph, ef {found['ef']}; filled in {found['fill_s']:.1f} s, built in {found['build_s']:.0f} s "
          f"({found['build_cpu_s']:.0f} s of processor); {found['bytes_counted'] / 2**20:.0f} MiB counted, the "
          f"process grew by {found['bytes_grown'] / 2**20:.0f}", flush=True)
    print(f"  settled in {found['settle_s']:.0f} s; it says of itself: recall@10 {found['told']['recall_at_10']:.4f}, "
          f"at least {found['told']['recall_at_least']:.4f}")
    for key, words in (("all", "among all"), ("one_percent", "within 1 % of the time")):
        show_times(words, found[key])


def show_times(words: str, one: dict[str, float]) -> None:
    """One line."""
    recall = f"recall@10 {one['recall_at_10']:.4f} ± {one['recall_error']:.4f} of {one['questions']} questions"
    print(f"  {words:24} {recall}   p50 {one['p50_ms']:.2f} ms, p99 {one['p99_ms']:.2f} "
          f"(cpu {one['cpu_p50_ms']:.2f}, {one['cpu_p99_ms']:.2f})", flush=True)


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2, help="that build")
    parser.add_argument("--data", type=Path, help="folder with visits/visits_dev.npz")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    if given.data:
        gallery.EXACT_BELOW = 1000
        with np.load(given.data / "visits" / "visits_dev.npz") as file:
            for name in ("embedding_osnet_x0_25", "embedding_retail_0248"):
                order = np.argsort(file["end"], kind="stable")
                found[name] = measure(file[name][order], file["start"][order], file["identity"][order], given.threads,
                                      given.questions)
                show(name, found[name])
    if given.visits:
        city = simulate(CitySettings(cameras=60, people=max(20, round(given.visits / 5.06)), hours=24,
                                     dimensions=given.dimensions))
        take = slice(0, given.visits)
        columns = city.embedding[take], city.seen.start[take], city.seen.who[take] + 1
        del city
        found["city"] = measure(*columns, given.threads, given.questions)
        show("city", found["city"])
    for name, one in found.items():
        good = one["all"]["recall_at_10"] >= RECALL and one["all"]["p99_ms"] <= P99_MS
        print(f"{name}: ef {one['ef']}, recall@10 {one['all']['recall_at_10']:.4f} (asked: {RECALL}), p50 "
              f"{one['all']['p50_ms']:.2f} ms, p99 {one['all']['p99_ms']:.2f} ms (asked: {P99_MS:.0f}), "
              f"{one['bytes_grown'] / 2**20:.0f} MiB: {'good' if good else 'short of it'}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
